/**
 * Reads metric records, as few as possible of them: the name of one that runnel wrote stands where a look at some bytes
 * finds it, and what no ranking wants is not parsed.
 *
 *   {"@timestamp":"2026-11-23T11:51:10.000Z","start":"2026-11-23T11:51:00.000Z","interval":10,"name":"hits",...
 *
 * What begins otherwise is parsed as JSON, whoever wrote it.
 */
import type { Ranking } from './ranking.ts';

const BEGIN = Buffer.from('{"@timestamp":"');
const START = Buffer.from('","start":"');
const INTERVAL = Buffer.from('","interval":');
const NAME = Buffer.from(',"name":"');
/** `2026-11-23T11:51:10.000Z` */
const TIME_BYTES = 24;
/** From the beginning to the digits of the interval. */
const TO_INTERVAL = BEGIN.length + TIME_BYTES + START.length + TIME_BYTES + INTERVAL.length;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
/** Metric names that are kept in mind. */
const MOST_NAMES = 10_000;
const LONGEST_KNOWN = 256;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

export type MetricRecord = Readonly<Record<string, unknown>>;
export type NotRead = 'not_json' | 'no_time' | 'unwanted';

const NONE: readonly Ranking[] = [];

export class RecordReader {
  readonly #rankings: readonly Ranking[];
  readonly #known = new Map<string, readonly Ranking[]>();
  #timeText = '';
  #time = 0;
  /** Of what `read` gave last: who wants it, and its time (ms). */
  wanting: readonly Ranking[] = NONE;
  time = 0;

  constructor(rankings: readonly Ranking[]) {
    this.#rankings = rankings;
  }

  /** The record in `bytes[from..to)`, if a ranking wants it; else why not. */
  read(bytes: Buffer, from: number, to: number): MetricRecord | NotRead {
    const name = nameAt(bytes, from, to);
    if (name !== null && this.#wanting(name).length === 0) return 'unwanted';
    let record: unknown;
    try {
      record = JSON.parse(bytes.toString('utf8', from, to));
    } catch {
      // Whatever else is in the topic: counted by the caller.
      return 'not_json';
    }
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return 'not_json';
    const { name: metric, '@timestamp': at } = record as MetricRecord;
    this.wanting = typeof metric === 'string' ? this.#wanting(metric) : NONE;
    if (this.wanting.length === 0) return 'unwanted';
    if (typeof at !== 'string' || !this.#takeTime(at)) return 'no_time';
    return record as MetricRecord;
  }

  #wanting(name: string): readonly Ranking[] {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const wanting = this.#rankings.filter((ranking) => ranking.wants(name));
    if (name.length <= LONGEST_KNOWN) {
      if (this.#known.size >= MOST_NAMES) this.#known.clear();
      this.#known.set(name, wanting);
    }
    return wanting;
  }

  /** All records of a flush have the same one. */
  #takeTime(text: string): boolean {
    if (text !== this.#timeText) {
      const time = ISO.test(text) ? Date.parse(text) : Number.NaN;
      if (Number.isNaN(time)) return false;
      this.#timeText = text;
      this.#time = time;
    }
    this.time = this.#time;
    return true;
  }
}

/** The name of a record that begins as runnel's do; null: it has to be parsed. */
function nameAt(bytes: Buffer, from: number, to: number): string | null {
  let at = from + TO_INTERVAL;
  if (at + NAME.length >= to) return null;
  if (!stands(BEGIN, bytes, from)) return null;
  if (!stands(START, bytes, from + BEGIN.length + TIME_BYTES)) return null;
  if (!stands(INTERVAL, bytes, at - INTERVAL.length)) return null;
  const last = Math.min(to, at + 20);
  while (at < last && bytes[at] !== COMMA) at++;
  if (at + NAME.length >= to || !stands(NAME, bytes, at)) return null;
  at += NAME.length;
  for (let end = at; end < to; end++) {
    const byte = bytes[end]!;
    if (byte === QUOTE) return bytes.toString('latin1', at, end);
    // Escaped, or not ASCII.
    if (byte === BACKSLASH || byte > 0x7e) return null;
  }
  return null;
}

function stands(text: Buffer, bytes: Buffer, at: number): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}
