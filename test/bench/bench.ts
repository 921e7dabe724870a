/** What the cases of the benchmark share: what they are given, what they give, medians. */
import type { Kafka } from '../support/kafka.ts';

export interface Bench {
  kafka: Kafka;
  /** The built agent's `main.js`. */
  main: string;
  /** Removed when all is measured. */
  dir: string;
  /** Lines of the file that is read at full speed. */
  lines: number;
  runs: number;
  idleSeconds: number;
  /** Files of the largest tree; other cases take a part of it. */
  files: number;
}

/** Whether a figure of one of these names is asked for. */
export type Wanted = (...names: readonly string[]) => boolean;

/** One measured figure, and what it should be. */
export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** `value` should be at most or at least this. */
  at_most?: number;
  at_least?: number;
  /** Of each run. */
  runs?: number[];
}

export type Figures = Promise<Figure[]> | AsyncIterable<Figure>;
export type Case = (bench: Bench, wanted: Wanted) => Figures;
/** One that measures in this process: it needs no agent and no Kafka. */
export type OwnCase = (wanted: Wanted) => Figures;

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which `q` of the values lie; that of a run, not one in between. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
