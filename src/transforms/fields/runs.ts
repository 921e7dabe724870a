/** The members of a row's record that no step names, as text: runs of JSON, and pairs, by the object that they are of. */
import type { Program } from '../program.ts';
import type { FieldNode } from './tree.ts';

/** Kinds of cells, as the kernel numbers them. */
const [TEXT, JSTR, RAW, TRUE, PAIRS, UINT] = [1, 2, 3, 5, 6, 7] as const;
const UNQUOTED = 1;

export interface Members {
  node: FieldNode;
  /** Without the braces around them. */
  members: string;
}

export class RunsOfRow {
  readonly #program: Program;

  constructor(program: Program) {
    this.#program = program;
  }

  /** Of the row of the rows in use. */
  of(row: number): Members[] {
    const { tree, more, process } = this.#program;
    const found = new Map<FieldNode, string[]>();
    const add = (node: FieldNode, members: string) => {
      const known = found.get(node);
      if (known) known.push(members);
      else found.set(node, [members]);
    };
    for (const node of tree.nodes) {
      const members = node.rest === null ? null : this.#membersIn(row, node.rest);
      if (members !== null) add(node, members);
    }
    for (let f = more.from; f < more.to; f++) {
      const { meta, at, bytes } = process.cellOf(row, f);
      if (meta === 0) continue;
      add(tree.nodes[meta >>> 25]!, ((meta >>> 24) & UNQUOTED ? '"' : '') + process.textAt(at, bytes));
    }
    return [...found].map(([node, all]) => ({ node, members: all.join() }));
  }

  /** Members of `conflict` that have no cells of their own; a dotted name is nested. */
  conflictsOf(row: number): string {
    const { conflicts } = this.#program.tree;
    return (conflicts === null ? null : this.#membersIn(row, conflicts)) ?? '';
  }

  /** A cell's value as JSON; null: there is none. */
  valueIn(row: number, cell: number): string | null {
    const { at, meta } = this.#program.process.cellOf(row, cell);
    return meta === 0 ? null : this.#valueOf(at, meta);
  }

  #membersIn(row: number, cell: number): string | null {
    const { process } = this.#program;
    const { at, meta, bytes, kind, flags } = process.cellOf(row, cell);
    if (meta === 0) return null;
    return kind === PAIRS ? this.#pairs(at, bytes) : (flags & UNQUOTED ? '"' : '') + process.textAt(at, bytes);
  }

  /** The row has these of the node, and no others; false: there is no room, and it is as it was. */
  put(row: number, node: FieldNode, members: string): boolean {
    const { process } = this.#program;
    const text = Buffer.from(members);
    const at = text.length === 0 ? 0 : process.sideTake(text.length);
    if (text.length > 0 && at === 0) return false;
    this.clear(row, node);
    text.copy(process.bytes, at);
    if (text.length > 0) process.setCell(row, node.rest!, at, (text.length | (RAW << 24)) >>> 0);
    return true;
  }

  clear(row: number, node: FieldNode): void {
    const { more, process } = this.#program;
    process.setCell(row, node.rest!, 0, 0);
    for (let f = more.from; f < more.to; f++) {
      const { meta } = process.cellOf(row, f);
      if (meta !== 0 && meta >>> 25 === node.number) process.setCell(row, f, 0, 0);
    }
  }

  #pairs(at: number, count: number): string {
    const { process } = this.#program;
    return Array.from({ length: count }, (_, i) => {
      const [key, bytes, value, meta] = process.words.subarray(at / 4 + i * 4, at / 4 + i * 4 + 4);
      return `${JSON.stringify(process.textAt(key!, bytes!))}:${this.#valueOf(value!, meta!)}`;
    }).join();
  }

  #valueOf(at: number, meta: number): string {
    const kind = (meta >>> 24) & 15;
    if (kind === UINT) return String(at);
    if (kind === TRUE) return 'true';
    const text = this.#program.process.textAt(at, meta & 0xffffff);
    if (kind === TEXT) return JSON.stringify(text);
    return kind === JSTR ? `"${text}"` : text;
  }
}
