/** What Datadog's clients say of themselves: how much they have sent, and what they had to drop before that. */
import type { SeriesTable } from '../../aggregate/series.ts';
import { COUNTER } from '../../kernel/statsd.ts';

const PREFIX = 'datadog.dogstatsd.client.';

export const CLIENT_FIGURES = [
  'packets_sent',
  'packets_dropped',
  'packets_dropped_queue',
  'packets_dropped_writer',
  'bytes_sent',
  'bytes_dropped',
  'bytes_dropped_queue',
  'bytes_dropped_writer',
  'metric_dropped_on_receive',
] as const;

export class ClientFigures {
  /** Of all windows that have ended, in the order of CLIENT_FIGURES. */
  readonly totals = new Float64Array(CLIENT_FIGURES.length);
  readonly #series: SeriesTable;
  /** Their series, with the name that each had then: its number may be another's. */
  readonly #known = new Map<number, { figure: number; name: string }>();

  constructor(series: SeriesTable) {
    this.#series = series;
  }

  /** A counter was sent under this name. */
  look(sent: string, number: number): void {
    if (!sent.startsWith(PREFIX)) return;
    const figure = CLIENT_FIGURES.indexOf(sent.slice(PREFIX.length) as (typeof CLIENT_FIGURES)[number]);
    if (figure < 0 || this.#series.kind(number) !== COUNTER) return;
    this.#known.set(number, { figure, name: this.#series.name(number) });
  }

  /** A window has ended, with these sums. */
  add(sums: Float64Array): void {
    for (const [number, { figure, name }] of this.#known) {
      if (this.#series.isLive(number) && this.#series.name(number) === name) this.totals[figure]! += sums[number]!;
      else this.#known.delete(number);
    }
  }
}
