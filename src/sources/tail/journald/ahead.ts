/**
 * As ahead/ahead.ts, of the journal: while an entry waits for memory, or a batch to be packed, what comes behind is read by a
 * journalctl of its own, counted and forgotten.
 */
import { pause } from '../../../core/abort.ts';
import { Batch } from '../../../core/batch.ts';
import type { Share, Slot } from '../../../core/pool.ts';
import { runSteps } from '../../../core/run.ts';
import { log } from '../../../log.ts';
import { AheadLines, type AheadLinesOptions } from '../ahead/lines.ts';
import type { Cursor } from '../positions/journal.ts';
import { fillWithEntries, valueIn } from './fill.ts';
import { Journalctl } from './journalctl.ts';
import type { JournaldConfig } from './options.ts';
import type { JournalStream } from './stream.ts';

/** What waits for so long waits because the output is away. */
const STALL_MS = 500;
/** For so long a journalctl is kept: it would hold on to files that journald has removed. */
const KEPT_MS = 10_000;
const AGAIN_MS = 1000;

export type JournalAheadOptions = Omit<AheadLinesOptions, 'mostLines'> & { journald: JournaldConfig };

export class JournalAhead {
  readonly #o: JournalAheadOptions;
  #lines: AheadLines | null = null;
  #child: Journalctl | null = null;

  constructor(options: JournalAheadOptions) {
    this.#o = options;
  }

  /** All that there is was seen by rules, as far as journalctl has told of it. */
  get isCurrent(): boolean {
    return this.#child?.peek() === null && this.#child.failure === null;
  }

  /** Does what takes as long as the output is away. `behind`: what was read last. */
  async during<T>(waiting: Promise<T>, stream: JournalStream, behind: Cursor): Promise<T> {
    const over = new AbortController();
    const looking = this.#look(stream, behind, over.signal).catch(({ message }: Error) => {
      if (over.signal.aborted) return;
      const { name } = this.#o.input;
      log.warnOnce(`ahead ${name}`, `rules of alerts do not see entries of ${name} before they are sent: ${message}`);
    });
    try {
      return await waiting;
    } finally {
      over.abort(new Error('it is sent'));
      this.#child?.close();
      await looking;
    }
  }

  close(): void {
    this.#lines?.close();
    this.#lines = null;
  }

  async #look(stream: JournalStream, behind: Cursor, signal: AbortSignal): Promise<void> {
    if (!(await pause(STALL_MS, signal))) return;
    this.#lines ??= new AheadLines({ ...this.#o, mostLines: undefined });
    for (let place = behind; !signal.aborted; ) place = await this.#follow(stream, place, signal);
  }

  /** One journalctl; gives what it read last. */
  async #follow(stream: JournalStream, behind: Cursor, signal: AbortSignal): Promise<Cursor> {
    const { journald, input, room } = this.#o;
    const { format } = this.#lines!;
    const had = behind.text === '' ? null : behind.text;
    const child = new Journalctl(journald, had, format.longest, input.name);
    const old = setTimeout(() => child.close(), KEPT_MS).unref();
    let place = behind;
    let isFirst = had !== null;
    this.#child = child;
    try {
      while (await child.some(signal)) {
        if (isFirst && valueIn(child.peek()!, '__CURSOR') === had) child.take();
        else place = await room.look(signal, (slot, share) => this.#count(stream, child, place, slot, share));
        isFirst = false;
      }
      if (child.failure !== null) await pause(AGAIN_MS, signal);
      return place;
    } finally {
      this.#child = null;
      clearTimeout(old);
      child.close();
    }
  }

  async #count(stream: JournalStream, child: Journalctl, place: Cursor, slot: Slot, share: Share): Promise<Cursor> {
    // It was closed meanwhile, or what is sent passes the rules.
    if (child.peek() === null || stream.watched.passing) return place;
    const { format, steps } = this.#lines!;
    const batch = new Batch(slot, share, stream);
    batch.from = place.at;
    const { passing } = fillWithEntries(batch, child, { most: format.mostLines, fields: false });
    await format.finish(batch, { openKey: null });
    (await runSteps(batch, steps)).count(true);
    return { ...place, at: batch.end, text: passing.cursors.at(-1)! };
  }
}
