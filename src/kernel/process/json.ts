/** Walks JSON into rows (as/process/json-walk.as.ts). */
import type { ProgramArena } from '../arena.ts';
import { MAX_CELLS, type ProcessKernel } from '../process.ts';

interface JsonExports {
  walkJson(count: number, todo: number, job: number, fresh: boolean, instead: number, original: number): void;
  readonly jsonFailed: WebAssembly.Global;
  readonly jsonSlow: WebAssembly.Global;
  readonly jsonReplaced: WebAssembly.Global;
}

const NO_CELL = 0xff;
const GATHERED_BYTES = 32;
/** Beside a node's cell: dotted names are nested there. */
const NESTS = 0x80;
/** Entries of a shape, and one more; where the node of an entry stands, and what ends a shape in its place. */
const SHAPE_BYTES = 65 * 64;
const SHAPE_NODE = 44;
const SHAPE_END = 0xffffffff;

export interface JsonJob {
  names: { at: number; mask: number };
  /** Cells of runs that are not the first of their object. */
  more: { from: number; to: number };
  /** The number of the node whose members the texts have. */
  root: number;
  /** Objects whose members may be written dotted there; `slow`: lines that have one are left to JavaScript. */
  gathered: readonly { name: string; node: number; slow: boolean }[];
  /** Numbers of those in which dotted names are nested. */
  nests: readonly number[];
  /** By node: the cell of its first run. */
  rests: readonly number[];
  tables: JsonTables;
}

/** Addresses of tables for one text, which all walkers of a program may share. They are of use only where lines differ. */
export interface JsonTables {
  readonly hashes: number;
  readonly places: number;
  readonly spill: number;
  readonly scratch: number;
}

/** As the kernel has it: slots of hashes and of places, bits of the stack of objects and arrays. */
export function jsonTables(arena: ProgramArena): JsonTables {
  return {
    hashes: arena.reserve(32_768 * 8),
    places: arena.reserve(4096 * 16),
    spill: arena.reserve(2 ** 18 / 8 + 8),
    // A row, and a name.
    scratch: arena.reserve(MAX_CELLS * 8 + 512 + 32),
  };
}

export class JsonWalker {
  readonly #exports: JsonExports;
  readonly #jobAt: number;

  constructor(
    process: ProcessKernel,
    arena: ProgramArena,
    { names, more, root, gathered, nests, rests, tables }: JsonJob,
  ) {
    this.#exports = process.exports<JsonExports>();
    const { hashes, places, spill, scratch } = tables;
    const list = placeGathered(arena, gathered);
    const shapes = arena.reserve(SHAPE_BYTES);
    arena.bytes.writeUInt32LE(SHAPE_END, shapes + SHAPE_NODE);
    const job = [
      ...[names.at, names.mask, hashes, places, list, gathered.length],
      ...[rests.length, more.from, more.to, spill, scratch, root, shapes],
    ];
    this.#jobAt = arena.reserve(job.length * 4 + rests.length);
    arena.words(this.#jobAt, job.length).set(job);
    const cells = rests.map((cell, node) => (nests.includes(node) ? cell | NESTS : cell));
    arena.bytes.set(cells, this.#jobAt + job.length * 4);
  }

  /**
   * Parses the texts of the records at `todo`, whose byte becomes 0, or 2 where it must be done elsewhere. See walkJson.
   * `original` null: the text is not kept.
   */
  walk(
    count: number,
    todoAt: number,
    how: { fresh: boolean; instead: number; original: number | null },
  ): { failed: number; slow: number; replaced: number } {
    const e = this.#exports;
    e.walkJson(count, todoAt, this.#jobAt, how.fresh, how.instead, how.original ?? NO_CELL);
    return { failed: e.jsonFailed.value, slow: e.jsonSlow.value, replaced: e.jsonReplaced.value };
  }
}

function placeGathered(arena: ProgramArena, gathered: JsonJob['gathered']): number {
  const at = arena.reserve(gathered.length * GATHERED_BYTES);
  for (const [i, { name, node, slow }] of gathered.entries()) {
    const entry = at + i * GATHERED_BYTES;
    const prefix = Buffer.from(`${name}.`);
    prefix.copy(arena.bytes, entry, 0, 8);
    arena.bytes.fill(0xff, entry + 8, entry + 8 + Math.min(8, prefix.length));
    arena.words(entry + 16, 4).set([prefix.length, arena.place(prefix), node, Number(slow)]);
  }
  return at;
}
