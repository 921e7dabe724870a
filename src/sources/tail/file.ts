/**
 * One tracked file, and its streams.
 *
 *   |  settled  |  in flight  |  not read  |
 *   0       committed      position       size
 *
 * A file that is truncated or replaced in place goes on as a new generation: another id, another stream, from 0.
 * Invariant: `marker` is the hash of the (up to 64) bytes before `position`.
 */

import { type BigIntStats, closeSync, constants, fstatSync, openSync, read, statSync } from 'node:fs';
import { randomBytes } from '../../builtin.ts';
import type { Account } from '../../core/account.ts';
import type { Batch, Stream } from '../../core/batch.ts';
import type { Checkpoint } from '../../core/block.ts';
import type { Envelope } from '../../core/envelope.ts';
import { fileCheckpoint } from './checkpoint.ts';
import { type LogInput, logEnvelope, type Origin, partitionKey } from './envelope.ts';
import { packs } from './glob.ts';
import { digest, inodeKey, MARKER_BYTES, NOTHING, type Prefix } from './identity.ts';
import { blank, type Generation } from './journal.ts';
import type { Packed } from './packed.ts';
import type { Positions } from './positions.ts';
import { Unfinished } from './unfinished.ts';

/** Bytes of one read; a longer line is read with more, shorter lines than the tables can name with less. */
export const READ_BYTES = 512 * 1024;

/** So many of the last positions are known (two a batch), to tell how much of a file was copied before it was truncated. */
const MARKS = 8;

/** What all files of an input share. */
export interface TailContext {
  input: LogInput;
  origin: Origin;
  positions: Positions;
  account: Account;
}

/** The stream of one generation of a file. */
export class FileStream implements Stream {
  readonly name: string;
  readonly topic: string;
  readonly key: string;
  readonly account: Account;
  readonly replayable = true;
  readonly generation: Generation;
  /** True: the generation is in the journal, so records may go out under its id. */
  persisted: boolean;
  /** When the file, as it was found, had been written last: copies are younger. 0: from before a restart. */
  readonly since: bigint;
  readonly #context: TailContext;
  #envelope: Envelope | undefined;
  /** Ends of the batches in flight. */
  #flying: { end: number; marker: Prefix; time: number }[] = [];
  /** Those of the last batches, in flight or not. */
  #last: { end: number; marker: Prefix }[] = [];
  #over = false;

  constructor(context: TailContext, generation: Generation, persisted: boolean, since = 0n) {
    this.#context = context;
    this.generation = generation;
    this.persisted = persisted;
    this.since = since;
    this.name = generation.path;
    this.topic = context.input.topic;
    this.key = partitionKey(context.origin, generation.path);
    this.account = context.account;
  }

  envelope(): Envelope {
    const { id, path } = this.generation;
    this.#envelope ??= logEnvelope({ input: this.#context.input, config: this.#context.origin, path, id });
    return this.#envelope;
  }

  /** The batch is on its way; `marker` is of the bytes before its end. */
  sent({ from, end, used, slot }: Batch, marker: Prefix): void {
    const sent = this.sentTo(end, marker);
    // Where one batch is more than was copied, half of it may not be.
    const half = (end - from) >> 1;
    const middle = {
      end: end - half,
      marker: digest(slot.bytes.subarray(Math.max(0, used - half - MARKER_BYTES), used - half)),
    };
    this.#last = [sent, middle, ...this.#last.slice(0, MARKS - 2)];
  }

  /** What lies before `end` is on its way, in a record of another stream at last. */
  sentTo(end: number, marker: Prefix): { end: number; marker: Prefix } {
    const sent = { end, marker, time: performance.now() };
    this.#flying.push(sent);
    return sent;
  }

  /** It is not written to any more: what only helps while it is takes no memory. */
  rest(): void {
    if (this.#last.length > 0) this.#last = [];
  }

  /** Positions up to which it was read, the last one first, as far as they are known, and what lies before them. */
  get marks(): { end: number; marker: Prefix }[] {
    const { markedAt: end, marker } = this.generation;
    const all = [...this.#last, ...this.#flying.toReversed(), { end, marker }];
    return all.sort((a, b) => b.end - a.end);
  }

  /** When the oldest batch in flight was read, by `performance.now()`. */
  get oldest(): number | undefined {
    return this.#flying[0]?.time;
  }

  checkpoint(position: number): Checkpoint {
    const g = this.generation;
    let { marker, markedAt } = g;
    for (const flying of this.#flying) {
      if (flying.end > position) break;
      marker = flying.marker;
      markedAt = flying.end;
    }
    return fileCheckpoint({ ...g, position, marker, markedAt });
  }

  settled(position: number): void {
    const g = this.generation;
    // A second stream's mark may have moved it further than a part of the first batch does.
    g.position = Math.max(g.position, position);
    // A block may end within a batch: then the marker stays that of the batch before.
    while (this.#flying.length > 0 && this.#flying[0]!.end <= position) {
      const { end, marker } = this.#flying.shift()!;
      g.marker = marker;
      g.markedAt = end;
    }
    this.#context.positions.moved(g);
    if (this.#flying.length === 0) {
      this.#envelope = undefined;
      if (this.#over) this.#forget();
    }
  }

  /** Its bytes are gone for good (truncated, deleted): it is forgotten when what was read is settled. */
  end(): void {
    this.#over = true;
    if (this.#flying.length === 0) this.#forget();
  }

  /** Where compressed files are read, what it held may come again in one: then it has to be known. */
  #forget(): void {
    const { input, positions } = this.#context;
    if (!packs(input.include)) positions.forget(this.generation);
    else {
      positions.sized(this.generation, this.generation.position);
      // The next file that gets its inode is another one, whatever it holds.
      positions.moveTo(this.generation, { device: 0n, inode: 0n });
      positions.release(this.generation);
    }
  }
}

export class TrackedFile {
  readonly #context: TailContext;
  readonly key: string;
  readonly device: bigint;
  readonly inode: bigint;
  /** The name it has now; null: it was renamed away, or deleted. */
  path: string | null;
  /** Other names of the same file: hard links, symbolic links and their target, the name it was renamed to. */
  readonly aliases = new Set<string>();
  stream: FileStream;
  fd: number | null = null;
  position: number;
  marker: Prefix = NOTHING;
  size: number;
  modified: number;
  /** Set: it is compressed; positions and `size` are those of its content. */
  packed: Packed | null = null;
  /** Up to here no line ends; at or after `position`. */
  scanned = 0;
  /** Bytes of a hole that was skipped, directly before `position`. */
  hole = 0;
  readBytes = READ_BYTES;
  /** It is being read; `again`: something was written meanwhile. */
  busy = false;
  again = false;
  /** Its descriptor is in use: it must not be closed. */
  reading = false;
  /** How often it was read. */
  reads = 0;
  /** Nothing is read of it for now. */
  held = false;
  /** A new file of which no byte was seen yet: its first ones may tell that it is a copy. */
  fresh = false;
  /** The unfinished last line is sent as it is: nothing will follow. */
  flush = false;
  /** By `performance.now()`: when it lost its name, when it last grew. */
  gone: number | null = null;
  grown = performance.now();
  /** What is known of its unfinished records, where lines are not simply records. */
  unfinished: Unfinished | null = null;
  /** The file that had its name before, while that may have to be read first; and the other way round. */
  before: TrackedFile | null = null;
  after: TrackedFile | null = null;
  error: string | null = null;
  lines = 0;
  truncated = 0;

  constructor(
    context: TailContext,
    path: string | null,
    stat: BigIntStats,
    generation: Generation,
    persisted: boolean,
  ) {
    this.#context = context;
    this.path = path;
    this.key = inodeKey(stat);
    this.device = stat.dev;
    this.inode = stat.ino;
    this.size = Number(stat.size);
    this.modified = Number(stat.mtimeMs);
    this.stream = new FileStream(context, generation, persisted, persisted ? 0n : stat.mtimeNs);
    this.position = generation.position;
    this.scanned = this.position;
    if (persisted) context.positions.use(generation, context.input.name);
  }

  get committed(): number {
    return this.stream.generation.position;
  }

  /** Bytes on disk, as they were seen last. */
  get stored(): number {
    return this.packed ? this.packed.size : this.size;
  }

  /** Bytes of its content; those of a compressed file that was not read to its end are estimated. */
  get expected(): number {
    return this.packed ? this.packed.expected(this) : this.size;
  }

  /** Milliseconds since the oldest byte that is not settled was seen. */
  get lag(): number {
    if (this.committed >= this.expected) return 0;
    return performance.now() - (this.stream.oldest ?? this.grown);
  }

  /** The first `bytes` bytes from the position on are those of a hole: nobody wrote them. */
  skip(bytes: number): void {
    this.hole += bytes;
    this.position += bytes;
    this.scanned = this.position;
    this.size = Math.max(this.size, this.position);
    this.marker = digest(Buffer.alloc(MARKER_BYTES));
    this.#context.account.drop('hole', 0, bytes);
  }

  /** Makes sure that records may go out: the generation is in the journal. */
  async persist(): Promise<void> {
    if (this.stream.persisted) return;
    this.stream.persisted = true;
    this.#context.positions.create(this.stream.generation);
    this.#context.positions.use(this.stream.generation);
    await this.#context.positions.written();
  }

  /** True if it still has this name, size and time. Numbers do: what they cannot tell apart has the same last digits. */
  unchanged(path: string): boolean {
    try {
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat || stat.size !== this.stored || Math.floor(stat.mtimeMs) !== this.modified) return false;
      return stat.ino === Number(this.inode) && stat.dev === Number(this.device);
    } catch {
      // The look that follows says why.
      return false;
    }
  }

  /** The file begins anew. `moved`: what it held is in another file, which goes on with its stream. */
  restart(moved: boolean): void {
    if (!moved) this.stream.end();
    const { input } = this.#context;
    const generation = newGeneration(input.name, this.stream.generation.path, this, 0);
    const since = this.fd === null ? 0n : fstatSync(this.fd, { bigint: true }).mtimeNs;
    this.stream = new FileStream(this.#context, generation, false, since);
    this.position = 0;
    this.hole = 0;
    this.scanned = 0;
    this.marker = NOTHING;
    this.size = 0;
    this.readBytes = READ_BYTES;
    this.unfinished = null;
    this.packed?.restart();
  }

  /** This one has the name that the other one had. */
  follow(old: TrackedFile): void {
    this.before = old;
    old.after = this;
  }

  /** Reading begins here: what is before it is in a record of another file. */
  begin(position: number, marker: Prefix): void {
    this.position = position;
    this.scanned = position;
    this.marker = marker;
    this.unfinished = new Unfinished(0);
  }

  /** What lies before `position` was read under another id: it is a file of its own from there on. */
  startAt(position: number, head: Prefix, marker: Prefix): void {
    const { input, positions } = this.#context;
    const generation = newGeneration(input.name, this.stream.generation.path, this, position);
    generation.head = head;
    generation.marker = marker;
    positions.create(generation);
    positions.use(generation);
    this.stream = new FileStream(this.#context, generation, true);
    this.position = position;
    this.scanned = position;
    this.marker = marker;
  }

  /** Goes on with the stream of a file of which this is a copy. */
  takeOver(from: TrackedFile): void {
    this.stream = from.stream;
    this.position = from.position;
    this.scanned = from.position;
    this.marker = from.marker;
    this.unfinished = from.unfinished;
    this.#context.positions.moveTo(this.stream.generation, this);
  }

  /** Goes on with a stored generation. */
  resume(generation: Generation): void {
    this.stream = new FileStream(this.#context, generation, true);
    this.position = generation.position;
    this.scanned = this.position;
    this.size = this.position;
    this.#context.positions.use(generation, this.#context.input.name);
  }

  /** Reads up to `length` bytes of its content from `position` on; fewer only at its end. It must be open. */
  read(into: Buffer, length: number, position: number): Promise<number> {
    if (this.packed) return this.packed.read(this, into, length, position, 2 * READ_BYTES);
    return new Promise((resolve, reject) => {
      read(this.fd!, into, 0, length, position, (error, got) => (error ? reject(error) : resolve(got)));
    });
  }

  close(): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
    this.packed?.release();
  }

  /** Opens it under its name; false: another file has the name now. Throws what the system says. */
  open(): boolean {
    if (this.fd !== null) return true;
    if (this.path === null) return false;
    const opened = openRegular(this.path);
    if (!opened) return false;
    if (inodeKey(opened.stat) !== this.key) {
      closeSync(opened.fd);
      return false;
    }
    this.fd = opened.fd;
    return true;
  }
}

/** Opens for reading without ever waiting; null: it is no regular file. */
export function openRegular(path: string): { fd: number; stat: BigIntStats } | null {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const stat = fstatSync(fd, { bigint: true });
  if (stat.isFile()) return { fd, stat };
  closeSync(fd);
  return null;
}

export function newGeneration(
  input: string,
  path: string,
  file: { device: bigint; inode: bigint },
  base: number,
): Generation {
  const generation = blank({ id: randomBytes(8).toString('hex'), input, path, base });
  generation.device = file.device;
  generation.inode = file.inode;
  return generation;
}
