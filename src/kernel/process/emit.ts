/**
 * Packs records with fields (as/process/emit.as.ts): where templates are, and what changes from stream to stream and from
 * batch to batch.
 */
import assert from 'node:assert';
import { flagNames, iostreamName } from '../../core/batch.ts';
import { type JsonEnvelope, varint } from '../../records/envelope.ts';
import type { ProgramArena } from '../arena.ts';
import type { PackJob } from '../kernel.ts';
import type { ProcessKernel } from '../process.ts';

/** Kinds of steps, as the kernel numbers them. `cell`: what the step is about. */
export const KINDS = {
  text: 0,
  /** A cell's value. */
  value: 1,
  /** The first run of members of an object, or its pairs: what is in the cell. */
  rest: 2,
  /** The other runs of a node: `cell` is its number. */
  runs: 3,
  /** The time that is in the cell. */
  stamp: 4,
  /** When the batch was read. */
  read: 5,
  /** The file, and `"offset":`. */
  file: 6,
  /** Offset, length and what else says where a record is from. */
  numbers: 7,
  /** The record's text. */
  line: 8,
  open: 9,
  close: 10,
  end: 11,
  /** What the next `cell` steps write is the same for all records of a call; `numbers` are behind them. */
  same: 12,
  /** A value that is expected to be a string that is written as it stands; the texts around it have its quotes. */
  string: 2 << 24,
  /** One that is expected to be written as it stands. */
  plain: 3 << 24,
} as const;

/** A step of a template; `text` stands before what the kind writes. */
export interface TemplateStep {
  readonly kind: keyof typeof KINDS;
  readonly text: string;
  readonly cell: number;
}

/** Which sets of cells a step of the template for all is for: one of `any`, and one of `and`, and none of `none`; 0: whatever. */
export interface Conditions {
  readonly any: bigint;
  readonly and: bigint;
  readonly none: bigint;
}

interface EmitExports {
  useTemplates(job: number, generalToo: boolean): void;
  setOf(record: number): bigint;
  kindOfCell(record: number, cell: number): number;
  packFields(first: number, count: number, from: number, skipped: number, ...rest: number[]): number;
  readonly fieldsEnd: WebAssembly.Global;
  readonly missed: WebAssembly.Global;
  readonly fieldsReplaced: WebAssembly.Global;
}

/** Sets of cells that have a template of their own, at most. */
export const MOST_VARIANTS = 240;
const SLOTS = 1024;
const STEP_BYTES = 16;
const HEAD_BYTES = 32;
/** What a step may write without asking for room, beside its text: a short value in quotes, a time. */
const FIXED_BYTES: Partial<Record<keyof typeof KINDS, number>> = {
  value: 34,
  string: 32,
  plain: 32,
  stamp: 24,
  read: 24,
};
const GENERAL_BYTES = 48;
const FLAGS = 16;
/** A path of 4 KiB, escaped, and the key, which may have it, too. */
const STREAM_BYTES = 32 * 1024;
const ISO_BYTES = 24;
const HASH = 0x9e3779b97f4a7c15n;
const WORD = (1n << 64n) - 1n;

/** Indexes of the job's words, as `useTemplates` reads them. */
const [MASK, GENERAL, UNPARSED, KEY, KEY_BYTES, FILE, FILE_BYTES] = [1, 2, 3, 4, 5, 6, 7] as const;

export class FieldsPacker {
  readonly #process: ProcessKernel;
  readonly #exports: EmitExports;
  readonly #arena: ProgramArena;
  readonly #job: Uint32Array;
  readonly #jobAt: number;
  readonly #variantsAt: number;
  readonly #streamAt: number;
  readonly #readAt: number;
  #variants = 0;
  #generalToo = false;
  #envelope: JsonEnvelope | null = null;
  #time = Number.NaN;

  /** `more`: the cells of runs that are not the first of their node. */
  constructor(process: ProcessKernel, arena: ProgramArena, more: { from: number; to: number }) {
    this.#process = process;
    this.#exports = process.exports<EmitExports>();
    this.#arena = arena;
    this.#variantsAt = arena.reserve(SLOTS * STEP_BYTES);
    this.#streamAt = arena.reserve(STREAM_BYTES);
    this.#readAt = arena.reserve(ISO_BYTES);
    const flags = arena.reserve(FLAGS * 8);
    for (let bits = 0; bits < FLAGS; bits++) this.#piece(flags + bits * 8, flagsText(bits));
    const [length, skipped] = [arena.reserve(8), arena.reserve(8)];
    this.#piece(length, ',"length":');
    this.#piece(skipped, ',"skipped":');
    const job = [
      this.#variantsAt,
      SLOTS - 1,
      0,
      0,
      0,
      0,
      0,
      0,
      this.#readAt,
      length,
      skipped,
      flags,
      more.from,
      more.to,
    ];
    this.#jobAt = arena.reserve(job.length * 4);
    this.#job = arena.words(this.#jobAt, job.length);
    this.#job.set(job);
    assert(this.#job[MASK] === SLOTS - 1);
  }

  /** Templates for all sets of cells, and for records whose parse failed. */
  setGeneral(steps: readonly (TemplateStep & Conditions)[], unparsed: readonly TemplateStep[]): void {
    const at = this.#arena.reserve((steps.length + 1) * GENERAL_BYTES);
    const { bytes } = this.#process;
    for (const [i, step] of steps.entries()) {
      const here = at + i * GENERAL_BYTES;
      this.#step(here, step);
      for (const [k, set] of [step.any, step.and, step.none].entries()) bytes.writeBigUInt64LE(set, here + 16 + k * 8);
    }
    this.#step(at + steps.length * GENERAL_BYTES, { kind: 'end', text: '', cell: 0 });
    this.#job[GENERAL] = at;
    this.#job[UNPARSED] = this.#place(unparsed);
  }

  /** False: there are so many, or so long ones, that from now on others are written after the template for all. */
  addVariant(set: bigint, steps: readonly TemplateStep[]): boolean {
    const texts = steps.map(({ text }) => Buffer.byteLength(text));
    const room = [HEAD_BYTES + steps.length * STEP_BYTES, ...texts];
    if (this.#variants === MOST_VARIANTS || !this.#arena.hasRoom(room)) {
      this.#generalToo = true;
      return false;
    }
    this.#variants++;
    const { bytes } = this.#process;
    let slot = Number(((set * HASH) & WORD) >> 32n) & (SLOTS - 1);
    while (bytes.readUInt32LE(this.#variantsAt + slot * STEP_BYTES + 8) !== 0) slot = (slot + 1) & (SLOTS - 1);
    const at = this.#variantsAt + slot * STEP_BYTES;
    bytes.writeBigUInt64LE(set, at);
    bytes.writeUInt32LE(this.#place(steps), at + 8);
    return true;
  }

  /**
   * Packs records [first, first + count) of the batch whose tables and rows are in use, up to the first that has no room,
   * or for whose set there is no template: `missed`.
   */
  pack(first: number, count: number, job: PackJob, envelope: JsonEnvelope): number {
    this.#placeStream(envelope, job.time);
    const e = this.#exports;
    e.useTemplates(this.#jobAt, this.#generalToo);
    const { position, skipped, delta, outAt, limitAt } = job;
    return e.packFields(first, count, position, skipped, delta, outAt, limitAt);
  }

  get missed(): boolean {
    return Boolean(this.#exports.missed.value);
  }

  get endAt(): number {
    return this.#exports.fieldsEnd.value >>> 0;
  }

  get replaced(): number {
    return this.#exports.fieldsReplaced.value;
  }

  /** Which cells of a record there are: a bit each. */
  setOf(record: number): bigint {
    return BigInt.asUintN(64, this.#exports.setOf(record));
  }

  /** As what the value of a cell may be expected that is as that of this record. */
  expected(record: number, cell: number): 'string' | 'plain' | 'value' {
    const kind = this.#exports.kindOfCell(record, cell) << 24;
    return kind === KINDS.string ? 'string' : kind === KINDS.plain ? 'plain' : 'value';
  }

  #placeStream(envelope: JsonEnvelope, time: number): void {
    const { bytes } = this.#process;
    if (envelope !== this.#envelope) {
      const { key, file } = envelope;
      const framed = Buffer.concat([varint(key.length), key]);
      const fileAt = this.#streamAt + framed.length + STEP_BYTES;
      assert(framed.length + file.length + 2 * STEP_BYTES <= STREAM_BYTES, 'the path of a file is too long');
      framed.copy(bytes, this.#streamAt);
      file.copy(bytes, fileAt);
      this.#job.set([this.#streamAt, framed.length, fileAt, file.length], KEY);
      assert(
        this.#job[KEY_BYTES] === framed.length && this.#job[FILE] === fileAt && this.#job[FILE_BYTES] === file.length,
      );
      this.#envelope = envelope;
    }
    if (time !== this.#time) {
      bytes.write(new Date(time).toISOString(), this.#readAt, ISO_BYTES, 'latin1');
      this.#time = time;
    }
  }

  #place(steps: readonly TemplateStep[]): number {
    const last = steps.at(-1)!;
    assert(last.kind === 'text', 'a template ends with a text');
    const all = [...steps.slice(0, -1), { ...last, kind: 'end' } as const];
    const at = this.#arena.reserve(HEAD_BYTES + all.length * STEP_BYTES);
    const fixed = all.map(({ kind, text }) => Buffer.byteLength(text) + (FIXED_BYTES[kind] ?? 0));
    this.#process.bytes.writeUInt32LE(
      fixed.reduce((sum, bytes) => sum + bytes, 0),
      at,
    );
    for (const [i, step] of all.entries()) this.#step(at + HEAD_BYTES + i * STEP_BYTES, step);
    return at;
  }

  #step(at: number, { kind, text, cell }: TemplateStep): void {
    const { bytes } = this.#process;
    bytes.writeUInt32LE(KINDS[kind], at);
    bytes.writeUInt32LE(cell, at + 4);
    this.#piece(at + 8, text);
  }

  /** Puts address and bytes of a text at `at`. */
  #piece(at: number, text: string): void {
    const { bytes } = this.#process;
    const piece = Buffer.from(text);
    bytes.writeUInt32LE(piece.length > 0 ? this.#arena.place(piece) : this.#readAt, at);
    bytes.writeUInt32LE(piece.length, at + 4);
  }
}

/** What the kernel's pack writes of a record's flags, too. */
function flagsText(bits: number): string {
  const [words, iostream] = [flagNames(bits), iostreamName(bits)];
  const flags = words.length > 0 ? `,"flags":${JSON.stringify(words)}` : '';
  return `${flags}${iostream === null ? '' : `,"iostream":"${iostream}"`}`;
}
