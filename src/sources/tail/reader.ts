/** What reads for a `logs` entry, as the status sees it. */
import type { Source, Step } from '../../core/pipeline.ts';
import type { FileStatus } from './file/status.ts';
import type { LeftOutStatus } from './find/left-out.ts';

export interface LogReader extends Source {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly lines: number;
  readonly bytes: number;
  readonly files_total: number;
  readonly watching: 'inotify' | 'polling';
  /** Files that cannot be read now. */
  readonly unreadable: number;
  readonly left_out: LeftOutStatus;
  /** Patterns that name nothing. */
  readonly idle: { include: string[]; exclude: string[] };
  readonly reread_bytes: number;
  readonly deleted: number;
  /** Secrets that were masked, by rule. */
  readonly masked: Record<string, number>;
  readonly lag: { lag_bytes: number; lag_seconds: number };
  /** What rules of alerts see of lines that are not sent; null: nobody looks at those. */
  readonly ahead: { isCurrent: boolean; skipped_bytes: number } | null;
  /** The most behind first, at most so many. */
  listing(count: number): Iterable<FileStatus>;
  /** What is wrong, a sentence each. */
  problems(): string[];
  /** Until the signal aborts it is not known where reading goes on: what rules of alerts count is looked at meanwhile. */
  foresee?(signal: AbortSignal): Promise<void>;
  /** Nothing of it is on its way any more. */
  close(): void;
}
