/**
 * One tracked file: where it is (place.ts), how far it was read (state.ts), whether it is its turn (turns.ts), and which
 * generation it is in. All of it is one object: there may be a hundred thousand.
 *
 * A file that is truncated or replaced in place goes on as a new generation: another id, another stream, from 0.
 */

import type { BigIntStats } from 'node:fs';
import { mayGroup, READ_BYTES } from '../../../lines/format.ts';
import { type LineEnds, lineEndsOf } from '../../../lines/line-ends.ts';
import { fstatSync } from '../../../mounts/fs.ts';
import type { Packed } from '../compressed/packed.ts';
import type { TailContext } from '../context.ts';
import { byClock, take as takeAges } from '../positions/ages.ts';
import { newGeneration } from '../positions/generation.ts';
import type { Generation } from '../positions/journal.ts';
import { headOf } from '../positions/recognise.ts';
import type { Queued } from '../queue.ts';
import { birthOf, NO_PREFIX, type Prefix } from './inode.ts';
import { FileState } from './state.ts';
import { FileStream } from './stream.ts';
import { sumOf, timeOf } from './sum.ts';
import { Unfinished } from './unfinished.ts';
import { isHold, type Wait } from './wait.ts';

/** A file may not hold what was read of it. */
export interface Doubt {
  /** Bytes that were known of it before. */
  size: number;
  /** It was written to while no agent ran: nothing more of it is read before it is compared. */
  away: boolean;
  /** It does not, as it was last seen. By `performance.now()`: since when that is known, and when it is looked at again. */
  differs: { since: number; due: number; stored: number; modified: number } | null;
}

/** What a file waits for: the one that had its name before (rotation/order.ts). */
export interface Before {
  file: TrackedFile;
  /** So far that one has to be read. */
  to: number;
  /** Its last record may go on at the beginning of this file. */
  joins: boolean;
}

export class TrackedFile extends FileState implements Queued {
  declare packed: Packed | null;
  readonly #context: TailContext;
  /** It has its turn; `again`: something was written meanwhile. */
  busy = false;
  again = false;
  /** Its descriptor is in use: it must not be closed. */
  reading = false;
  /** The same, for who looks at what is not sent yet. */
  lookedAhead = false;
  /** How often it was read. */
  reads = 0;
  queued: Queued['queued'] = null;
  /** Why it is not to be read now; written by turns.ts. */
  wait: Wait | null = null;
  /** It was taken for a file that was read before, by inode and size; what it holds is still to be compared. */
  unsure = false;
  /** It may have been written anew in place. */
  doubt: Doubt | null = null;
  /** The file that had its name before, while that has to be read first; and the other way round. */
  before: Before | null = null;
  after: TrackedFile | null = null;
  /** The topic that does not take what comes next. */
  refusedBy: string | null = null;
  /** By `performance.now()`: when reading it failed; null: it did not, the last time. */
  failed: number | null = null;

  constructor(
    context: TailContext,
    path: string | null,
    stat: BigIntStats,
    generation: Generation,
    persisted: boolean,
  ) {
    super(
      path,
      stat,
      new FileStream(context, generation, persisted, persisted ? undefined : stat.mtimeNs),
      sumOf(generation),
    );
    this.#context = context;
    this.#takeUp(persisted, stat);
    if (persisted) context.positions.use(generation, context.input.name);
  }

  /** Its turn begins. */
  takeTurn(): void {
    this.busy = true;
    this.again = false;
  }

  /** Its turn is over without a read. */
  passTurn(): void {
    this.busy = false;
  }

  /** It was read. */
  endTurn(): void {
    this.busy = false;
    this.flush = false;
    this.silence = 0;
    this.reads++;
  }

  /** It has the descriptor in use, or not any more. */
  use(on: boolean): void {
    this.reading = on;
  }

  /** It could not be read, which is tried again. */
  fails(message: string): void {
    this.error = message;
    this.failed = performance.now();
  }

  /** It can be read. */
  succeeds(): void {
    this.failed = null;
  }

  /** What comes next is not taken by this topic; null: it may be, again. */
  refuse(topic: string | null): void {
    this.refusedBy = topic;
  }

  /** Nothing is read of it for now. */
  get held(): boolean {
    return isHold(this.wait) && !this.restarting;
  }

  /** It does not hold what it held; the copy of that is being looked for. Nothing is read of it for now. */
  get restarting(): boolean {
    return this.wait?.reason === 'truncated';
  }

  /** Where its lines end. */
  get lineEnds(): LineEnds {
    return lineEndsOf(this.#context.input.encoding_in);
  }

  /** It has not the name any more that it was read under: who has it open may go on, and nobody else comes. */
  get lost(): boolean {
    const { path } = this.stream.generation;
    return this.path !== path && !this.aliases?.has(path);
  }

  /** Nothing of it was read. */
  get untouched(): boolean {
    return this.position === 0 && this.stream.generation.base === 0;
  }

  /** Has the generation written to the journal. Its first bytes are known if it is open. */
  announce(): void {
    const { generation, persisted } = this.stream;
    if (persisted) return;
    if (generation.head.length === 0 && this.fd !== null && !this.packed) {
      try {
        generation.head = headOf(this.fd);
      } catch {
        // Its turn to be read comes, and says so: whoever has it announced may have lines of another file in hand.
      }
    }
    this.stream.persisted = true;
    this.#context.positions.create(generation);
    this.#context.positions.use(generation);
  }

  /** Nothing is read for now. What it is and holds is noted, so that it is known what is lost if that goes. */
  noteUnread(): void {
    const { persisted, generation } = this.stream;
    if (persisted || this.packed || this.restarting) return;
    this.announce();
    this.endAt(this.stored);
    this.#context.positions.sized(generation, this.size);
  }

  /** Makes sure that records may go out: the generation is in the journal. */
  persist(): Promise<void> | undefined {
    this.announce();
    return this.#context.positions.stored(this.stream.generation);
  }

  /** The file begins anew. `moved`: what it held is in another file, which goes on with its stream. */
  restart(moved: boolean): void {
    if (!moved) this.stream.end();
    const generation = this.#successor(0);
    const stat = this.fd === null ? null : fstatSync(this.fd, { bigint: true });
    // Anybody may have set a time that is still to come.
    if (stat) generation.began = Math.min(Number(stat.mtimeMs), Date.now());
    this.stream = new FileStream(this.#context, generation, false, stat?.mtimeNs);
    if (stat && !this.packed) takeAges(generation, Number(stat.size), byClock(Number(stat.mtimeMs)));
    this.position = 0;
    this.hole = 0;
    this.scanned = 0;
    this.nuls = -1;
    this.marker = NO_PREFIX;
    this.sum = 0;
    this.doubt = null;
    this.size = 0;
    this.room = null;
    this.readTo = 0;
    this.unsure = false;
    this.readBytes = READ_BYTES;
    this.unfinished = null;
    this.packed?.restart();
  }

  /** It goes on in the same place, and begins anew under the name that it has there now. */
  #successor(base: number): Generation {
    const { path: first, named, real } = this.stream.generation;
    const path = this.path ?? first;
    const generation = newGeneration(this.#context.input.name, path, this, base);
    generation.named = named || this.path !== null;
    if (real !== undefined && real !== path) generation.real = real;
    return generation;
  }

  /** It comes after the other one, the end of which it may begin with: it has the name that this one had. */
  follow(old: TrackedFile, joins = true): void {
    for (let one: TrackedFile | undefined = old; one; one = one.before?.file) if (one === this) return;
    old.measure();
    this.before = { file: old, to: old.size, joins: joins && mayGroup(this.#context.input) };
    old.after = this;
  }

  /** Reading begins here: what is before it is in a record of another file. */
  begin(position: number, marker: Prefix): void {
    this.stream.generation.carried = position;
    if (this.stream.persisted) this.#context.positions.described(this.stream.generation);
    this.goTo(position, marker);
    this.unfinished = new Unfinished(0);
  }

  /** When it is read for the first time by this process: what an earlier one knew. */
  unfinishedAtFirst(): Unfinished {
    const unfinished = new Unfinished(this.#chainedAtFirst());
    const { cut } = this.stream.generation;
    // Elsewhere it says nothing: what is read there may be a line of its own.
    if (cut?.at === this.position) unfinished.cut = cut.streams;
    return unfinished;
  }

  /** Where its last record's bytes end. */
  #chainedAtFirst(): number {
    const { generation, persisted } = this.stream;
    if (generation.carried === undefined) return this.position;
    // None of its own was sent yet: its first one shows them as skipped.
    if (generation.carried === this.position) return 0;
    if (this.position === 0) {
      delete generation.carried;
      if (persisted) this.#context.positions.described(generation);
    }
    return this.position;
  }

  /** What lies before `position` was read under another id: it is a file of its own from there on. */
  startAt(position: number, head: Prefix, marker: Prefix): void {
    const { positions } = this.#context;
    const generation = this.#successor(position);
    generation.head = head;
    generation.marker = marker;
    positions.create(generation);
    positions.use(generation);
    this.stream = new FileStream(this.#context, generation, true);
    if (!this.packed) takeAges(generation, this.size, this.written);
    this.goTo(position, marker);
  }

  /** Goes on with the stream of a file of which this is a copy. */
  takeOver(from: TrackedFile): void {
    this.stream = from.stream;
    this.#context.leaving.delete(this.stream);
    this.moveTo(from.position, from.marker);
    this.sum = from.sum;
    this.unfinished = from.unfinished;
    this.#context.positions.moveTo(this.stream.generation, this);
  }

  /** Goes on with a stored generation. */
  resume(generation: Generation): void {
    this.stream = new FileStream(this.#context, generation, true);
    this.position = generation.position;
    this.sum = sumOf(generation);
    this.scanned = this.position;
    this.#takeUp(true);
    this.size = this.position;
    this.#context.positions.use(generation, this.#context.input.name);
  }

  /** When what is not safe of it came: of a file that is known, as far as it was looked after; of a new one with its first byte. */
  #takeUp(persisted: boolean, stat?: BigIntStats): void {
    const { generation } = this.stream;
    let since = this.written;
    if (persisted) {
      since = Math.min(since, this.#context.positions.lookedAfter(generation));
      for (const stream of this.#context.leaving) if (stream.generation === generation) stream.stay();
    } else if (stat && birthOf(stat) !== 0) since = byClock(Number(stat.birthtimeMs));
    takeAges(generation, this.size, since);
  }

  /** It was taken up as a stored file: where it was written to since that was looked at last, it is compared. */
  doubtIfWritten(): void {
    const { sum, size, position } = this.stream.generation;
    if (sum?.length !== this.position || sum.modified === timeOf(this.modified)) return;
    this.doubt = { size: Math.max(size, position), away: true, differs: null };
  }

  /** It was looked at, and is as it was: the next process knows by its time whether it was written to since. */
  noteSum(): void {
    if (!this.busy && this.queued === null && this.doubt === null) this.#summed(timeOf(this.modified));
  }

  /** It is not looked at any more; it may have been written to since it last was. */
  closeSum(): void {
    if (this.doubt || this.stream.generation.sum?.modified === null) this.#summed(0);
  }

  #summed(modified: number): void {
    const { generation } = this.stream;
    const { sum } = generation;
    if (sum && sum.modified !== modified) this.#context.positions.summed(generation, { ...sum, modified });
  }

  override close(): void {
    super.close();
    this.packed?.release();
  }
}
