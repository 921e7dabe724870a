/** What a closed window holds, written out a piece at a time: its series, then what came with a time of its own, then events. */
import type { PackedRecords } from '../../aggregate/emit.ts';
import { Packing } from '../../aggregate/packing.ts';
import { type MetricOrigin, MetricRecords, type TimeWindow } from '../../aggregate/record.ts';
import type { SeriesTable } from '../../aggregate/series.ts';
import type { Content } from './content.ts';
import { Documents } from './documents.ts';

/** Records of a piece, at most. */
export const PIECE_RECORDS = 1000;
/** Bytes of a piece, about: what is on its way to the main thread at once. */
const PIECE_BYTES = 512 * 1024;

/** Records of some series, and how many samples stand behind each. */
export interface FlushPiece {
  /** In memory that the next piece is written into. */
  metrics: PackedRecords;
  /** Behind each stands one item. */
  events: string[];
  last: boolean;
}

export class Flush {
  readonly #series: SeriesTable;
  readonly #origin: MetricOrigin;
  readonly #documents: Documents;
  readonly #packing = new Packing(PIECE_RECORDS);
  #content: Content | null = null;
  #records: MetricRecords | null = null;
  /** Series, then entries with a time of their own, then events that have been written out. */
  #cursor = 0;
  #timedCursor = 0;
  #eventCursor = 0;

  constructor(series: SeriesTable, percentiles: readonly number[], origin: MetricOrigin) {
    this.#series = series;
    this.#origin = origin;
    this.#documents = new Documents(series, percentiles, this.#packing);
  }

  /** A window has its name, and is not written out to its end. */
  get begun(): boolean {
    return this.#records !== null;
  }

  /** `piece` gives the records of `content` from now on. */
  begin(content: Content, window: TimeWindow): void {
    this.#content = content;
    this.#records = new MetricRecords(this.#origin, window);
    this.#cursor = 0;
    this.#timedCursor = 0;
    this.#eventCursor = 0;
  }

  /** The next `count` records at most, or as many as can be made in `budget_ms`. */
  piece(count: number, budget_ms: number): FlushPiece {
    const [records, content] = [this.#records, this.#content];
    if (!records || !content) throw new Error('no window is being written out');
    const { timed, columns, events } = content;
    const packing = this.#packing;
    packing.clear();
    const written: string[] = [];
    const deadline = performance.now() + budget_ms;
    let characters = 0;
    const full = () => {
      const many = packing.count + written.length;
      if (many >= count || packing.full || packing.used + characters > PIECE_BYTES) return true;
      return many % 16 === 15 && performance.now() > deadline;
    };
    for (; this.#cursor < this.#series.size && !full(); this.#cursor++) {
      if (columns.samples[this.#cursor] === 0) continue;
      if (!this.#documents.write(records, content, this.#cursor)) break;
    }
    if (this.#cursor >= this.#series.size) {
      for (; this.#timedCursor < timed.size && !full(); this.#timedCursor++) {
        if (!this.#documents.writeTimed(records, content, this.#timedCursor)) break;
      }
    }
    if (this.#cursor >= this.#series.size && this.#timedCursor >= timed.size) {
      for (; this.#eventCursor < events.size && !full(); this.#eventCursor++) {
        const document = events.record(this.#eventCursor, records.nextId());
        written.push(document);
        characters += document.length;
      }
    }
    const last =
      this.#cursor >= this.#series.size && this.#timedCursor >= timed.size && this.#eventCursor >= events.size;
    if (last) this.#records = null;
    return { metrics: packing.packed, events: written, last };
  }
}
