/** Programs of edits between cells (as/process/moves.as.ts). */
import type { ProgramArena } from '../arena.ts';
import type { ProcessKernel } from '../process.ts';
import { Marks } from './edits.ts';

/** In the order in which the kernel numbers them; `a` and `b` are cells, or nodes where it is about runs. */
const KINDS = ['move', 'copy', 'clear', 'set', 'default', 'move_runs', 'lower', 'number', 'unless', 'end'] as const;

export type Edit =
  | { kind: 'move' | 'copy' | 'move_runs'; a: number; b: number }
  | { kind: 'lower' | 'number'; a: number }
  /** Cells, and runs of nodes that are not their first. */
  | { kind: 'clear'; cells: readonly number[]; nodes: readonly number[] }
  /** The cell has this text, `default`: where it has nothing. */
  | { kind: 'set' | 'default'; a: number; text: string }
  /** The `skip` edits behind are for records that have one of these cells. */
  | { kind: 'unless'; anyOf: bigint; skip: number };

interface MoveExports {
  editRows(program: number, count: number, only: number, moreFrom: number, moreTo: number): void;
  readonly editsFailed: WebAssembly.Global;
}

const ENTRY_BYTES = 16;
const JSTR = 2;
const ESCAPED = 1;

export class EditsDoor {
  readonly #exports: MoveExports;
  readonly #programAt: number;
  readonly #marks: Marks;
  readonly #more: { from: number; to: number };

  constructor(process: ProcessKernel, arena: ProgramArena, more: { from: number; to: number }, all: readonly Edit[]) {
    const edits = joined(all);
    this.#exports = process.exports<MoveExports>();
    this.#marks = new Marks(arena);
    this.#more = more;
    this.#programAt = arena.reserve((edits.length + 1) * ENTRY_BYTES);
    for (const [i, edit] of edits.entries()) this.#place(arena, this.#programAt + i * ENTRY_BYTES, edit);
    arena.bytes.writeUInt32LE(KINDS.indexOf('end'), this.#programAt + edits.length * ENTRY_BYTES);
  }

  /** Of the rows in use; gives how many of them have values that had no room to be changed. */
  apply(count: number, only: Uint8Array | null): number {
    const { from, to } = this.#more;
    this.#exports.editRows(this.#programAt, count, this.#marks.place(only), from, to);
    return this.#exports.editsFailed.value;
  }

  #place(arena: ProgramArena, at: number, edit: Edit): void {
    let [b, address] = ['b' in edit ? edit.b : 0, 0];
    if ('text' in edit) {
      const inside = JSON.stringify(edit.text).slice(1, -1);
      const bytes = Buffer.from(inside);
      address = arena.place(bytes);
      b = (bytes.length | (JSTR << 24) | ((inside.includes('\\') ? ESCAPED : 0) << 28)) >>> 0;
    }
    let a = 'a' in edit ? edit.a : 0;
    if (edit.kind === 'unless') {
      address = arena.reserve(8);
      arena.bytes.writeBigUInt64LE(edit.anyOf, address);
      b = edit.skip;
    }
    if (edit.kind === 'clear') {
      const { cells, nodes } = edit;
      address = arena.place(Uint8Array.from([...bitsOf(nodes), ...cells]));
      a = cells.length;
      b = nodes.length;
    }
    arena.words(at, 4).set([KINDS.indexOf(edit.kind), a, b, address]);
  }
}

/** What is emptied one after the other is emptied at once. */
function joined(edits: readonly Edit[]): Edit[] {
  const all: Edit[] = [];
  for (let i = 0; i < edits.length; i++) {
    const edit = edits[i]!;
    const last = all.at(-1);
    if (edit.kind === 'unless') {
      const inner = joined(edits.slice(i + 1, i + 1 + edit.skip));
      // What stands behind is for all records: it is not joined with what is for some.
      all.push({ ...edit, skip: inner.length }, ...inner, ...joined(edits.slice(i + 1 + edit.skip)));
      return all;
    }
    if (edit.kind === 'clear' && last?.kind === 'clear') {
      all[all.length - 1] = {
        kind: 'clear',
        cells: [...last.cells, ...edit.cells],
        nodes: [...last.nodes, ...edit.nodes],
      };
    } else all.push(edit);
  }
  return all;
}

function bitsOf(nodes: readonly number[]): Uint8Array {
  const bits = new Uint8Array(16);
  for (const node of nodes) bits[node >> 3]! |= 1 << (node & 7);
  return bits;
}
