/**
 * A `logs` entry that reads the journal of systemd.
 *
 *   cursor --> journalctl --entries--> batch --> push --> settled: the cursor of the last entry that is safe, in the journal
 *                ^                       |                of positions
 *                '-- ended, or held up --'  begins anew behind what was taken
 *
 * The entry that was taken last is asked for again when reading begins: where it is not there, journald has removed it, and
 * what came behind it may be lost. While the output is away no journalctl is kept: it would hold on to files that journald
 * has removed, and not know what else it has.
 */
import { crc32 } from 'node:zlib';
import { aborted, Backoff } from '../../../core/abort.ts';
import type { Batch } from '../../../core/batch.ts';
import type { Output } from '../../../core/pipeline.ts';
import { NotTaken, Stalled } from '../../../core/stalled.ts';
import type { Format } from '../../../lines/format.ts';
import type { KeyState } from '../../../lines/masking.ts';
import { log } from '../../../log.ts';
import type { TailContext } from '../context.ts';
import { newId } from '../file/inode.ts';
import { blank, type Cursor, type Generation } from '../positions/journal.ts';
import type { JournalAhead } from './ahead.ts';
import { type Filled, fillWithEntries, valueIn } from './fill.ts';
import { entriesBetween, Gaps } from './gaps.ts';
import { cursorOf, Journalctl } from './journalctl.ts';
import { JOURNAL, type JournaldConfig } from './options.ts';
import { watchPlace } from './place.ts';
import { JournalStream } from './stream.ts';

/** For so long a journalctl is kept that nothing is taken from. */
const HELD_UP_MS = 10_000;
const LATEST_MS = 30_000;
/** One that runs for so long without a word does what it should. */
const WELL_MS = 2000;
/** What is on its way for so long is waited for. */
const LATE_SECONDS = 1;

export interface JournalReaderOptions {
  context: TailContext;
  journald: JournaldConfig;
  format: Format;
  /** Looks at what cannot be sent yet; without it nobody does. */
  ahead?: JournalAhead | undefined;
}

export class JournalReader {
  lines = 0;
  bytes = 0;
  truncated = 0;
  /** Why it is not read now. */
  error: string | null = null;
  readonly #o: JournalReaderOptions;
  /** Its lines are read one by one: a key that is masked may have several. */
  readonly #keys: KeyState = { openKey: null };
  #stream: JournalStream | null = null;
  /** What was taken last. */
  #place: Cursor | null = null;
  /** Since when an entry waits for memory, by `performance.now()`, and when it was written. */
  #waiting: { since: number; written: number } | null = null;

  constructor(options: JournalReaderOptions) {
    this.#o = options;
  }

  get path(): string {
    return this.#o.journald.directory ?? JOURNAL;
  }

  /** In its records; empty: it was not opened yet. */
  get id(): string {
    return this.#stream?.id ?? '';
  }

  /** Where what was read ends. */
  get position(): number {
    return this.#place?.at ?? 0;
  }

  /** Everything before it is safe. */
  get committed(): number {
    return this.#stream?.generation.position ?? 0;
  }

  /** The topic that is furthest behind, where that takes long; null: none is. */
  get waitsFor(): string | null {
    return this.lag.lag_seconds > LATE_SECONDS ? (this.#stream?.waitsFor ?? null) : null;
  }

  /** Since when the output takes nothing. */
  get waitingSince(): number | null {
    return this.#waiting?.since ?? null;
  }

  get lag(): { lag_bytes: number; lag_seconds: number } {
    const oldest = this.#stream?.oldest ?? this.#waiting?.written ?? null;
    const age = oldest === null ? 0 : Math.max(0, (Date.now() - oldest) / 1000);
    return { lag_bytes: this.#stream?.unsettled ?? 0, lag_seconds: age };
  }

  /** Another may go on with it. */
  close(): void {
    if (this.#stream) this.#o.context.positions.unuse(this.#stream.generation);
  }

  async run(output: Output, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(LATEST_MS);
    while (!signal.aborted) {
      const { lines } = this;
      try {
        this.#stream ??= await this.#open(signal);
        await this.#follow(output, this.#stream, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Unreadable)) throw error;
        this.error = error.message;
        log.warnOnce(`journal ${this.#name}`, `logs ${this.#name}: ${error.message}`);
      }
      if (this.lines > lines) backoff.reset();
      else await backoff.wait(signal).catch(() => undefined);
    }
  }

  get #name(): string {
    return this.#o.context.input.name;
  }

  /** The stream that is stored, or a new one: it is stored before anything is read. */
  async #open(signal: AbortSignal): Promise<JournalStream> {
    const { context, journald } = this.#o;
    const { positions, input } = context;
    const { units, match } = journald;
    const selection = crc32(JSON.stringify([units, match, this.path])).toString(16);
    const known = positions.unclaimed.of(input.name).find((g) => g.cursor !== undefined && g.path === this.path);
    const generation = known ?? (await this.#first(selection, signal));
    if (known) positions.use(known, input.name);
    else {
      positions.create(generation);
      positions.use(generation);
    }
    await positions.stored(generation);
    const stream = new JournalStream(context, generation, true);
    stream.selection = selection;
    this.#place = generation.cursor!;
    return stream;
  }

  /** Before it was ever read. */
  async #first(selection: string, signal: AbortSignal): Promise<Generation> {
    const { context, journald } = this.#o;
    const generation = blank({ id: newId(), input: this.#name, path: this.path, base: 0 });
    let last: string | null = null;
    if (context.input.start_at === 'end') {
      last = await cursorOf('last', journald, signal).catch((error: Error) => {
        throw new Unreadable(error.message);
      });
    }
    generation.cursor = { at: 0, text: last ?? '', of: this.#isOfAll ? selection : null };
    return generation;
  }

  /** One journalctl, until it ends or is ended. */
  async #follow(output: Output, stream: JournalStream, signal: AbortSignal): Promise<void> {
    const { format, journald } = this.#o;
    const { at, text: had, of } = this.#place!;
    stream.readAgain(at);
    const child = new Journalctl(journald, had === '' ? null : had, format.longest, this.#name);
    const well = setTimeout(() => {
      if (child.failure === null) this.error = null;
    }, WELL_MS).unref();
    // What it has open of files that were removed is taken first.
    const unwatch = watchPlace(this.path, () => child.peek() ?? child.close());
    let isFirst = had !== '';
    const gaps = this.#isOfAll ? this.#gapsFor(signal) : null;
    try {
      while (await some(child, signal)) {
        this.error = null;
        if (isFirst) {
          isFirst = false;
          const isThere = this.#isStillThere(child, had, of === stream.selection);
          gaps?.begin(isThere ? had : null);
          if (isThere) continue;
        }
        if (!(await this.#pass(output, stream, child, signal))) return;
        gaps?.read(stream.lastPassed);
      }
      if (child.failure !== null) throw new Unreadable(child.failure);
    } finally {
      clearTimeout(well);
      unwatch();
      child.close();
      await gaps?.told();
    }
  }

  /**
   * True: the entry that was taken last comes first, and is taken no second time. Else, if it is `selected`, it is gone, and
   * maybe others.
   */
  #isStillThere(child: Journalctl, had: string, selected: boolean): boolean {
    const cursor = valueIn(child.peek()!, '__CURSOR');
    if (cursor === had) {
      child.take();
      return true;
    }
    const between = entriesBetween(had, cursor);
    if (selected && between !== 0) this.#lose(between);
    return false;
  }

  /** Entries were removed before they were read; null: it is not known how many. */
  #lose(count: number | null): void {
    const { account } = this.#o.context;
    const lost = this.#isOfAll ? (count ?? 0) : 0;
    account.received += lost;
    account.drop('vacuumed', lost);
    const many = count === null ? 'entries' : `${this.#isOfAll ? '' : 'at most '}${count} entries`;
    const remedy = 'let journald keep more (SystemMaxUse=, RuntimeMaxUse=)';
    log.warn(`logs ${this.#name}: journald has removed ${many} before they were read (vacuumed): ${remedy}`);
  }

  /** No entry is left out. */
  get #isOfAll(): boolean {
    const { units, match } = this.#o.journald;
    return units.length === 0 && match.length === 0;
  }

  #gapsFor(signal: AbortSignal): Gaps {
    return new Gaps({
      firstAt: (cursor) => cursorOf({ at: cursor }, this.#o.journald, signal),
      removed: (count) => this.#lose(count),
    });
  }

  /** A batch of what is there. False: it is time to stop, or to begin anew. */
  async #pass(output: Output, stream: JournalStream, child: Journalctl, signal: AbortSignal): Promise<boolean> {
    const written = Math.floor(Number(valueIn(child.peek()!, '__REALTIME_TIMESTAMP')) / 1000);
    this.#waiting = { since: performance.now(), written };
    const heldUp = setTimeout(() => child.close(), HELD_UP_MS);
    try {
      const batch = await this.#take(output, stream, signal);
      if (!batch) return false;
      if (child.closed) {
        output.discard(batch);
        return false;
      }
      batch.from = this.#place!.at;
      const how = { most: this.#o.format.mostLines, fields: stream.fields !== undefined };
      return await this.#push(output, stream, batch, fillWithEntries(batch, child, how), signal);
    } finally {
      clearTimeout(heldUp);
      this.#waiting = null;
    }
  }

  /** Null: it is time to stop. */
  async #take(output: Output, stream: JournalStream, signal: AbortSignal): Promise<Batch | null> {
    for (;;) {
      try {
        return await this.#waitFor(output.take(stream, signal), stream);
      } catch (error) {
        if (signal.aborted) return null;
        if (!(error instanceof Stalled)) throw error;
        await Promise.race([error.over.catch(() => undefined), aborted(signal)]);
      }
    }
  }

  /** False: it was not taken, and is read again. */
  async #push(
    output: Output,
    stream: JournalStream,
    batch: Batch,
    { passing, cut: keptInPart }: Filled,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { context, format } = this.#o;
    const { account } = context;
    const before = this.#place;
    const { count, end, from } = batch;
    const bytes = end - from;
    stream.passes(passing, end);
    this.#place = { at: end, text: passing.cursors.at(-1)!, of: stream.selection };
    account.received += count;
    const cut = Math.max(await format.finish(batch, this.#keys), keptInPart);
    this.#count(count, bytes, cut);
    try {
      await this.#waitFor(output.push(batch), stream);
      return true;
    } catch (error) {
      if (!(error instanceof NotTaken)) {
        account.received -= batch.weight;
        throw error;
      }
      this.#count(-count, -bytes, -cut);
      this.#place = before;
      await Promise.race([error.over.catch(() => undefined), aborted(signal)]);
      return false;
    }
  }

  /** For what takes as long as the output is away. */
  #waitFor<T>(waiting: Promise<T>, stream: JournalStream): Promise<T> {
    return this.#o.ahead?.during(waiting, stream, this.#place!) ?? waiting;
  }

  #count(lines: number, bytes: number, cut: number): void {
    this.lines += lines;
    this.bytes += bytes;
    this.truncated += cut;
    this.#o.context.account.truncated += cut;
  }
}

/** The journal cannot be read now; it is tried again. */
class Unreadable extends Error {}

async function some(child: Journalctl, signal: AbortSignal): Promise<boolean> {
  try {
    return await child.some(signal);
  } catch (error) {
    throw new Unreadable((error as Error).message);
  }
}
