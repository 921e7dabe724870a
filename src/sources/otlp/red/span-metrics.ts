/**
 * Span metrics into `metrics.topic`: at the end of each window two records a series. What was counted of a window that is
 * open when the agent stops is sent then; one that is killed loses it.
 */
import { setImmediate } from 'node:timers/promises';
import { emitReceived } from '../../../aggregate/emit.ts';
import { percentileLabel } from '../../../aggregate/record.ts';
import { cutAt, type Span, untilNext, windowAt } from '../../../aggregate/window.ts';
import { pause } from '../../../core/abort.ts';
import type { Account } from '../../../core/account.ts';
import type { Stream } from '../../../core/batch.ts';
import type { Measured } from '../../../core/measured.ts';
import type { Output } from '../../../core/pipeline.ts';
import { valueEnvelope } from '../../../records/envelope.ts';
import type { Red, SlowOperation } from './red.ts';

export interface SpanMetricsOptions {
  topic: string;
  /** Milliseconds. */
  interval: number;
  percentiles: readonly number[];
  host: string;
  labels: Record<string, string>;
  /** Its unit is the record. */
  account: Account;
  nextWindowId: () => string;
  /** Who looks at them before they leave. */
  measured: Measured;
}

/** What they are called there. */
const SOURCE = 'traces';

/** The first window is not shorter than this. */
const SHORTEST_MS = 1000;
/** So many documents are made at once. */
const PIECE = 256;
/** At the stop the output has so long to take what is left. */
const LAST_MS = 1000;

export class SpanMetrics {
  readonly #red: Red;
  readonly #o: SpanMetricsOptions;
  readonly #stream: Stream;
  readonly #percentiles: readonly (readonly [string, number])[];
  #began = performance.now();

  constructor(red: Red, options: SpanMetricsOptions) {
    const { topic, host, account, percentiles } = options;
    this.#red = red;
    this.#o = options;
    const envelope = valueEnvelope(host);
    this.#stream = { name: 'traces', topic, key: host, account, replayable: false, envelope: () => envelope };
    this.#percentiles = percentiles.map((quantile) => [percentileLabel(quantile), quantile]);
  }

  /** Operations with the longest spans of the last window. */
  get slowest(): readonly SlowOperation[] {
    return this.#red.slowest;
  }

  /** Until the signal aborts; `end` is for what is left then, when no request comes any more. */
  async run(output: Output, signal: AbortSignal): Promise<void> {
    const { interval } = this.#o;
    this.#began = performance.now();
    let wait = untilNext(Date.now(), interval, Math.min(SHORTEST_MS, interval / 2));
    while (await pause(wait, signal)) {
      await this.#flush(output, windowAt(Date.now(), this.#sinceLast(), interval), signal, true);
      wait = untilNext(Date.now(), interval, interval / 2);
    }
  }

  async end(output: Output): Promise<void> {
    await this.#flush(output, cutAt(Date.now(), this.#sinceLast()), AbortSignal.timeout(LAST_MS), false);
  }

  #sinceLast(): number {
    const now = performance.now();
    const elapsed = now - this.#began;
    this.#began = now;
    return elapsed;
  }

  /** `whole`: it is a window of the interval, and not what is left at the end. */
  async #flush(output: Output, window: Span, signal: AbortSignal, whole: boolean): Promise<void> {
    const { host, labels, nextWindowId, measured, interval } = this.#o;
    this.#red.close();
    const origin = { host, dataset: 'traces', labels };
    const documents = this.#red.documents(origin, { ...window, id: nextWindowId() }, this.#percentiles);
    for (let piece = next(documents); piece.length > 0; piece = next(documents)) {
      if (whole) measured.window(SOURCE, interval, piece, false);
      await this.#send(output, piece, signal);
      await setImmediate();
    }
    if (whole) measured.window(SOURCE, interval, []);
  }

  async #send(output: Output, piece: readonly string[], signal: AbortSignal): Promise<void> {
    await emitReceived(output, this.#stream, piece, new Uint8Array(piece.length).fill(1), signal);
  }
}

function next(documents: Generator<string>): string[] {
  const piece: string[] = [];
  while (piece.length < PIECE) {
    const { done, value } = documents.next();
    if (done) break;
    piece.push(value);
  }
  return piece;
}
