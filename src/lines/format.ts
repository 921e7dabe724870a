/**
 * From the bytes of a file to records. A plain file's lines are records as they lie there; else:
 *
 *   find lines -> (decode) -> unwrap cri or docker, put partial lines together -> multiline -> mask -> cut at max_line
 *
 * Each step edits the batch's tables. What is not finished stays in the file and is read again: nothing of it is kept.
 */
import { type Batch, MALFORMED, MULTILINE, TRUNCATED } from '../core/batch.ts';
import { BEFORE_LINES, MAX_RECORDS, SLOT_CAPACITY, type Slot } from '../core/pool.ts';
import type { Decoding, Kernel } from '../kernel/kernel.ts';
import type { MaskKernel } from '../kernel/process/mask.ts';
import type { LineOptions } from './envelope.ts';
import { Groups } from './groups.ts';
import { AROUND_BYTES, type LineEnds, lineEndsOf } from './line-ends.ts';
import type { KeyState, Masking } from './masking.ts';
import { Multiline } from './multiline.ts';
import { partEnd, SECRET_BYTES } from './part-ends.ts';
import { Parts, type Swallowed } from './partial.ts';

/** Bytes of one read where lines are records; a longer line is read with more. */
export const READ_BYTES = 512 * 1024;
/** A partial line, or the last group of a file, goes out as it is after this long without a write. */
const TIMEOUT_MS = 2000;
/** The kernel wants that much behind a line. */
const SLACK = 64;
/** What a runtime puts before a line, at most. */
const WRAPPER_BYTES = 256;
/** What decoded lines leave free, if they can, where secrets may become longer. */
const GROWTH_BYTES = 256 * 1024;

/** A part of a line that is split: as JSON it is six times as long at most, and still fits into a block. */
const MOST_PART_BYTES = 128 * 1024;

/** Lines in the tables, before they are shaped. */
export interface FoundLines {
  count: number;
  /** Bytes of the source that they take. */
  taken: number;
  replaced: number;
  /** There may be more lines, for which the tables or the memory have no room. */
  stopped: boolean;
}

/** How far groups end here: `no`; `silent`, the file is at its end and nothing came; `full`, no memory for more. */
export type Closing = 'no' | 'silent' | 'full';

export interface Shaped {
  /** Bytes, relative to what `source` is, up to which everything is in the records. */
  taken: number;
  /** Sources of lines that are not as the runtime writes them. */
  strangers: number[];
  /** The lines of an open group are left. */
  open: boolean;
}

/** Lines may wait for others. */
export function mayGroup({ format, multiline }: LineOptions): boolean {
  return format !== 'plain' || Boolean(multiline);
}

export class Format {
  /** Milliseconds of silence after which an open group goes out. */
  readonly timeout: number;
  /** False: lines are records as they lie there. */
  readonly shapes: boolean;
  /** Bytes of one read at most. */
  readonly readBytes: number;
  /** Bytes of the file that are read of a line that is longer. */
  readonly longest: number;
  readonly lineEnds: LineEnds;
  /** Lines may wait for others. */
  readonly grouping: boolean;
  /** The bytes that are read are changed where they lie. */
  readonly inPlace: boolean;
  /** Lines that are longer than allowed are several records, flagged as TRUNCATED but for the last. */
  readonly splits: boolean;
  /** Lines that are named at once. */
  readonly mostLines: number;
  readonly #kernel: Kernel;
  readonly #decoding: Decoding | null;
  readonly #wrap: 'cri' | 'docker' | null;
  readonly #multiline: Multiline | null;
  readonly #parts: Parts | null;
  readonly #maxLine: number;
  /** Bytes that are decoded of a line. */
  readonly #longest: number;
  /** Bytes behind decoded lines that stay free. */
  readonly #spare: number = 0;
  readonly #masking: Masking | undefined;
  /** Of lines that are split. */
  readonly #stars: MaskKernel | undefined;
  readonly #groups = new Groups();

  /** `mostLines`: of a batch, and so its records. */
  constructor(input: LineOptions, kernel: Kernel, mostLines = MAX_RECORDS, masking?: Masking) {
    this.mostLines = mostLines;
    const { format, encoding_in, multiline } = input;
    this.splits = input.audit ?? false;
    const max_line = this.splits ? Math.min(input.max_line, MOST_PART_BYTES) : input.max_line;
    this.#kernel = kernel;
    this.#decoding = encoding_in === 'utf-8' ? null : encoding_in;
    this.#wrap = format === 'plain' ? null : format;
    this.#multiline = multiline ? new Multiline(multiline, max_line, kernel) : null;
    this.#parts = this.#wrap ? new Parts(max_line) : null;
    this.#maxLine = max_line;
    this.#masking = masking;
    this.#stars = this.splits ? masking?.stars : undefined;
    // A secret where a line is cut, or split, is known.
    this.#longest = max_line + (masking ? SECRET_BYTES : 0);
    this.timeout = multiline?.timeout ?? TIMEOUT_MS;
    this.lineEnds = lineEndsOf(encoding_in);
    const { unitBytes } = this.lineEnds;
    this.shapes = this.#decoding !== null || mayGroup(input);
    const room = SLOT_CAPACITY - BEFORE_LINES - SLACK;
    const grows = masking?.grows === true;
    // Where secrets become longer as much again stays free.
    const usual = grows ? READ_BYTES / 2 : READ_BYTES;
    if (!this.shapes) this.readBytes = Math.min(room, Math.max(usual, this.#longest + AROUND_BYTES + 1));
    else this.readBytes = this.#decoding ? room - this.#longest - SLACK - 1 : room;
    const around = this.#wrap ? WRAPPER_BYTES : 0;
    const longest = (this.#longest + AROUND_BYTES + around) * unitBytes;
    if (grows && this.#decoding) {
      this.#spare = Math.max(0, Math.min(GROWTH_BYTES, this.readBytes - longest));
      this.readBytes -= this.#spare;
    }
    this.readBytes -= this.readBytes % unitBytes;
    this.longest = Math.min(this.readBytes, longest);
    this.grouping = mayGroup(input);
    this.inPlace = this.#decoding === null && this.grouping;
  }

  /**
   * Names the lines of the slot's bytes [from, to); `base` is what their source is relative to. `last`: what no line feed
   * ends is a line, too. Their text is UTF-8, behind `to` if need be.
   */
  find({ slot }: Batch, from: number, to: number, base: number, last: boolean): FoundLines {
    const { bytesAt } = slot;
    const [fromAt, toAt, baseAt] = [bytesAt + from, bytesAt + to, bytesAt + base];
    if (this.#decoding) {
      const places = { fromAt, toAt, baseAt, outAt: toAt + SLACK, limitAt: bytesAt + SLOT_CAPACITY - this.#spare };
      const job = { encoding: this.#decoding, ...places, longest: this.#longest, last, most: this.mostLines };
      const { count, consumedAt, replaced, stopped } = this.#kernel.decodeLines(slot, job, 0);
      return { count, taken: consumedAt - fromAt, replaced, stopped };
    }
    const count = this.#kernel.findLines(slot, fromAt, toAt, baseAt, 0, last, this.mostLines);
    const taken = this.#kernel.consumedAt - fromAt;
    const found = { count, taken, replaced: 0, stopped: count === this.mostLines };
    return this.splits ? this.#split(slot, found, from, to, base, last) : found;
  }

  /** Of lines that are too long the first part is a record; what follows is found when it is read from there. */
  #split(slot: Slot, found: FoundLines, from: number, to: number, base: number, last: boolean): FoundLines {
    const { starts, ends, source, length, flags, bytesAt } = slot;
    const most = this.#maxLine;
    let long = 0;
    while (long < found.count && ends[long]! - starts[long]! <= most) long++;
    if (long === found.count && (long > 0 || to - from <= most)) return found;
    if (long > 0) return { ...found, count: long, taken: base + source[long]! - from, stopped: true };
    const lineEnd = found.count > 0 ? ends[0]! - bytesAt : to;
    // What comes behind may belong to a secret.
    if (this.#masking && found.count === 0 && !last && to - from < most + SECRET_BYTES) return found;
    const end = partEnd(this.#stars, slot, from, from + most, lineEnd);
    starts[0] = bytesAt + from;
    ends[0] = bytesAt + end;
    source[0] = from - base;
    length[0] = end - from;
    flags[0] = TRUNCATED;
    return { count: 1, taken: end - from, replaced: 0, stopped: true };
  }

  /**
   * Makes records of the `found` lines; `batch.count` says how many. `end` is where they end, as `source` counts. It is a
   * promise only where it takes long.
   */
  shape(
    batch: Batch,
    found: FoundLines,
    end: number,
    closing: Closing,
    swallowed: Swallowed,
  ): Shaped | Promise<Shaped> {
    const { source, length, flags } = batch.slot;
    const groups = this.#groups;
    let { count } = found;
    let taken = end;
    let parts: Parts | null = null;
    const strangers = this.#wrap ? this.#unwrap(batch, found) : [];
    if (this.#parts && (this.#partial > 0 || swallowed.some(Boolean))) {
      this.#parts.group(batch, count, groups, swallowed);
      if (closing !== 'no') this.#parts.close(groups, swallowed, closing === 'full');
      const settled = groups.settled(flags, count);
      if (settled < count) taken = source[settled]!;
      parts = this.#parts;
      count = groups.apply(batch, this.#kernel, settled, 'nothing');
    }
    const whole = () => {
      parts?.taken(taken, swallowed);
      // What was swallowed behind the last record belongs to it.
      if (count > 0) length[count - 1] = taken - source[count - 1]!;
      batch.count = count;
      return { taken, strangers, open: taken < end };
    };
    if (!this.#multiline) return whole();
    const grouped = () => {
      if (closing !== 'no') groups.open.fill(-1);
      const settled = groups.settled(flags, count);
      if (settled < count) taken = source[settled]!;
      count = groups.apply(batch, this.#kernel, settled, 'lf');
      return whole();
    };
    const grouping = this.#multiline.group(batch, count, groups);
    return grouping ? grouping.then(grouped) : grouped();
  }

  /**
   * The last of it, when the bytes as they were read are of no use any more: masks records, and cuts those that are one line
   * and longer than allowed; returns how many are cut. It is a promise only where it takes long.
   */
  finish(batch: Batch, file: KeyState): number | Promise<number> {
    const longer = this.#masking?.mask(batch, file) ?? false;
    return typeof longer === 'boolean' ? this.#cut(batch, longer) : longer.then((is) => this.#cut(batch, is));
  }

  #cut(batch: Batch, longer: boolean): number {
    if (this.splits) return 0;
    const { count, slot } = batch;
    const maxLine = this.#maxLine;
    // No line is longer than all of them.
    if (!this.shapes && !longer && batch.end - batch.from <= maxLine) return 0;
    const { bytes, bytesAt, starts, ends, flags } = slot;
    let cut = 0;
    for (let i = 0; i < count; i++) {
      const start = starts[i]!;
      if (ends[i]! - start > maxLine && !(flags[i]! & MULTILINE)) {
        let end = start + maxLine;
        // Not within a character: its later bytes are 10xxxxxx.
        for (let back = 0; back < 3 && (bytes[end - bytesAt]! & 0xc0) === 0x80; back++) end--;
        ends[i] = end;
        flags[i] = flags[i]! | TRUNCATED;
      }
      if (flags[i]! & TRUNCATED) cut++;
    }
    return cut;
  }

  #partial = 0;

  /** Takes off what the runtime wrote around the lines; returns the sources of those that are not of its format. */
  #unwrap(batch: Batch, found: FoundLines): number[] {
    const { source, flags } = batch.slot;
    const { partial, malformed, replaced } = this.#kernel.unwrap(batch.slot, this.#wrap!, 0, found.count);
    found.replaced += replaced;
    this.#partial = partial;
    const strangers: number[] = [];
    for (let i = 0; malformed > strangers.length && i < found.count; i++) {
      if (flags[i]! & MALFORMED) strangers.push(source[i]!);
    }
    return strangers;
  }
}
