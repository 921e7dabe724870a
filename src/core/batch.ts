/**
 * A batch: lines of one stream in one slot of the pool, named by tables. No line ever becomes an object.
 *
 *   bytes  | GET /a\n | GET /b\n | POST /c\n |   free   |
 *          ^ starts[0]  ^ starts[1]            ^ used
 *
 * Record i is memory[starts[i], ends[i]); it came from the source's bytes [from + source[i], + length[i]), terminator
 * included. `starts` and `ends` are addresses in the pool's memory, not offsets into `bytes`.
 * Invariant: records ascend, do not overlap, and lie in the slot. Dropping or joining records edits the tables: the bytes
 * of what was dropped show in the next record as skipped, also where that is in a later batch.
 *
 *   source | skipped.before | record |  dropped  | record | skipped.behind |
 *                           ^ from                                         ^ end
 */

import type { PackJob } from '../kernel/kernel.ts';
import type { Envelope } from '../records/envelope.ts';
import type { Account } from './account.ts';
import type { Checkpoint } from './block.ts';
import type { Step } from './pipeline.ts';
import type { Share, Slot } from './pool.ts';

/** Bits of `flags[i]`, as the kernel reads them. */
export const TRUNCATED = 1;
export const MULTILINE = 2;
/** Which of its streams a container wrote the line to. */
export const STDOUT = 4;
export const STDERR = 8;
/** Its fields could not be read: it goes out as it is, and steps about fields leave it alone. */
export const UNPARSED = 0x10;
/** The line is not of the format that it should be of. Only while lines are put together; not for the record. */
export const MALFORMED = 0x20;
/** The line goes on in the next one of its stream. Only while lines are put together; not for the record. */
export const PARTIAL = 0x40;
/** The source's bytes up to this record's end must not count as safe without the next record's. Not for the record. */
export const HELD = 0x80;

/** Names of a record's flags, as they stand in `log.flags`. */
export function flagNames(flags: number): string[] {
  const names: string[] = [];
  if (flags & TRUNCATED) names.push('truncated');
  if (flags & MULTILINE) names.push('multiline');
  return names;
}

/** `log.iostream`: OpenTelemetry's name for it. */
export function iostreamName(flags: number): string | null {
  return flags & STDERR ? 'stderr' : flags & STDOUT ? 'stdout' : null;
}

/** The rows of a batch's records: their fields, as kernel/as/process/cells.as.ts has them. */
export interface Rows {
  /** The slot they lie in. */
  readonly slot: Slot;
  /** Cells of a row. */
  readonly width: number;
  /** So many rows there may be. */
  readonly most: number;
  /** Rows before them, of others: records that go to other topics, or that have passed the steps. */
  readonly first: number;
  /** Rows of the batch as it was filled, those of records that come later, too: nothing else is put there. */
  readonly all: number;
  /** Which row each record has says the order behind all rows; false: they have them one after the other. */
  readonly ordered: boolean;
}

/** What a slot of fields begins with. */
const FIELDS_HEADER_BYTES = 64;

/** The address of the first row. */
export function rowsAt({ slot, width, first }: Pick<Rows, 'slot' | 'width' | 'first'>): number {
  return slot.at + FIELDS_HEADER_BYTES + first * width * 8;
}

/**
 * Fields that a source knows of its records beside their lines. Record i of the batch as it was filled is known by
 * `sources[i]`, what `source` said of it, and has the cells [i * width, (i + 1) * width): two words each, as a row has them;
 * 0, 0 where there is none. Which field has which cell its step says (transforms/supplied.ts).
 */
export interface Supplied {
  readonly width: number;
  readonly sources: Uint32Array;
  readonly cells: Uint32Array;
}

/** What the batches of an input with fields have them for: transforms/program.ts. */
export interface FieldPlan {
  /** Records that a batch may have. */
  readonly most: number;
  /** Tables and rows of the batch are in use; rows that it does not have yet hold its lines alone. */
  rowsOf(batch: Batch): void;
  /** Record i has the row `order[i]` from now on. Each is there once; they are only packed after that. */
  arrange(batch: Batch, order: Uint16Array): void;
  /** As `Kernel.pack`, with the fields. */
  pack(batch: Batch, first: number, count: number, job: PackJob): number;
  /** The value that a record has, as text; null: it is too large to be shown. */
  show(batch: Batch, record: number): string | null;
  /** Of the last `pack`, as of the kernel's. */
  readonly endAt: number;
  readonly replaced: number;
  readonly cut: number;
}

/** Where a batch's records go, for who sends some elsewhere. */
export function routesIn(batch: Batch): Uint8Array {
  batch.routes ??= new Uint8Array(batch.count);
  return batch.routes;
}

/** How far rules of `alerts` have counted the records of a stream. */
export interface Watched {
  /** Those that begin before it are counted. */
  to: number;
  /** Some pass the rules at the moment, and count when that is over. */
  passing: boolean;
  /** The last that was counted ends here, as nothing more came for long enough: it does when it is sent, too; 0: it may go on. */
  edge: number;
}

/** Where records come from and where they go; shared by all batches of one file, so it costs nothing per line. */
export interface Stream {
  /** For people: a path, `statsd`, `host`. */
  readonly name: string;
  /** Of a file: what it is called in its records. */
  readonly id?: string;
  readonly topic: string;
  /** The Kafka key: decides the partition. */
  readonly key: string;
  readonly account: Account;
  /** What goes around each record; built when first needed, may be dropped to save memory. */
  envelope(): Envelope;
  /** Where rules may have counted its records before they are sent. */
  readonly watched?: Watched | undefined;
  /** Texts of fields that all its records have, in the order in which the step names them (transforms/supplied.ts). */
  readonly known?: readonly (string | null)[] | undefined;
  /** What its batches pass on their way, in this order; none: they are packed as they are. */
  readonly steps?: readonly Step[] | undefined;
  /** Its batches have a second slot, for fields. */
  readonly fields?: FieldPlan | undefined;
  /** A step may send its records to several topics: a part each, by the number in `batch.routes`; its own is the first. */
  readonly parts?: StreamParts | undefined;
  /**
   * Everything before `position` is safe (acknowledged by Kafka, or in the spool). Called in ascending order; so many
   * bytes directly before it are in no record, because they were filtered.
   */
  settled?(position: number, skipped: number): void;
  /** What `settled` said of that, for the position at which it goes on. */
  skippedAt?(position: number): number;
  /** What is needed to go on from `position`, which is in flight or settled. */
  checkpoint?(position: number, skipped: number): Checkpoint;
  /** Its records go through the chain of their topic (core/chained.ts): they are replayable, and go to the spool all the same. */
  readonly chained?: boolean;
  /** True: can be read again (a file), so it goes straight to Kafka. False: it goes to the spool first. */
  readonly replayable: boolean;
  /** True: what was read of it is nowhere any more (the file was truncated, or deleted). */
  readonly gone?: boolean;
}

/** The records of a stream that go to one topic. Its position is of that topic: it moves behind what that has. */
export interface StreamPart extends Stream {
  /** What begins before it is in the topic, or on its way there: read again, it is not packed again. */
  taken: number;
}

export interface StreamParts {
  readonly all: readonly StreamPart[];
  /** What ends before it was counted, by the steps too: read again, it is not counted again. */
  counted: number;
}

export class Batch {
  readonly slot: Slot;
  readonly share: Share;
  readonly stream: Stream;
  /** Where its records' fields go, if its stream has some. */
  readonly fields: Slot | null;
  /** Null: no step has asked for them yet. */
  rows: Rows | null = null;
  /** Null: its source knows of nothing but the lines. */
  supplied: Supplied | null = null;
  /** Records named by the tables. */
  count = 0;
  /** Bytes of the slot that are in use. */
  used = 0;
  /** Position in the source that `source[]` is relative to. */
  from = 0;
  /** Position in the source up to which everything is in this batch, filtered, or was before it. */
  end = 0;
  /** Bytes that were filtered: directly before `from`, and between the last record and `end`. */
  readonly skipped = { before: 0, behind: 0 };
  /** Input items in this batch: what its account received. Metrics: samples, not series. */
  weight = 0;
  /** When it was read, milliseconds since the epoch. */
  time = 0;
  /** Another stream whose bytes up to `end` are in this batch's last record. */
  also: { stream: Stream; end: number } | null = null;
  /** By record: which of its stream's parts it goes to; null: all to the first. */
  routes: Uint8Array | null = null;
  /** Of a batch that is a part of another one: of which, from which of its records on. */
  part: { whole: Batch; first: number } | null = null;

  constructor(slot: Slot, share: Share, stream: Stream, fields: Slot | null = null) {
    this.slot = slot;
    this.fields = fields;
    this.share = share;
    this.stream = stream;
  }
}
