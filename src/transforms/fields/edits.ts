/**
 * What `rename`, `remove`, `only`, `add` and `set` do to rows: moves between cells (kernel/as/process/moves.as.ts), found
 * when all names are known. A field may be an object, some of whose members have cells and the others are in runs: then all
 * of them are moved.
 */
import type { Batch } from '../../core/batch.ts';
import { type Edit, EditsDoor } from '../../kernel/process/moves.ts';
import type { Program } from '../program.ts';
import { globMeans, globMeansAll, type NameGlob } from './name-glob.ts';
import { Prune } from './prune.ts';
import type { FieldNode } from './tree.ts';

/** What the agent writes itself of what went wrong, or was: it stays. */
const KEPT = ['error.type', 'event.original'];

export interface SetOptions {
  from?: string | undefined;
  default?: string | undefined;
  lower: boolean;
  number: boolean;
}

/** The edits of one step: what is told to it is done in that order. */
export class FieldEdits {
  readonly #program: Program;
  readonly #planned: (() => Edit[])[] = [];
  #door!: EditsDoor;
  #prune: Prune | null = null;

  constructor(program: Program) {
    this.#program = program;
    program.onSeal(() => {
      this.#door = new EditsDoor(
        program.process,
        program.arena,
        program.more,
        this.#planned.flatMap((plan) => plan()),
      );
    });
  }

  /** `only`: a byte a record, 1 where the step is for it. Gives how many have values that stay, as there is no room. */
  apply(batch: Batch, only: Uint8Array | null): number {
    this.#program.rowsOf(batch);
    const failed = this.#door.apply(batch.count, only);
    this.#prune?.apply(batch.count, only);
    return failed;
  }

  rename(old: string, next: string): void {
    this.#program.cell(old);
    this.#program.cell(next);
    this.#program.alike(old, next);
    this.#planned.push(() => {
      const { tree } = this.#program;
      const from = below(tree.at(old));
      const moves = from.flatMap((node): Edit[] => {
        const to = tree.at(next + node.path.slice(old.length));
        return [
          ...pair(node.leaf, to.leaf).map(([a, b]): Edit => ({ kind: 'move', a, b })),
          ...pair(node.rest, to.rest).map(([a, b]): Edit => ({ kind: 'move', a, b })),
          ...pair(node.rest, to.rest).map((): Edit => ({ kind: 'move_runs', a: node.number, b: to.number })),
        ];
      });
      return unless(cellsOf(from), [...clear(below(tree.at(next))), ...moves]);
    });
  }

  remove(globs: readonly NameGlob[]): void {
    this.#name(globs);
    if (globs.some(({ kind }) => kind === 'any')) this.#prune = new Prune(this.#program, globs, false);
    this.#planned.push(() =>
      this.#program.tree.nodes.flatMap((node) => {
        const leaf = node.leaf !== null && globs.some((glob) => globMeans(node.path, glob));
        const all = globs.some((glob) => globMeansAll(node.path, glob));
        return [...(leaf ? clearLeaf(node) : []), ...(all ? clearRest(node) : [])];
      }),
    );
  }

  only(globs: readonly NameGlob[]): void {
    this.#name(globs);
    const loose = globs.some(({ kind }) => kind === 'any');
    if (loose) this.#prune = new Prune(this.#program, globs, true);
    this.#planned.push(() =>
      this.#program.tree.nodes.flatMap((node) => {
        const leaf = globs.some((glob) => globMeans(node.path, glob)) || KEPT.includes(node.path);
        const all = loose || globs.some((glob) => globMeansAll(node.path, glob));
        return [...(leaf ? [] : clearLeaf(node)), ...(all ? [] : clearRest(node))];
      }),
    );
  }

  /** A field that is a text. */
  add(name: string, text: string): void {
    const a = this.#program.cell(name);
    this.#planned.push(() => [...clear(below(this.#program.tree.at(name))), { kind: 'set', a, text }]);
  }

  set(name: string, { from, default: text, lower, number }: SetOptions): void {
    const a = this.#program.cell(name);
    const source = from === undefined ? null : this.#program.cell(from);
    this.#planned.push(() => {
      const { tree } = this.#program;
      const edits: Edit[] = [];
      if (source !== null && source !== a) {
        const copy: Edit[] = [...clear(below(tree.at(name))), { kind: 'copy', a: source, b: a }];
        edits.push(...unless(1n << BigInt(source), copy));
      }
      if (text !== undefined) edits.push({ kind: 'default', a, text });
      if (lower) edits.push({ kind: 'lower', a });
      if (number) edits.push({ kind: 'number', a });
      return edits;
    });
  }

  #name(globs: readonly NameGlob[]): void {
    for (const { kind, name } of globs) {
      if (kind === 'exact') this.#program.cell(name);
      else if (kind === 'below') this.#program.asObject(name);
    }
  }
}

/** The node, and all below it. */
function below(node: FieldNode): FieldNode[] {
  return [node, ...[...node.children.values()].flatMap(below)];
}

function cellsOf(nodes: readonly FieldNode[]): bigint {
  let cells = 0n;
  for (const { leaf, rest } of nodes) {
    for (const cell of [leaf, rest]) if (cell !== null) cells |= 1n << BigInt(cell);
  }
  return cells;
}

function clear(nodes: readonly FieldNode[]): Edit[] {
  return nodes.flatMap((node) => [...clearLeaf(node), ...clearRest(node)]);
}

function clearLeaf({ leaf }: FieldNode): Edit[] {
  return leaf === null ? [] : [{ kind: 'clear', cells: [leaf], nodes: [] }];
}

function clearRest({ rest, number }: FieldNode): Edit[] {
  if (rest === null) return [];
  return [{ kind: 'clear', cells: [rest], nodes: [number] }];
}

/** Edits for records that have one of the cells. */
function unless(cells: bigint, edits: readonly Edit[]): Edit[] {
  return [{ kind: 'unless', anyOf: cells, skip: edits.length }, ...edits];
}

function pair(a: number | null, b: number | null): [number, number][] {
  return a === null || b === null ? [] : [[a, b]];
}
