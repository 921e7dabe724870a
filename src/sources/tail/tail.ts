/**
 * The tail source: follows the files of one `logs` entry.
 *
 *   tracker --ready--> files that may have something to read --in turn--> fill a batch -> push
 *
 * Ready files take turns, a batch each. While one batch is packed the next one is read already. Every file is looked
 * at once in ten seconds, whatever the tracker is told by inotify.
 */
import type { Account } from '../../core/account.ts';
import type { Output, Source } from '../../core/pipeline.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { Format } from '../../lines/format.ts';
import type { Masking } from '../../lines/masking.ts';
import type { Processing } from '../../transforms/process.ts';
import type { Ahead, AheadFiles } from './ahead/ahead.ts';
import type { Foresight } from './ahead/foresight.ts';
import { Unpacking } from './compressed/unpacking.ts';
import type { Containers } from './containers/containers.ts';
import type { TailContext } from './context.ts';
import type { TrackedFile } from './file/file.ts';
import { Rewrites } from './file/rewrites.ts';
import { type FileStatus, lagOf, mostBehind } from './file/status.ts';
import type { FileStream } from './file/stream.ts';
import type { Routing } from './file/topics.ts';
import type { LeftOutStatus } from './find/left-out.ts';
import type { LogConfig } from './options.ts';
import type { Positions } from './positions/positions.ts';
import { Unlooked } from './positions/unlooked.ts';
import { Pump } from './pump.ts';
import { Reading } from './reading.ts';
import { Regular } from './regular.ts';
import { Order } from './rotation/order.ts';
import { Tracker, type TrackerOptions } from './rotation/tracker.ts';
import { Turns } from './turns.ts';

/** Of more files a second's share would be looked at for too long at once. */
const FEW = 1000;

export interface TailOptions extends TrackerOptions {
  input: LogConfig;
  host: string;
  tags: Record<string, string>;
  partition_by: 'host' | 'file';
  positions: Positions;
  data_dir: string;
  kernel: Kernel;
  account: Account;
  processing?: Processing | undefined;
  routing?: Routing | null | undefined;
  /** What is told of the containers that write its files. */
  containers?: Containers | undefined;
  /** What of its lines is masked. */
  masking?: Masking | undefined;
  /** Looks at what cannot be sent yet; without it nobody does. */
  ahead?: ((files: AheadFiles, mostLines: number | undefined) => Ahead) | undefined;
  /** What was looked at before it was known where files are read. */
  foresight?: Pick<Foresight, 'take'> | undefined;
  /** Lines of a batch at most; default: as many as its tables have room for. */
  mostLines?: number | undefined;
  /** A file that was not written for so long is closed, milliseconds; default: five minutes. */
  close_after?: number;
  /** Every file, and every directory, is looked at once in so many quarters of a second; default: 40. */
  round?: number;
}

export function tailSource(options: TailOptions): TailSource {
  return new TailSource(options);
}

export class TailSource implements Source {
  readonly name: string;
  readonly #turns: Turns;
  readonly #tracker: Tracker;
  readonly #reading: Reading;
  readonly #pump: Pump;
  readonly #ahead: Ahead | undefined;
  readonly #regular: Regular;
  readonly #leaving = new Set<FileStream>();
  readonly #unlooked: Unlooked;

  constructor(options: TailOptions) {
    const { input, host, tags, partition_by, positions, account, kernel, data_dir, processing, mostLines, routing } =
      options;
    const origin = { host, tags, kafka: { partition_by } };
    const leaving = this.#leaving;
    const { containers } = options;
    const shared = { input, origin, positions, account, data_dir, processing, routing, containers };
    const context: TailContext = { ...shared, leaving };
    this.#unlooked = new Unlooked(context);
    const { close_after, round } = options;
    this.name = input.name;
    const format = new Format(input, kernel, mostLines, options.masking);
    const rewrites = new Rewrites();
    const turns = this.#makeTurns(input, format, rewrites);
    const tracker = new Tracker(context, turns, { ...options, away: () => this.#pump.isAway });
    const unpacking = new Unpacking(context, tracker, turns);
    const reading = new Reading({ account, format, tracker, turns, rewrites, foresight: options.foresight });
    const counting = (file: TrackedFile) => this.#ahead?.counting(file);
    const pump = new Pump({ account, tracker, turns, rewrites, unpacking, reading, counting });
    const ahead = options.ahead?.({ context, tracker, pump }, mostLines);
    const { rotate_wait } = input;
    this.#regular = new Regular({ tracker, turns, unpacking, pump, ahead, rotate_wait, close_after, round });
    this.#turns = turns;
    this.#tracker = tracker;
    this.#reading = reading;
    this.#pump = pump;
    this.#ahead = ahead;
  }

  #makeTurns({ rotate_wait }: LogConfig, format: Format, rewrites: Rewrites): Turns {
    const tracked = (file: TrackedFile) => this.#tracker.files.has(file);
    return new Turns({
      rotate_wait,
      timeout: format.grouping ? format.timeout : null,
      rewrites,
      order: new Order({
        tracked,
        ready: (file) => this.#turns.ready(file),
        replaces: (file, old) => this.#tracker.replaces(file, old),
      }),
      tracked,
      starting: () => this.#tracker.starting,
      onTick: (ticks, now) => this.#regular.tick(ticks, now),
      onStep: () => this.#tracker.step(),
      few: () => this.#tracker.files.size + this.#tracker.packed.size + this.#tracker.nameless.size <= FEW,
    });
  }

  get lines(): number {
    return this.#reading.lines;
  }

  get bytes(): number {
    return this.#reading.bytes;
  }

  get files_total(): number {
    return this.#tracker.files.size;
  }

  /** `polling`: there are directories that inotify cannot be used for. */
  get watching(): 'inotify' | 'polling' {
    return this.#tracker.silent > 0 ? 'polling' : 'inotify';
  }

  /** Files that match, or did while they had a name, and cannot be read now. */
  get unreadable(): number {
    const { untracked, nameless, packed } = this.#tracker;
    let count = untracked.count('unreadable') + untracked.count('foreign_link');
    for (const { failed } of nameless) if (failed !== null) count++;
    for (const { failed, path } of packed) if (failed !== null && path !== null && !untracked.get(path)) count++;
    return count;
  }

  get left_out(): LeftOutStatus {
    return this.#tracker.left_out;
  }

  /** Patterns that have named nothing yet. */
  get idle(): { include: string[]; exclude: string[] } {
    return this.#tracker.idle;
  }

  /** Files that were deleted because `delete_after` says so. */
  get deleted(): number {
    return this.#tracker.upkeep.deleted;
  }

  /** Bytes of files that may be copies of others, and were read as files of their own. */
  get reread_bytes(): number {
    return this.#tracker.reread_bytes;
  }

  /** How far its files are behind together. */
  get lag(): ReturnType<typeof lagOf> {
    const lag = lagOf(this.#tracker.files, this.#leaving);
    if (!this.#tracker.starting) return lag;
    const { bytes, age } = this.#unlooked.lag(performance.now());
    return { lag_bytes: lag.lag_bytes + bytes, lag_seconds: Math.max(lag.lag_seconds, age / 1000) };
  }

  /** What rules of alerts have not seen; null: nobody looks at what is not sent. */
  get ahead(): Pick<Ahead, 'isCurrent' | 'skipped_bytes' | 'places'> | null {
    return this.#ahead ?? null;
  }

  /** The most behind first, at most so many, made one by one. */
  listing(count: number): Iterable<FileStatus> {
    return mostBehind(this.#tracker, this.#leaving, count, (file) => this.#pump.shortage(file));
  }

  /** Looks for files again, soon. */
  again(): void {
    void this.#tracker.scan();
  }

  /**
   * `started` is told when all its files were looked for, for the first time. Once it has rejected nothing of it runs any
   * more, and nothing that it took is on its way to be pushed.
   */
  async run(output: Output, stopped: AbortSignal, started?: () => void): Promise<void> {
    const failure = new AbortController();
    const signal = AbortSignal.any([stopped, failure.signal]);
    const stop = () => {
      this.#tracker.stopStarting();
      this.#turns.wake();
    };
    signal.addEventListener('abort', stop);
    const pumping = this.#pump.run(output, signal, failure);
    // A failure is thrown where this is awaited, below.
    pumping.catch(() => undefined);
    try {
      this.#turns.start();
      await this.#tracker.start();
      started?.();
      await pumping;
      await this.#ahead?.close();
      await this.#pump.lastWords(output);
    } finally {
      this.#turns.stop();
      failure.abort();
      await pumping.catch(() => undefined);
      await this.#ahead?.close();
      signal.removeEventListener('abort', stop);
      await this.#tracker.close();
    }
  }
}
