/**
 * What is ready is read in turn, a batch each, and pushed. While one batch is packed the next one is read already.
 *
 *   turns --next--> open; decompressed, or compared --> memory --> fill --> push
 *
 * A file whose partition takes nothing is put aside until it does, and holds up no other.
 */
import { setImmediate } from 'node:timers/promises';
import type { Account } from '../../core/account.ts';
import type { Batch, Stream } from '../../core/batch.ts';
import type { Output } from '../../core/pipeline.ts';
import { NotTaken, Stalled } from '../../core/stalled.ts';
import type { Unpacking } from './compressed/unpacking.ts';
import type { TrackedFile } from './file/file.ts';
import type { Rewrites } from './file/rewrites.ts';
import type { ReadPlace } from './file/state.ts';
import type { Shortage } from './file/status.ts';
import type { Counted, Reading } from './reading.ts';
import type { Tracker } from './rotation/tracker.ts';
import type { Turns } from './turns.ts';

/** After so much reading other things get their turn, milliseconds: small files are read without a wait. */
const STEP_MS = 5;
/** The output is away when it takes nothing of what waits for so long. */
const AWAY_MS = 1000;
/** The output has not taken for so long what it was asked to: it may be away. */
const STALL_MS = 500;
/** At the stop the output has so long to take what could not be read later. */
const LAST_MS = 500;

/** A batch of a file, and what it takes to read it again. */
interface Filled {
  batch: Batch;
  file: TrackedFile;
  place: ReadPlace;
  counted: Counted;
  /** How often the file had gone back. */
  returns: number;
}

export interface PumpOptions {
  account: Account;
  tracker: Tracker;
  turns: Turns;
  rewrites: Rewrites;
  unpacking: Unpacking;
  reading: Reading;
  /** Resolves when nobody counts lines of the file that are not sent; undefined: nobody does. */
  counting: (file: TrackedFile) => Promise<unknown> | undefined;
}

export class Pump {
  readonly #o: PumpOptions;
  /** When other things had their turn last. */
  #rested = 0;
  /** Memory is asked for, to read this file. */
  #taking: TrackedFile | null = null;
  /** Files whose partition takes nothing. */
  readonly #aside = new Set<TrackedFile>();
  /** Files that are being read, and go back when that is over. */
  readonly #returning = new Map<TrackedFile, { place: ReadPlace; stream: Stream }>();
  /** By `performance.now()`: when the output took something, or gave memory for it. */
  #moved = performance.now();
  /** The same: when it was asked last for memory, or to take something. */
  #asked = performance.now();
  /** Batches that were read, and of which no step has seen anything. */
  readonly #unpushed: Filled[] = [];
  /** It is asked to take one. */
  #pushing = false;

  constructor(options: PumpOptions) {
    this.#o = options;
  }

  /** What waits has waited for some time: nothing is read. */
  get isAway(): boolean {
    return performance.now() - this.#moved > AWAY_MS;
  }

  /** What there is of the file is not read for now, however long it may take. */
  isHeldUp(file: TrackedFile): boolean {
    return this.isAway || this.#aside.has(file);
  }

  /** It is not read on for now, as nothing that is read is taken. */
  isStalled(file: TrackedFile): boolean {
    // It is read at this moment.
    if (file.busy && file !== this.#taking) return false;
    if (this.#aside.has(file)) return true;
    return this.#isAsking && performance.now() - Math.max(this.#moved, this.#asked) > STALL_MS;
  }

  /** From here on it was read, and no step has seen anything of that; null: they have seen all that was read. */
  unseen(file: TrackedFile): ReadPlace | null {
    const read = this.#unpushed.find((one) => one.file === file && one.returns === file.returns);
    return read?.batch.stream === file.stream ? read.place : null;
  }

  get #isAsking(): boolean {
    return this.#pushing || this.#taking !== null;
  }

  /** It is this file's turn, or will be, and there is no memory for what it holds. */
  shortage(file: TrackedFile): Shortage | null {
    const away = this.isAway && (file.queued !== null || file === this.#taking);
    if (!away && file !== this.#taking) return null;
    return { reason: away ? 'output' : 'memory', since: this.#moved };
  }

  /** While the output is away: what waits is noted, so that it is known what is lost if that goes. */
  tick(): void {
    if (this.isAway && this.#taking) this.#o.reading.noteUnread(this.#taking);
  }

  async run(output: Output, signal: AbortSignal, failure: AbortController): Promise<void> {
    let filled = await this.#nextRead(output, signal);
    while (filled) {
      const next = this.#nextRead(output, signal);
      // A failure is thrown where this is awaited, below.
      next.catch(() => undefined);
      // The next read is under way before packing begins, if there is memory for it.
      for (let i = 0; i < 8; i++) await undefined;
      const counting = this.#o.counting(filled.file);
      if (counting) await counting;
      this.#unpushed.shift();
      try {
        if (filled.returns === filled.file.returns) await this.#push(output, filled.batch);
        else this.#drop(output, filled);
      } catch (error) {
        if (!(error instanceof NotTaken)) {
          failure.abort(error);
          this.#takeBack(output, filled.batch, (await next.catch(() => null))?.batch ?? null);
          throw error;
        }
        this.#return(filled, error);
      }
      this.#moved = performance.now();
      filled = await next;
    }
  }

  async #push(output: Output, batch: Batch): Promise<void> {
    this.#asked = performance.now();
    this.#pushing = true;
    try {
      await output.push(batch);
    } finally {
      this.#pushing = false;
    }
  }

  /** Some topic does not take what the file has for it: the file is read again, from there, when it does. */
  #return({ file, batch, place, counted }: Filled, { over, topic }: NotTaken): void {
    this.#o.reading.uncount(file, counted);
    if (!this.#o.tracker.files.has(file)) return;
    file.refuse(topic);
    this.#returning.set(file, { place, stream: batch.stream });
    // Where it is being read at the moment it goes back after that.
    if (!file.reading) this.#goBack(file);
    this.#putAside(file, over);
  }

  /** True: it has gone back. */
  #goBack(file: TrackedFile): boolean {
    const returning = this.#returning.get(file);
    if (!returning) return false;
    this.#returning.delete(file);
    // Else it has begun anew meanwhile.
    if (file.stream === returning.stream) file.goBack(returning.place);
    return true;
  }

  /** What was read behind that is read again, too. */
  #drop(output: Output, { batch, file, counted }: Filled): void {
    this.#o.reading.uncount(file, counted);
    this.#o.account.received -= batch.weight;
    output.discard(batch);
  }

  /** What was not packed of these is read again: it was not received yet. The first was given back already. */
  #takeBack(output: Output, failed: Batch, ahead: Batch | null): void {
    this.#o.account.received -= failed.weight + (ahead?.weight ?? 0);
    if (ahead) output.discard(ahead);
  }

  /** Deleted files are read to their end, the unfinished line there too: the next process finds nothing of them. */
  async lastWords(output: Output): Promise<void> {
    const soon = AbortSignal.timeout(LAST_MS);
    for (const file of this.#o.tracker.files) {
      file.measure();
      if (file.fd === null || file.packed || file.held || file.size <= file.position || file.now().nlink > 0) continue;
      for (let from = -1; from !== file.position && file.position < file.size; ) {
        from = file.position;
        let batch: Batch;
        try {
          batch = await output.take(file.stream, soon);
        } catch (error) {
          // Its partition, or all of the output, is away: the next start counts it.
          if (error instanceof Stalled) break;
          return;
        }
        file.flush = true;
        await this.#o.reading.fill(file, batch, false);
        try {
          if (batch.count > 0) await output.push(batch);
          else output.discard(batch);
        } catch (error) {
          if (!(error instanceof NotTaken)) throw error;
          break;
        }
      }
    }
  }

  /** The next batch that holds something; null: it is time to stop. */
  async #nextRead(output: Output, signal: AbortSignal): Promise<Filled | null> {
    for (;;) {
      await this.#breathe();
      // From here to the wait for a file there must be no other: whoever wakes it would not be heard.
      if (signal.aborted) return null;
      const file = this.#o.turns.next();
      if (!file) {
        await this.#o.turns.come();
        continue;
      }
      if (this.#aside.has(file)) {
        this.#o.turns.stalled(file);
        continue;
      }
      if (!this.#o.turns.mayRead(file) || !this.#o.reading.open(file)) continue;
      file.takeTurn();
      file.use(true);
      const asked = this.#o.rewrites.asks(file);
      const prepared = file.packed
        ? await this.#o.unpacking.prepare(file)
        : !asked || (await this.#o.reading.isAsRead(file));
      file.use(false);
      this.#goBack(file);
      if (!prepared) {
        file.passTurn();
        if (file.again) this.#o.turns.ready(file);
        else this.#o.turns.wait(file);
        continue;
      }
      let batch: Batch;
      try {
        this.#taking = file;
        this.#asked = performance.now();
        batch = await output.take(file.stream, signal);
        this.#taking = null;
      } catch (error) {
        this.#taking = null;
        file.passTurn();
        if (signal.aborted) return null;
        if (!(error instanceof Stalled)) throw error;
        this.#putAside(file, error.over);
        continue;
      }
      this.#moved = performance.now();
      if (!this.#o.tracker.files.has(file) || file.restarting || file.stream !== batch.stream) {
        // It was let go, or begins anew, while there was no memory.
        file.passTurn();
        if (this.#o.tracker.files.has(file)) this.#o.turns.ready(file);
        output.discard(batch);
        continue;
      }
      // Something may have come that was not told yet.
      if (!file.packed) file.flush = this.#mayFlush(file);
      file.use(true);
      const { place, returns } = file;
      const counting = this.#o.reading.counting();
      const more = await this.#o.reading.fill(file, batch, !asked);
      file.use(false);
      file.endTurn();
      const filled = { batch, file, place, returns, counted: counting() };
      if (this.#goBack(file)) {
        if (batch.count > 0) this.#drop(output, filled);
        else output.discard(batch);
        continue;
      }
      if (more || file.again) this.#o.turns.ready(file);
      if (batch.count > 0) {
        this.#unpushed.push(filled);
        return filled;
      }
      output.discard(batch);
    }
  }

  /** Its last line goes out as it is: nothing more comes, nor is there anything of it that would be read again. */
  #mayFlush(file: TrackedFile): boolean {
    if (!this.#o.turns.isOver(file) || file.now().size !== file.stored) return false;
    return !file.stream.parts || file.stream.isSettled;
  }

  #putAside(file: TrackedFile, over: Promise<unknown>): void {
    file.noteUnread();
    this.#o.turns.stalled(file);
    if (this.#aside.has(file)) return;
    this.#aside.add(file);
    const goOn = () => {
      this.#aside.delete(file);
      file.refuse(null);
      this.#o.turns.ready(file);
    };
    void over.then(goOn, goOn);
  }

  /** Lets other things have their turn, if this has worked for some time. At the start finding files goes first. */
  async #breathe(): Promise<void> {
    if (!this.#o.tracker.starting && performance.now() - this.#rested <= STEP_MS) return;
    await setImmediate();
    this.#rested = performance.now();
  }
}
