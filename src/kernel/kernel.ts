/**
 * The kernel: loops over bytes, in WebAssembly with SIMD, on the pool's memory. This is its one door.
 *
 * The scratch at the beginning of the memory belongs to the kernel:
 *
 *   0      table of pieces: address and bytes of each (as/pieces.as.ts says what they are)
 *   1024   signs that texts are compared with (as/signs.as.ts)
 *   1216   where the compiler would put static data: there are none
 *   2048   table for escaping (as/json.as.ts)
 *   6144   the pieces for a record's flags, then those of the envelope in use, one behind the other
 *   73728  where literals are looked for: the tables of those in use, and a byte a record, what was found
 *
 * State between calls is only there and in the kernel's globals: one instance a memory, used by one thread.
 */
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { flagNames, iostreamName, MULTILINE, type Rows, rowsAt, STDERR, STDOUT, TRUNCATED } from '../core/batch.ts';
import { type ArenaSpace, MAX_RECORDS, SCRATCH_BYTES, type Slot } from '../core/pool.ts';
import { type Envelope, varint } from '../records/envelope.ts';
import { type ProgramArena, ProgramArenas } from './arena.ts';
import { NEEDLES_ROOM, type Needles } from './needles.ts';
import { ProcessKernel } from './process.ts';

const TABLE_BYTES = 256;
const PIECES_AT = 6144;
/** Pieces are copied in steps of 16 bytes. */
const OVERRUN = 16;
const FOUND_AT = SCRATCH_BYTES - MAX_RECORDS;
const NEEDLES_AT = FOUND_AT - NEEDLES_ROOM;
/** How a literal must lie in a line, as as/search.as.ts has it. */
const EDGES = { starts: 1, ends: 2, is: 3 } as const;
const KINDS = { json: 0, raw: 1, value: 2 } as const;
/** Indexes into the table of pieces; FLAGS + the bits of a record's flags. */
const [KEY, HEAD, OFFSET, LENGTH, SKIPPED, AFTER, FLAGS] = [0, 1, 2, 3, 4, 5, 6] as const;
const ALL_FLAGS = TRUNCATED | MULTILINE | STDOUT | STDERR;
const FLAGS_BITS = Array.from({ length: ALL_FLAGS + 1 }, (_, bits) => bits);

const NOTHING = Buffer.alloc(0);
const TIMESTAMP_BEFORE = '{"@timestamp":"';
/** As `Date.prototype.toISOString` writes it. */
const TIMESTAMP_BYTES = 24;
const JSON_PIECES = {
  head: Buffer.from(TIMESTAMP_BEFORE.padEnd(TIMESTAMP_BEFORE.length + TIMESTAMP_BYTES)),
  length: Buffer.from(',"length":'),
  skipped: Buffer.from(',"skipped":'),
  flags: FLAGS_BITS.map((bits) => {
    const [words, iostream] = [flagNames(bits), iostreamName(bits)];
    const flags = words.length > 0 ? `,"flags":${JSON.stringify(words)}` : '';
    return Buffer.from(`${flags}${iostream === null ? '' : `,"iostream":"${iostream}"`}`);
  }),
};
const RAW_PIECES = {
  offset: framed('offset'),
  length: framed('length'),
  skipped: framed('skipped'),
  flags: FLAGS_BITS.map((bits) => {
    const [words, iostream] = [flagNames(bits), iostreamName(bits)];
    const flags = words.length > 0 ? [framed('flags'), framed(words.join(','))] : [];
    return Buffer.concat([...flags, ...(iostream === null ? [] : [framed('iostream'), framed(iostream)])]);
  }),
};

/** What `Kernel.pack` needs to know beside the records. */
export interface PackJob {
  envelope: Envelope;
  /** When the records were read, milliseconds since the epoch. */
  time: number;
  /** Where in the source the batch begins: `batch.from`. */
  position: number;
  /** Bytes of the source directly before that which were filtered. */
  skipped: number;
  /** Offset delta of the first record in its block. */
  delta: number;
  /** Addresses in the pool's memory between which the records go. Up to 64 bytes from `limitAt` on may be overwritten. */
  outAt: number;
  limitAt: number;
  /** Nothing stands before the first record in its block: where it does not fit, it is cut to fit. */
  empty: boolean;
}

interface Exports {
  useSlot(startsAt: number, endsAt: number, sourceAt: number, lengthAt: number, flagsAt: number): void;
  findLines(fromAt: number, toAt: number, baseAt: number, first: number, max: number, last: boolean): number;
  /** The arguments of `pack` in as/pack.as.ts. */
  pack(kind: number, headers: number, first: number, count: number, ...job: (number | boolean)[]): number;
  readonly consumedAt: WebAssembly.Global;
  readonly endAt: WebAssembly.Global;
  readonly cut: WebAssembly.Global;
  readonly replaced: WebAssembly.Global;
  /** The arguments of `decodeLines` in as/decode.as.ts. */
  decodeLines(from: number, to: number, base: number, as: number, ...rest: (number | boolean)[]): number;
  readonly decodedTo: WebAssembly.Global;
  readonly decodedEnd: WebAssembly.Global;
  readonly decodedReplaced: WebAssembly.Global;
  readonly decodedCut: WebAssembly.Global;
  readonly decodedStopped: WebAssembly.Global;
  unwrapCri(first: number, count: number): number;
  unwrapDocker(first: number, count: number): number;
  readonly malformed: WebAssembly.Global;
  readonly unescapedReplaced: WebAssembly.Global;
  join(first: number, count: number, separator: number): number;
  search(table: number, count: number, out: number): void;
  searchEdges(table: number, where: number, count: number, out: number): void;
  /** The arguments of `select` in as/search.as.ts. */
  select(count: number, verdicts: number, wanted: number, ...tables: number[]): number;
}

/** The numbers of encodings in as/decode.as.ts. */
const ENCODINGS = { 'utf-16le': 1, 'utf-16be': 2, latin1: 3 } as const;
export type Decoding = keyof typeof ENCODINGS;

/** What `Kernel.decodeLines` is to do. All but `longest` are addresses. */
export interface DecodeJob {
  encoding: Decoding;
  fromAt: number;
  toAt: number;
  /** What `source` is relative to. */
  baseAt: number;
  /** Where the text goes: at least `longest` + 32 bytes. */
  outAt: number;
  limitAt: number;
  /** Bytes of UTF-8 that are kept of a line. */
  longest: number;
  /** What no LF ends is a line, too. */
  last: boolean;
  /** Lines that are named. */
  most?: number;
}

export interface Decoded {
  count: number;
  /** The address after the last line that was taken, in the source and in the text. */
  consumedAt: number;
  endAt: number;
  replaced: number;
  cut: number;
  /** There may be more lines: they have no room. */
  stopped: boolean;
}

export interface Unwrapped {
  /** Lines that go on in another: flag PARTIAL. */
  partial: number;
  malformed: number;
  replaced: number;
}

let compiled: WebAssembly.Module | undefined;

function compile(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url)));
  return compiled;
}

export class Kernel {
  readonly #exports: Exports;
  readonly #scratch: Buffer;
  /** Address and bytes of each piece. */
  readonly #pieces: Uint32Array;
  #envelope: Envelope | undefined;
  #time = Number.NaN;
  #freeAt = PIECES_AT;
  /** Behind the pieces for flags, of which those of one kind are in the table. */
  readonly #envelopeAt: number;
  readonly #flags: Record<'json' | 'raw', Uint32Array>;
  #flagsOf: 'json' | 'raw' | null = null;
  /** Those whose tables are in the scratch. */
  #needles: Needles | null = null;
  /** Behind what an envelope may take. */
  #limit = SCRATCH_BYTES;
  readonly #memory: WebAssembly.Memory;
  readonly #arenas: ProgramArenas;
  #process: ProcessKernel | undefined;

  /** `arenas`: where those are, for inputs with fields. */
  constructor(memory: WebAssembly.Memory, arenas: ArenaSpace = { at: 0, count: 0 }) {
    this.#memory = memory;
    this.#arenas = new ProgramArenas(memory, arenas);
    this.#exports = new WebAssembly.Instance(compile(), { env: { memory } }).exports as unknown as Exports;
    this.#scratch = Buffer.from(memory.buffer, 0, SCRATCH_BYTES);
    this.#pieces = new Uint32Array(memory.buffer, 0, TABLE_BYTES / 4);
    this.#flags = { json: this.#placeFlags(JSON_PIECES.flags), raw: this.#placeFlags(RAW_PIECES.flags) };
    this.#envelopeAt = this.#freeAt;
  }

  /** The loops for fields, loaded when they are first asked for. */
  get process(): ProcessKernel {
    this.#process ??= new ProcessKernel(this.#memory);
    return this.#process;
  }

  takeArena(): ProgramArena {
    return this.#arenas.take();
  }

  giveArena(arena: ProgramArena): void {
    this.#arenas.give(arena);
  }

  /** The address after the last terminator that `findLines` took; `fromAt` where it found none. */
  get consumedAt(): number {
    return this.#exports.consumedAt.value >>> 0;
  }

  /** The address behind the last record that `pack` wrote. */
  get endAt(): number {
    return this.#exports.endAt.value >>> 0;
  }

  /** Sequences that were not UTF-8 and that `pack` made U+FFFD. */
  get replaced(): number {
    return this.#exports.replaced.value;
  }

  /** Records that `pack` cut because even alone they exceed the limit. */
  get cut(): number {
    return this.#exports.cut.value;
  }

  /**
   * Names the lines of memory [fromAt, toAt) that LF ends in the slot's tables from index `first`, `source` relative to
   * `baseAt`; returns how many. LF and a CR before it are not part of a record, but of its length; nor are byte order
   * marks that begin the line. `last`: what no LF ends is a line, too. At most `most` lines.
   */
  findLines(
    slot: Slot,
    fromAt: number,
    toAt: number,
    baseAt: number,
    first: number,
    last = false,
    most = MAX_RECORDS,
  ): number {
    this.#use(slot);
    return this.#exports.findLines(fromAt, toAt, baseAt, first, most, last);
  }

  /** Names the lines of memory [fromAt, toAt) as `findLines` does, and writes them as UTF-8, LF behind each. */
  decodeLines(slot: Slot, job: DecodeJob, first: number): Decoded {
    const { encoding, fromAt, toAt, baseAt, outAt, limitAt, longest, last, most = MAX_RECORDS } = job;
    assert(limitAt - outAt >= longest + 32, 'no room for a line');
    this.#use(slot);
    const e = this.#exports;
    const as = ENCODINGS[encoding];
    const count = e.decodeLines(fromAt, toAt, baseAt, as, outAt, limitAt, longest, first, most, last);
    return {
      count,
      consumedAt: e.decodedTo.value >>> 0,
      endAt: e.decodedEnd.value >>> 0,
      replaced: e.decodedReplaced.value,
      cut: e.decodedCut.value,
      stopped: Boolean(e.decodedStopped.value),
    };
  }

  /** Takes off records [first, first + count) what a container runtime put around them, and sets their flags. */
  unwrap(slot: Slot, format: 'cri' | 'docker', first: number, count: number): Unwrapped {
    this.#use(slot);
    const e = this.#exports;
    const partial = format === 'cri' ? e.unwrapCri(first, count) : e.unwrapDocker(first, count);
    return { partial, malformed: e.malformed.value, replaced: format === 'cri' ? 0 : e.unescapedReplaced.value };
  }

  /**
   * Moves the texts of records [first, first + count) together, LF or nothing between them; returns the address behind.
   * The tables stay as they are.
   */
  join(slot: Slot, first: number, count: number, separator: 'lf' | 'nothing'): number {
    this.#use(slot);
    return this.#exports.join(first, count, separator === 'lf' ? 10 : -1) >>> 0;
  }

  /**
   * Which of the slot's records [0, count) hold one of the literals, begin or end with one, or are one: a byte each, 1 or
   * 0, that holds until the next call.
   */
  find(slot: Slot, count: number, where: 'contains' | keyof typeof EDGES, needles: Needles): Uint8Array {
    this.#use(slot);
    if (needles !== this.#needles) {
      needles.tables(NEEDLES_AT).copy(this.#scratch, NEEDLES_AT);
      this.#limit = NEEDLES_AT;
      if (this.#freeAt > NEEDLES_AT) this.#envelope = undefined;
      this.#needles = needles;
    }
    if (where === 'contains') this.#exports.search(NEEDLES_AT, count, FOUND_AT);
    else this.#exports.searchEdges(NEEDLES_AT, EDGES[where], count, FOUND_AT);
    return this.#scratch.subarray(FOUND_AT, FOUND_AT + count);
  }

  /**
   * Names only those of the slot's records [0, count) whose byte in `found` is `wanted`, with their rows if they have some;
   * returns how many there are.
   */
  select(slot: Slot, count: number, found: Uint8Array, wanted: 0 | 1, rows: Rows | null = null): number {
    if (found.byteOffset !== FOUND_AT || found.buffer !== this.#scratch.buffer) this.#scratch.set(found, FOUND_AT);
    const tables = [slot.startsAt, slot.endsAt - slot.startsAt, slot.flagsAt];
    const [at, bytes] = rows ? [rowsAt(rows), rows.width * 8] : [0, 0];
    return this.#exports.select(count, FOUND_AT, wanted, ...tables, at, bytes);
  }

  /**
   * Packs the slot's records [first, first + count) as Kafka records, in order; returns how many fitted. That is 0 for
   * an empty block only when there is not even room for the envelope of the first.
   */
  pack(slot: Slot, first: number, count: number, job: PackJob): number {
    assert(first + count <= MAX_RECORDS, 'records beyond the tables');
    const { envelope, position, skipped, delta, outAt, limitAt, empty } = job;
    this.#use(slot);
    this.#place(envelope, job.time);
    const headers = envelope.kind === 'raw' ? envelope.headerCount : 0;
    const kind = KINDS[envelope.kind];
    return this.#exports.pack(kind, headers, first, count, position, skipped, delta, outAt, limitAt, empty);
  }

  #use(slot: Slot): void {
    this.#exports.useSlot(slot.startsAt, slot.endsAt, slot.sourceAt, slot.lengthAt, slot.flagsAt);
  }

  /** Brings the pieces of the envelope into the scratch, unless they are there from the call before. */
  #place(envelope: Envelope, time: number): void {
    if (envelope !== this.#envelope) {
      this.#envelope = undefined;
      this.#placePieces(envelope);
      this.#envelope = envelope;
      this.#time = Number.NaN;
    }
    if (envelope.kind === 'json' && time !== this.#time) {
      const at = this.#pieces[HEAD * 2]! + TIMESTAMP_BEFORE.length;
      this.#scratch.write(new Date(time).toISOString(), at, TIMESTAMP_BYTES, 'latin1');
      this.#time = time;
    }
  }

  #placePieces(envelope: Envelope): void {
    const json = envelope.kind === 'json';
    const texts = json ? JSON_PIECES : RAW_PIECES;
    this.#freeAt = this.#envelopeAt;
    this.#piece(KEY, varint(envelope.key.length), envelope.key);
    if (json) this.#piece(HEAD, JSON_PIECES.head, envelope.before);
    else this.#piece(HEAD, envelope.kind === 'raw' ? envelope.headers : NOTHING);
    this.#piece(OFFSET, json ? envelope.offset : RAW_PIECES.offset);
    this.#piece(LENGTH, texts.length);
    this.#piece(SKIPPED, texts.skipped);
    this.#piece(AFTER, json ? envelope.after : NOTHING);
    const flagsOf = json ? 'json' : 'raw';
    if (flagsOf !== this.#flagsOf) this.#pieces.set(this.#flags[flagsOf], FLAGS * 2);
    this.#flagsOf = flagsOf;
  }

  /** Writes the pieces for flags into the scratch, once; gives their part of the table. */
  #placeFlags(texts: Buffer[]): Uint32Array {
    for (const [bits, text] of texts.entries()) this.#piece(FLAGS + bits, text);
    return this.#pieces.slice(FLAGS * 2, (FLAGS + texts.length) * 2);
  }

  #piece(index: number, ...parts: Buffer[]): void {
    const at = this.#freeAt;
    for (const part of parts) {
      assert(this.#freeAt + part.length + OVERRUN <= this.#limit, 'the envelope is larger than the scratch');
      part.copy(this.#scratch, this.#freeAt);
      this.#freeAt += part.length;
    }
    this.#pieces[index * 2] = at;
    this.#pieces[index * 2 + 1] = this.#freeAt - at;
  }
}

/** Text with its length before it, as the names and values of Kafka's headers stand. */
function framed(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([varint(bytes.length), bytes]);
}
