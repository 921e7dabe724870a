/** A check of the configuration: one file a type, one line in `all.ts`. */
import type { Collector } from './collector.ts';
import type { CustomCheckConfig } from './options.ts';

/** As the Monitoring Plugins have it. */
export const [OK, WARNING, CRITICAL, UNKNOWN] = [0, 1, 2, 3] as const;
export type CheckState = 0 | 1 | 2 | 3;

export interface Verdict {
  state: CheckState;
  /** What it says of itself; null: nothing. */
  message: string | null;
}

export interface CustomCheck {
  /**
   * One run. What throws is an error, and its state unknown; what is found wrong is a verdict. The signal aborts at the
   * deadline, in so many milliseconds: then nothing of it goes on.
   */
  run(to: Collector, signal: AbortSignal, deadline_ms: number): Promise<Verdict>;
  /** The check will not run again. */
  close?(): Promise<void>;
}

export type OpenCustom = (config: CustomCheckConfig) => CustomCheck;

export const FINE: Verdict = { state: OK, message: null };
