/**
 * The fields that an input's steps name, as the objects they nest to:
 *
 *   log.level, req.method   ->   {log: {level}, req: {method}}
 *
 * Each object is a node with a number. Where a format passes members that no step names, a node has a cell for the first run
 * of those, and one for itself where a line has something else than an object under its name.
 */
import { NAMES_OF_ENVELOPE } from './envelope.ts';

export interface FieldNode {
  readonly number: number;
  /** Dotted; '' is the record. */
  readonly path: string;
  /** The last part of the path. */
  readonly name: string;
  /** The cell of the field of this name, whatever its value; null: no step has it, and nothing else. */
  leaf: number | null;
  /** The cell of the first run of its members; null: none is passed. */
  rest: number | null;
  /** By name, in the order in which they were named. */
  readonly children: Map<string, FieldNode>;
}

/** So many parts a name may have. */
export const MOST_PARTS = 16;
const MOST_NODES = 127;

export class FieldTree {
  readonly root: FieldNode;
  /** The cell of members of `conflict` that have no cell of their own; null: nothing can conflict. */
  conflicts: number | null = null;
  /** By number: the record and all objects. */
  readonly nodes: FieldNode[] = [];
  readonly #byPath = new Map<string, FieldNode>();

  /** Objects whose members may be written dotted, at the top of a line. */
  readonly gathered: FieldNode[] = [];

  /** `cells`: by dotted name; `objects`: names of objects besides. */
  constructor(cells: ReadonlyMap<string, number>, objects: ReadonlySet<string> = new Set()) {
    this.root = this.#add('', '');
    for (const [name, cell] of cells) this.#node(name).leaf = cell;
    for (const name of objects) this.gathered.push(this.#node(name));
  }

  /** From here on members that no step names are passed at this path, and below it. */
  pass(path: string, reserve: () => number): void {
    const top = this.#node(path);
    if (path === '') {
      for (const own of NAMES_OF_ENVELOPE) this.#node(own);
      for (const own of ['log', 'event']) this.gathered.push(this.#node(own));
      this.conflicts ??= reserve();
    }
    for (const node of this.nodes) {
      const below = node === top || path === '' || node.path.startsWith(`${path}.`);
      if (!below) continue;
      if (node === top || node.children.size > 0 || this.gathered.includes(node)) node.rest ??= reserve();
      if (node !== top) node.leaf ??= reserve();
    }
  }

  /** What is passed below one of the names is below the other, too. */
  passAlike(name: string, other: string, reserve: () => number): void {
    for (const node of [...this.nodes]) {
      for (const [a, b] of [
        [name, other],
        [other, name],
      ] as const) {
        if (node.rest === null || (node.path !== a && !node.path.startsWith(`${a}.`))) continue;
        const twin = this.#node(b + node.path.slice(a.length));
        twin.rest ??= reserve();
        twin.leaf ??= reserve();
      }
    }
  }

  at(path: string): FieldNode {
    return this.#byPath.get(path)!;
  }

  #node(path: string): FieldNode {
    const known = this.#byPath.get(path);
    if (known) return known;
    const dot = path.lastIndexOf('.');
    const parent = dot < 0 ? this.root : this.#node(path.slice(0, dot));
    const node = this.#add(path, path.slice(dot + 1));
    parent.children.set(node.name, node);
    return node;
  }

  #add(path: string, name: string): FieldNode {
    if (this.nodes.length > MOST_NODES)
      throw new Error(`its steps name more than ${MOST_NODES} fields: make them fewer`);
    const node = { number: this.nodes.length, path, name, leaf: null, rest: null, children: new Map() };
    this.nodes.push(node);
    this.#byPath.set(path, node);
    return node;
  }
}
