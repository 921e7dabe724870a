/**
 * The stream of one generation of a file: its records' envelope, and how far they are safe.
 *
 *   |  settled  |  in flight  |
 *   0       committed      position of the file
 */
import type { Account } from '../../../core/account.ts';
import type { Batch, FieldPlan, Stream, Watched } from '../../../core/batch.ts';
import type { Checkpoint } from '../../../core/block.ts';
import type { Step } from '../../../core/pipeline.ts';
import { logEnvelope, partitionKey } from '../../../lines/envelope.ts';
import type { Envelope } from '../../../records/envelope.ts';
import type { TailContext } from '../context.ts';
import { packs } from '../find/glob.ts';
import { fileCheckpoint } from '../positions/checkpoint.ts';
import type { Generation, TopicPosition } from '../positions/journal.ts';
import { digest, MARKER_BYTES, NO_INODE, type Prefix } from './inode.ts';
import { lowestOf, setRouting, TopicStreams } from './topics.ts';

/** So many of the last positions are known, to tell how much of a file was copied before it was truncated. */
const MARKS = 8;
/** Half of a batch is not worth knowing where it is less. */
const HALF_BYTES = 2048;

interface Mark {
  end: number;
  marker: Prefix;
}

export class FileStream implements Stream {
  readonly generation: Generation;
  /** True: the generation is in the journal, or on its way there. Records go out under its id when it is there. */
  persisted: boolean;
  /** When the file, as it was found, had been written last, nanoseconds: copies are younger. 0: that is not known any more. */
  readonly since: bigint;
  readonly #context: TailContext;
  #envelope: Envelope | undefined;
  #known: readonly (string | null)[] | undefined;
  /** Ends of the batches in flight; none: nothing is kept. */
  #flying: (Mark & { cut: number; sum: number | null })[] | null = null;
  /** Where the last batches began, and half of each where that is much: more of it was read than was copied, then. */
  #before: Mark[] | null = null;
  #over = false;
  /** Dropped while nothing is in flight. */
  #parts: TopicStreams | undefined;

  constructor(context: TailContext, generation: Generation, persisted: boolean, since?: bigint) {
    this.#context = context;
    this.generation = generation;
    this.persisted = persisted;
    this.since = since ?? BigInt(generation.began ?? 0) * 1_000_000n;
    if (generation.watched) generation.watched.passing = false;
    const { routing, input, positions } = context;
    if (routing === undefined || generation.routed === routing?.sum) return;
    setRouting(generation, routing, input.topic);
    positions.described(generation);
  }

  get name(): string {
    return this.generation.path;
  }

  get id(): string {
    return this.generation.id;
  }

  get topic(): string {
    return this.#context.input.topic;
  }

  /** Those that are chained are a stream by the name of their input. */
  get key(): string {
    if (this.chained) return this.#context.input.name;
    return partitionKey(this.#context.origin, this.generation.path);
  }

  get account(): Account {
    return this.#context.account;
  }

  get watched(): Watched {
    this.generation.watched ??= { to: 0, passing: false, edge: 0 };
    return this.generation.watched;
  }

  get steps(): readonly Step[] | undefined {
    return this.#context.processing?.steps;
  }

  get fields(): FieldPlan | undefined {
    return this.#context.processing?.fields ?? undefined;
  }

  get parts(): TopicStreams | undefined {
    const { routing } = this.#context;
    if (!routing) return undefined;
    this.#parts ??= new TopicStreams(this, routing);
    return this.#parts;
  }

  get replayable(): boolean {
    return true;
  }

  get chained(): boolean {
    return this.#context.input.audit;
  }

  get gone(): boolean {
    return this.#over;
  }

  envelope(): Envelope {
    const { id, path } = this.generation;
    if (!this.#envelope) {
      const { input, origin, containers } = this.#context;
      // Where its records have fields these are among them.
      const known = this.fields ? undefined : containers?.known(path);
      this.#envelope = logEnvelope({ input, config: origin, path, id, known });
    }
    return this.#envelope;
  }

  get known(): readonly (string | null)[] | undefined {
    if (!this.fields) return undefined;
    this.#known ??= this.#context.containers?.texts(this.generation.path);
    return this.#known;
  }

  /** Resolves when others were asked which container writes it; undefined: there is nothing to wait for. */
  learn(): Promise<void> | undefined {
    return this.#envelope || this.#known ? undefined : this.#context.containers?.learn(this.generation.path);
  }

  /**
   * The batch is on its way; `marker` is of the bytes before its end, `sum` of all of them, `cut` are streams whose rest is
   * on its way there.
   */
  sent({ from, end, used, slot }: Batch, marker: Prefix, cut: number, sum: number | null): void {
    const before = this.#flying?.at(-1) ?? this.#settledMark;
    this.sentTo(end, marker, cut, sum);
    const marks: Mark[] = before.end > 0 ? [{ end: before.end, marker: before.marker }] : [];
    const half = (end - from) >> 1;
    if (half >= HALF_BYTES) {
      const bytes = slot.bytes.subarray(Math.max(0, used - half - MARKER_BYTES), used - half);
      marks.unshift({ end: end - half, marker: digest(bytes) });
    }
    // Where all of a small file came at once nothing is kept: there may be a hundred thousand of them.
    if (marks.length > 0) this.#before = [...marks, ...(this.#before ?? [])].slice(0, MARKS);
  }

  /** What lies before `end` is on its way, in a record of another stream at last. */
  sentTo(end: number, marker: Prefix, cut = 0, sum: number | null = null): void {
    this.#flying ??= [];
    this.#flying.push({ end, marker, cut, sum });
  }

  /** What lies behind `position` is read again. */
  readAgain(position: number): void {
    const flying = this.#flying?.filter(({ end }) => end <= position) ?? [];
    this.#flying = flying.length > 0 ? flying : null;
  }

  /** Nothing of it is in flight. */
  get isSettled(): boolean {
    return this.#flying === null;
  }

  /**
   * Where the first record behind `position` begins that some topics have, and others have not, or behind which lines that
   * rules have counted ended: none is made over it.
   */
  edgeBehind(position: number): number {
    let edge = Number.POSITIVE_INFINITY;
    const consider = (at: number) => {
      if (at > position && at < edge) edge = at;
    };
    for (const at of this.generation.topics?.values() ?? []) consider(at.position);
    for (const { taken } of this.#parts?.all ?? []) consider(taken);
    consider(this.#parts?.counted ?? 0);
    consider(this.generation.watched?.edge ?? 0);
    return edge;
  }

  /** The topic that is furthest behind; null: all have what was read, or there is but one. */
  get waitsFor(): string | null {
    if (!this.#parts || !this.#flying) return null;
    const { all } = this.#parts;
    return all.reduce((least, one) => (one.at.position < least.at.position ? one : least)).topic;
  }

  /** It is not written to any more: what only helps while it is takes no memory. */
  rest(): void {
    this.#before = null;
  }

  /** Positions up to which it was read, the last one first, as far as they are known, and what lies before them. */
  get marks(): Mark[] {
    const all = [...(this.#flying?.toReversed() ?? []), this.#settledMark, ...(this.#before ?? [])];
    return all.sort((a, b) => b.end - a.end);
  }

  get #settledMark(): Mark {
    return { end: this.generation.markedAt, marker: this.generation.marker };
  }

  /** What was sent last, while it is in flight. */
  get sentLast(): Readonly<{ end: number; marker: Prefix; cut: number }> | undefined {
    return this.#flying?.at(-1);
  }

  /** The age of the oldest byte that is not settled, milliseconds. */
  lag(now: number): number {
    const { ages, position } = this.generation;
    return this.#flying && ages ? Math.max(0, now - ages.of(position)) : 0;
  }

  /** Bytes that were read and are not settled. */
  get unsettled(): number {
    return this.#flying ? Math.max(0, this.#flying.at(-1)!.end - this.generation.position) : 0;
  }

  /** A tracked file goes on with its generation. */
  stay(): void {
    this.#context.leaving.delete(this);
  }

  /** No tracked file goes on with it; what is in flight of it is waited for. */
  leave(): void {
    if (this.#flying) this.#context.leaving.add(this);
  }

  /** What is persisted of that may be older than the position: then some of it was read again and is known by its records. */
  skippedAt(position: number): number {
    const { to, bytes } = this.generation.skipped ?? { to: 0, bytes: 0 };
    return position <= to ? Math.max(0, bytes - (to - position)) : 0;
  }

  checkpoint(position: number, skipped: number): Checkpoint {
    const there = this.at(position);
    if (skipped > 0) there.skipped = { to: position, bytes: skipped };
    return fileCheckpoint(there);
  }

  /** Of one of its topics. */
  checkpointIn(topic: string, at: TopicPosition, isOwn: boolean): Checkpoint {
    const there = this.at(at.position);
    there.topics = new Map(there.topics).set(topic, at);
    return fileCheckpoint(there, isOwn ? undefined : topic);
  }

  /** What is said of it beside its position has changed. */
  protected describe(): void {
    this.#context.positions.described(this.generation);
  }

  /** What was known there. */
  protected at(position: number): Generation {
    const there = { ...this.generation, position };
    for (const flying of this.#flying ?? []) {
      if (flying.end > position) break;
      there.marker = flying.marker;
      there.markedAt = flying.end;
      setCut(there, flying);
    }
    return there;
  }

  /** Everything before that is safe in one of its topics. */
  settledIn(topic: string, at: TopicPosition): void {
    const g = this.generation;
    const before = g.topics?.get(topic);
    if (!before || at.position <= before.position) return;
    g.topics = new Map(g.topics).set(topic, at);
    this.#context.positions.placed(g);
    const lowest = lowestOf(g);
    if (lowest > g.position) this.settled(lowest, 0);
  }

  settled(position: number, skipped: number): void {
    const g = this.generation;
    // A second stream's mark may have moved it further than a part of the first batch does.
    g.position = Math.max(g.position, position);
    if (g.ages && g.ages.end <= g.position) g.ages = undefined;
    // A block may end within a batch: then the marker stays that of the batch before.
    while (this.#flying && this.#flying[0]!.end <= position) {
      const settled = this.#flying.shift()!;
      if (this.#flying.length === 0) this.#flying = null;
      g.marker = settled.marker;
      g.markedAt = settled.end;
      g.sum = settled.sum === null ? undefined : { length: settled.end, crc: settled.sum, modified: null };
      if (setCut(g, settled)) this.#context.positions.described(g);
    }
    if (skipped > 0) {
      g.skipped = { to: position, bytes: skipped };
      this.#context.positions.described(g);
    }
    this.#context.positions.moved(g);
    if (!this.#flying) {
      this.#envelope = undefined;
      this.#known = undefined;
      this.#context.leaving.delete(this);
      if (this.#parts?.isSafe) this.#parts = undefined;
      if (this.#over) this.#forget();
    }
  }

  /** Its bytes are gone for good (truncated, deleted): it is forgotten when what was read is settled. */
  end(): void {
    this.#over = true;
    this.leave();
    if (!this.#flying) this.#forget();
    // What the inode holds from now on is another generation's, also where its bytes begin alike.
    else this.#context.positions.moveTo(this.generation, NO_INODE);
  }

  /** Where compressed files are read, what it held may come again in one: then it has to be known. */
  #forget(): void {
    const { input, positions } = this.#context;
    if (!packs(input.include)) positions.forget(this.generation);
    else {
      positions.sized(this.generation, this.generation.position);
      positions.moveTo(this.generation, NO_INODE);
      positions.release(this.generation);
    }
  }
}

/** Notes at which streams the rest of a line that was cut goes on; true: that is news. */
function setCut(generation: Generation, { end, cut }: { end: number; cut: number }): boolean {
  const news = cut > 0 || generation.cut !== undefined;
  if (cut > 0) generation.cut = { at: end, streams: cut };
  else delete generation.cut;
  return news;
}
