/**
 * The segment that the reader of a partition has open. What the medium does not give is asked for again every second, for
 * `patience` milliseconds; then it is passed over, and what lies before and behind it is read. Whatever else keeps a
 * segment from being read (a right, a limit) is waited for: it costs nothing but time.
 */
import { pause } from '../core/abort.ts';
import { isBadMedium, Salvage } from './salvage.ts';
import { type Damage, type Segment, SegmentReader, type StoredBatch } from './segment.ts';

const RETRY_MS = 1000;

export interface AtHandOptions {
  patience: number;
  onDamage(segment: Segment, damage: Damage): void;
  /** Its file is gone, or cannot even be opened. */
  lose(segment: Segment, reason: 'spool_damaged' | 'spool_unreadable'): Promise<void>;
  warn(what: string, error: unknown): void;
}

export class AtHand {
  /** Why the segment cannot be read; null when it can. */
  error: string | null = null;
  readonly #o: AtHandOptions;
  #segment: Segment | null = null;
  #reader: SegmentReader | null = null;
  /** When the medium first did not give something of the segment. */
  #since: number | null = null;
  /** It is passed over. */
  #salvage: Salvage | null = null;

  constructor(options: AtHandOptions) {
    this.#o = options;
  }

  /** The offset that the segment is read to. */
  get offset(): number {
    return this.#reader?.offset ?? 0;
  }

  /** The next block at or after `from`; null at the segment's end; undefined: look again which segment is next. */
  async next(segment: Segment, from: number, signal?: AbortSignal): Promise<StoredBatch | null | undefined> {
    try {
      if (this.#segment !== segment) {
        await this.close();
        this.#segment = segment;
      }
      this.#reader ??= await SegmentReader.open(
        segment,
        (damage) => this.#o.onDamage(segment, damage),
        this.#salvage ?? undefined,
      );
      const entry = await this.#reader.next(from);
      this.error = null;
      // It may go on growing.
      if (entry === null) this.#salvage?.renew();
      return segment.removed ? undefined : entry;
    } catch (error) {
      // Opened anew: what could not be read may be another file, or another disk, by then.
      await this.#reader?.close().catch(() => undefined);
      this.#reader = null;
      await this.#unreadable(segment, error as NodeJS.ErrnoException, signal);
      return undefined;
    }
  }

  /** There is nothing to read now. A file that was removed takes its room until nobody has it open; true: it was closed. */
  async leave(): Promise<boolean> {
    this.error = null;
    if (!this.#segment?.removed) return false;
    await this.close();
    return true;
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    this.error = null;
    this.#segment = null;
    this.#reader = null;
    this.#since = null;
    this.#salvage = null;
    await reader?.close();
  }

  async #unreadable(segment: Segment, error: NodeJS.ErrnoException, signal: AbortSignal | undefined): Promise<void> {
    if (segment.removed) return;
    if (error.code === 'ENOENT') {
      this.#o.warn(`cannot read ${segment.log}; skipped`, error);
      return this.#o.lose(segment, 'spool_damaged');
    }
    const bad = isBadMedium(error);
    if (bad && this.#salvage) return this.#o.lose(segment, 'spool_unreadable');
    const { patience } = this.#o;
    const until = bad ? `; passed over and counted when that lasts ${patience / 1000} s` : '';
    this.error = `${error.message}${until}`;
    this.#o.warn(`cannot read ${segment.log}${until}`, error);
    this.#since = bad ? (this.#since ?? performance.now()) : null;
    if (this.#since !== null && performance.now() - this.#since >= patience) this.#salvage = new Salvage();
    else await pause(RETRY_MS, signal); // aborted: the caller looks
  }
}
