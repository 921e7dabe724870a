/** Counts records by short texts of some cells (as/process/groups.as.ts). */
import { MAX_RECORDS } from '../../core/pool.ts';
import type { ProgramArena } from '../arena.ts';
import type { ProcessKernel } from '../process.ts';
import { Marks } from './edits.ts';

const SLOTS = 256;
const MOST_GROUPS = 64;
const GROUP_BYTES = 32;
/** Words from a group's beginning. */
const [RECORDS, FIRST] = [4, 5];

interface GroupExports {
  countGroups(program: number, count: number, only: number, left: number): number;
}

/** What is counted of a batch is told at once: so all steps of a program share one table. */
const tables = new WeakMap<ProgramArena, { groupsAt: number; slotsAt: number; leftAt: number }>();

function tableOf(arena: ProgramArena) {
  let table = tables.get(arena);
  if (!table) {
    const [groupsAt, slotsAt] = [arena.reserve(MOST_GROUPS * GROUP_BYTES), arena.reserve(SLOTS)];
    table = { groupsAt, slotsAt, leftAt: arena.reserve(MAX_RECORDS) };
    tables.set(arena, table);
  }
  return table;
}

export class GroupCounts {
  /** A byte a record of the last batch: 1 where it is in no group, and was to be counted. */
  readonly left: Uint8Array;
  readonly #exports: GroupExports;
  readonly #words: Uint32Array;
  readonly #marks: Marks;
  readonly #programAt: number;
  readonly #groupsAt: number;
  readonly #leftAt: number;

  constructor(process: ProcessKernel, arena: ProgramArena, cells: readonly number[]) {
    this.#exports = process.exports<GroupExports>();
    this.#words = process.words;
    this.#marks = new Marks(arena);
    const { groupsAt, slotsAt, leftAt } = tableOf(arena);
    this.#programAt = arena.place(Buffer.from(Uint32Array.of(cells.length, groupsAt, slotsAt, ...cells).buffer));
    this.#groupsAt = groupsAt;
    this.#leftAt = leftAt;
    this.left = arena.bytes.subarray(leftAt, leftAt + MAX_RECORDS);
  }

  /** Of the rows in use, by `only` or all: tells of each group how many records it has, and the first of them. */
  count(count: number, only: Uint8Array | null, tell: (records: number, first: number) => void): void {
    const made = this.#exports.countGroups(this.#programAt, count, this.#marks.place(only), this.#leftAt);
    for (let i = 0, at = this.#groupsAt / 4; i < made; i++, at += GROUP_BYTES / 4) {
      tell(this.#words[at + RECORDS]!, this.#words[at + FIRST]!);
    }
  }
}
