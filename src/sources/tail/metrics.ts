/**
 * The metrics that steps count of an input's lines: at the end of each window a record a series, as StatsD's are.
 *
 * What was counted of a window that is open when the agent stops is sent then; one that is killed loses it.
 */
import { setImmediate } from 'node:timers/promises';
import { emitReceived } from '../../aggregate/emit.ts';
import { percentileLabel } from '../../aggregate/record.ts';
import type { Tally } from '../../aggregate/tally.ts';
import { cutAt, type Span, untilNext, windowAt } from '../../aggregate/window.ts';
import { pause } from '../../core/abort.ts';
import type { Account } from '../../core/account.ts';
import type { Stream } from '../../core/batch.ts';
import type { Measured } from '../../core/measured.ts';
import type { Output } from '../../core/pipeline.ts';
import { valueEnvelope } from '../../records/envelope.ts';

/** Where they go, and when. */
export interface LineMetricsConfig {
  topic: string;
  /** Milliseconds. */
  interval: number;
  percentiles: readonly number[];
}

export interface LineMetricsOptions extends LineMetricsConfig {
  /** The input: `event.dataset`. */
  name: string;
  host: string;
  labels: Record<string, string>;
  account: Account;
  nextWindowId: () => string;
  /** Looks at them before they leave. */
  measured?: Measured;
}

/** The first window is not shorter than this. */
const SHORTEST_MS = 1000;
/** So many documents are made at once. */
const PIECE = 256;
/** At the stop the output has so long to take what is left. */
const LAST_MS = 1000;

export class LineMetrics {
  readonly #o: LineMetricsOptions;
  readonly #tallies: readonly Tally[];
  readonly #stream: Stream;
  readonly #percentiles: readonly (readonly [string, number])[];
  #began = performance.now();
  /** What of tallies was told before. */
  #lost = 0;

  constructor(tallies: readonly Tally[], options: LineMetricsOptions) {
    const { name, topic, host, account, percentiles } = options;
    this.#o = options;
    this.#tallies = tallies;
    const envelope = valueEnvelope(host);
    this.#stream = { name, topic, key: host, account, replayable: false, envelope: () => envelope };
    this.#percentiles = percentiles.map((quantile) => [percentileLabel(quantile), quantile]);
  }

  /** Until the signal aborts; `end` is for what is left then. */
  async run(output: Output, signal: AbortSignal): Promise<void> {
    const { interval } = this.#o;
    this.#began = performance.now();
    let wait = untilNext(Date.now(), interval, Math.min(SHORTEST_MS, interval / 2));
    while (await pause(wait, signal)) {
      await this.#flush(output, windowAt(Date.now(), this.#sinceLast(), interval), signal);
      wait = untilNext(Date.now(), interval, interval / 2);
    }
  }

  /** Nothing is counted any more: what was is sent now. */
  async end(output: Output): Promise<void> {
    await this.#flush(output, cutAt(Date.now(), this.#sinceLast()), AbortSignal.timeout(LAST_MS));
  }

  #sinceLast(): number {
    const now = performance.now();
    const elapsed = now - this.#began;
    this.#began = now;
    return elapsed;
  }

  async #flush(output: Output, window: Span, signal: AbortSignal): Promise<void> {
    const { account, host, labels, name, nextWindowId, measured, interval } = this.#o;
    for (const tally of this.#tallies) {
      tally.close();
      const origin = { host, dataset: name, labels };
      const documents = tally.documents(origin, { ...window, id: nextWindowId() }, this.#percentiles);
      for (let done = false; !done; ) {
        const piece: { document: string; lines: number }[] = [];
        while (!done && piece.length < PIECE) {
          const next = documents.next();
          done = next.done === true;
          if (!next.done) piece.push(next.value);
        }
        measured?.window(
          `logs.${name}`,
          interval,
          piece.map(({ document }) => document),
          false,
        );
        if (piece.length > 0) await this.#send(output, piece, signal);
        if (!done) await setImmediate();
      }
    }
    measured?.window(`logs.${name}`, interval, []);
    const lost = this.#tallies.reduce((sum, tally) => sum + tally.lost, 0);
    if (lost > this.#lost) {
      account.received += lost - this.#lost;
      account.drop('max_contexts', lost - this.#lost);
      this.#lost = lost;
    }
  }

  async #send(output: Output, piece: readonly { document: string; lines: number }[], signal: AbortSignal) {
    const documents = piece.map(({ document }) => document);
    const lines = piece.map((one) => one.lines);
    await emitReceived(output, this.#stream, documents, lines, signal);
  }
}
