/**
 * The series of an exposition from scrape to scrape: a program writes the same ones in the same order, so the next line is
 * looked for where it was the last time, and its labels are read once.
 *
 *   last scrape   a{x="1"}   a{x="2"}   b   c ...
 *                            ^ what the next line begins with, most often
 *
 * Invariant: it holds at most `most` of one scrape, each as text of its own (no part of the answer that it was read in).
 */
import { labelsJson } from '../../aggregate/record.ts';
import type { SeriesLabels } from './collector.ts';

/** Of a sample that belongs to a family of another name. */
const SUFFIX = /_(?:bucket|sum|count|total|created|info)$/;
const OPEN = 123;

export interface KnownSeries {
  /** Name and labels as they are written. */
  readonly written: string;
  readonly name: string;
  readonly suffix: string;
  /** The name without it. */
  readonly family: string;
  readonly labels: SeriesLabels;
  /** The same, as the inside of a JSON object. */
  readonly json: string;
  /** Of the histogram that it is a part of, once somebody has asked. */
  histogram: KnownHistogram | null;
}

export interface KnownHistogram {
  /** The same for all of its parts. */
  readonly key: string;
  /** Without `le`. */
  readonly labels: SeriesLabels;
  readonly json: string;
}

export class KnownSeriesList {
  readonly #most: number;
  #before: KnownSeries[] = [];
  #now: KnownSeries[] = [];
  /** Places in `before`; made where a line is not what was expected. */
  #places: Map<string, number> | null = null;
  #next = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** A scrape begins. */
  begin(): void {
    this.#before = this.#now;
    this.#now = [];
    this.#places = null;
    this.#next = 0;
  }

  /** That of the line at `from`, where it is the one that is expected. */
  expected(text: string, from: number): KnownSeries | null {
    const known = this.#before[this.#next];
    if (known === undefined || !text.startsWith(known.written, from)) return null;
    // A name that goes on is another; behind labels there is nothing that could.
    const behind = text.charCodeAt(from + known.written.length);
    if (!known.written.endsWith('}') && behind !== 32 && behind !== 9) return null;
    if (behind === OPEN) return null;
    this.#next++;
    this.#keep(known);
    return known;
  }

  /** One that was not expected. */
  read(written: string, name: string, labels: Record<string, string>): KnownSeries {
    const known = this.#at(written) ?? knownSeries(written, name, labels);
    this.#keep(known);
    return known;
  }

  #at(written: string): KnownSeries | undefined {
    this.#places ??= new Map(this.#before.map((known, place) => [known.written, place]));
    const place = this.#places.get(written);
    if (place === undefined) return undefined;
    this.#next = place + 1;
    return this.#before[place];
  }

  #keep(known: KnownSeries): void {
    if (this.#now.length < this.#most) this.#now.push(known);
  }
}

function knownSeries(written: string, name: string, labels: Record<string, string>): KnownSeries {
  // A part of a text keeps the whole of it in memory: these are texts of their own.
  const own = JSON.parse(JSON.stringify({ written, name, labels })) as { [K in 'written' | 'name']: string } & {
    labels: Record<string, string>;
  };
  const suffix = SUFFIX.exec(own.name)?.[0] ?? '';
  const family = own.name.slice(0, own.name.length - suffix.length);
  return { ...own, suffix, family, json: labelsJson(own.labels), histogram: null };
}

export function histogramOf(known: KnownSeries): KnownHistogram {
  if (known.histogram === null) {
    const { le: _, ...labels } = known.labels;
    const key = `${known.family} ${JSON.stringify(Object.entries(labels).sort())}`;
    known.histogram = { key, labels, json: labelsJson(labels) };
  }
  return known.histogram;
}
