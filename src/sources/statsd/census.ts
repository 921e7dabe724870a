/**
 * Who sends most: all series counted by name, by key of tags and by container, a stretch at a time, so that receiving
 * goes on between. Samples are those of the open window and of the one before.
 *
 * Invariant: it holds at most MOST names and containers, and MOST_KEYS keys of tags. Beyond that those with the fewest
 * samples and series are let go, so what is most can be told and the rest is only in the sums.
 */
import { Arena, Region } from '../../aggregate/arena.ts';
import { attributesOf, type SeriesTable } from '../../aggregate/series.ts';
import { Uniques } from '../../aggregate/unique.ts';
import { CONTAINER, type StatsdTop, type TopRow } from './top-shape.ts';

const MOST = 10_000;
const MOST_KEYS = 1000;
/** For distinct values. */
const VALUE_BYTES = 16 << 20;
/** Series between two looks at the clock. */
const STRIDE = 32;
/** Rows that are given of each. */
const GIVEN = 50;

type Counted = { samples: number; series: number };

export class Census {
  /** All series were seen, or time is up. */
  done = false;
  readonly #series: SeriesTable;
  readonly #samplesOf: (number: number) => number;
  readonly #until: number;
  readonly #names = new Map<string, Counted>();
  readonly #containers = new Map<string, Counted>();
  readonly #keys = new Map<string, { number: number; series: number }>();
  readonly #values = new Uniques(new Region(new Arena(VALUE_BYTES)), MOST_KEYS);
  #scratch = Buffer.alloc(4096);
  #cursor = 0;
  #seen = 0;
  #samples = 0;

  /** `until`: by `performance.now()`, it says what it has seen by then. */
  constructor(series: SeriesTable, samplesOf: (number: number) => number, until: number) {
    this.#series = series;
    this.#samplesOf = samplesOf;
    this.#until = until;
  }

  /** Goes on for so long. Milliseconds. */
  step(budget_ms: number): void {
    const deadline = performance.now() + budget_ms;
    const { size } = this.#series;
    while (this.#cursor < size) {
      const end = Math.min(size, this.#cursor + STRIDE);
      for (; this.#cursor < end; this.#cursor++) if (this.#series.isLive(this.#cursor)) this.#count(this.#cursor);
      const now = performance.now();
      if (now > this.#until) break;
      if (now > deadline) return;
    }
    this.done = true;
  }

  result(seconds: number): StatsdTop {
    const keys = [...this.#keys].map(([key, { number, series }]) => {
      return { key, values: this.#values.size(number), approximate: this.#values.approximate(number), series };
    });
    const by = (figure: keyof Counted, of: Map<string, Counted>) => most(rows(of), (row) => row[figure]);
    return {
      seconds,
      series: this.#series.live,
      seen: this.#seen,
      samples: this.#samples,
      by_samples: by('samples', this.#names),
      by_series: by('series', this.#names),
      tags: most(keys, ({ values }) => values),
      containers: by('samples', this.#containers),
    };
  }

  #count(number: number): void {
    const samples = this.#samplesOf(number);
    this.#seen++;
    this.#samples += samples;
    add(this.#names, JSON.parse(this.#series.name(number)) as string, samples);
    for (const [key, value] of attributesOf(this.#series, number)) {
      if (key === CONTAINER) add(this.#containers, value, samples);
      this.#addValue(key, value);
    }
  }

  #addValue(key: string, value: string): void {
    const known = this.#keys.get(key) ?? this.#newKey(key);
    if (!known) return;
    known.series++;
    const bytes = Buffer.byteLength(value);
    if (bytes > this.#scratch.length) this.#scratch = Buffer.alloc(bytes);
    this.#scratch.write(value);
    this.#values.add(known.number, this.#scratch, 0, bytes);
  }

  #newKey(key: string) {
    if (this.#keys.size >= MOST_KEYS) return null;
    const known = { number: this.#keys.size, series: 0 };
    this.#keys.set(key, known);
    return known;
  }
}

function add(to: Map<string, Counted>, name: string, samples: number): void {
  const counted = to.get(name);
  if (counted) {
    counted.samples += samples;
    counted.series++;
    return;
  }
  if (to.size >= MOST) halve(to);
  to.set(name, { samples, series: 1 });
}

/** Keeps the quarter with most samples and the quarter with most series. */
function halve(all: Map<string, Counted>): void {
  const kept = new Set<string>();
  for (const figure of ['samples', 'series'] as const) {
    const order = [...all].sort(([, a], [, b]) => b[figure] - a[figure]);
    for (const [name] of order.slice(0, MOST / 4)) kept.add(name);
  }
  for (const name of all.keys()) if (!kept.has(name)) all.delete(name);
}

function rows(of: Map<string, Counted>): TopRow[] {
  return [...of].map(([name, counted]) => ({ name, ...counted }));
}

function most<T>(rows: T[], figure: (row: T) => number): T[] {
  return rows.sort((a, b) => figure(b) - figure(a)).slice(0, GIVEN);
}
