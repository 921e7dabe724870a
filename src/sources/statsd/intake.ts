/**
 * Samples into the open window. Most counters and gauges never come here: the kernel adds them to the columns itself.
 *
 * Invariant: `samples` counts every sample once it is in the window, what the kernel added included.
 */

import type { MetricOrigin } from '../../aggregate/record.ts';
import { saturated } from '../../aggregate/saturated.ts';
import type { SeriesTable } from '../../aggregate/series.ts';
import type { LossReason } from '../../core/losses.ts';
import { GAUGE, MAX_ENTRIES, type StatsdKernel } from '../../kernel/statsd.ts';
import type { Content } from './content.ts';
import type { Metric } from './parse.ts';
import type { Event, ServiceCheck } from './parse-event.ts';

/** Of a line that is lost, what may be said. */
const EXAMPLE_BYTES = 200;

export class Intake {
  /** The open window. */
  open: Content;
  /** Accepted, of all windows. */
  samples = 0;
  /** Samples that went to an overflow series. */
  overflowed = 0;
  /** What was received and is not in `samples`, by reason. Whoever reports it empties it. */
  readonly losses = new Map<LossReason, number>();
  /** A line of each reason that has one, for who looks for it. Emptied with them. */
  readonly examples = new Map<LossReason, string>();
  readonly #kernel: StatsdKernel;
  readonly #series: SeriesTable;
  /** For sorting the kernel's entries. */
  readonly #places: Uint32Array;
  readonly #order = new Uint32Array(MAX_ENTRIES);
  /** Where gauges stood at the end of the window before; null: nobody sends steps. */
  #levels: Float64Array | null = null;

  constructor(kernel: StatsdKernel, series: SeriesTable, open: Content) {
    this.#kernel = kernel;
    this.#series = series;
    this.#places = new Uint32Array(series.capacity);
    this.open = open;
  }

  /** A line that the grammar has read; it begins at `from` of the kernel's memory. */
  add(number: number, metric: Metric, from: number): void {
    const { bytes } = this.#kernel;
    if (metric.type === 's') {
      // The bytes, as the kernel's path has them: one member is one member whatever fields follow it.
      const colon = bytes.indexOf(0x3a, from);
      const bar = bytes.indexOf(0x7c, colon);
      if (bytes.toString('utf8', colon + 1, bar) === metric.member) this.addMember(number, bytes, colon + 1, bar);
      else {
        // One of a packed line, or with blanks around it.
        const member = Buffer.from(metric.member!);
        this.addMember(number, member, 0, member.length);
      }
      return;
    }
    const weight = saturated(1 / (metric.rate ?? 1));
    if (metric.timestamp !== undefined) {
      this.addTimed(number, metric.timestamp, metric.values, metric.values.length, weight);
      return;
    }
    const { sums, samples } = this.open.columns;
    if (metric.steps && samples[number] === 0) sums[number] = this.#levels?.[number] ?? 0;
    samples[number]! += metric.values.length;
    this.samples += metric.values.length;
    for (const [i, value] of metric.values.entries()) {
      if (metric.type === 'c') sums[number] = saturated(sums[number]! + saturated(value * weight));
      else if (metric.type === 'g') sums[number] = metric.steps?.[i] ? saturated(sums[number]! + value) : value;
      else this.#addValue(number, value, weight);
    }
  }

  /** Somebody may send steps: from now on it is known where gauges stand. */
  expectSteps(): void {
    this.#levels ??= new Float64Array(this.open.columns.samples.length);
  }

  /** The open window ends: where its gauges stand is where steps of the next begin. Those that are gone begin at 0. */
  keepLevels(): void {
    const levels = this.#levels;
    if (!levels) return;
    const { sums, samples } = this.open.columns;
    for (let number = 0; number < this.#series.size; number++) {
      if (!this.#series.isLive(number)) levels[number] = 0;
      else if (samples[number] !== 0 && this.#series.kind(number) === GAUGE) levels[number] = sums[number]!;
    }
  }

  /** A service check is a gauge, which says more than its value. */
  addCheck(number: number, status: number, { timestamp, message }: ServiceCheck): void {
    const { columns, messages } = this.open;
    if (timestamp !== undefined) {
      const before = this.samples;
      this.addTimed(number, timestamp, [status], 1, 1);
      if (this.samples === before) return;
    } else {
      columns.sums[number] = status;
      columns.samples[number]!++;
      this.samples++;
    }
    messages.set(number, timestamp, message);
  }

  /** `number` is that of the rule's column. */
  leaveOut(number: number, samples: number): void {
    this.open.columns.samples[number]! += samples;
    this.samples += samples;
  }

  /** There are samples in the open window that a rule has left out. */
  get leftOut(): boolean {
    const { samples } = this.open.columns;
    return samples.subarray(this.#series.capacity).some((count) => count > 0);
  }

  addEvent(event: Event, origin: MetricOrigin, line: Buffer): void {
    const why = this.open.events.add(event, origin, Date.now());
    if (why === null) this.samples++;
    else this.lose(why, 1, line);
  }

  /** The first `count` of `values`, of a counter or a gauge. */
  addTimed(number: number, second: number, values: ArrayLike<number>, count: number, weight: number): void {
    const last = this.#series.kind(number) === GAUGE;
    // Its number must not be another's before it is written out, although no column has it.
    this.#series.used(number);
    for (let i = 0; i < count; i++) {
      const value = last ? values[i]! : saturated(values[i]! * weight);
      if (!this.open.timed.add(number, second, value, last)) {
        this.lose('memory', count - i);
        return;
      }
      this.samples++;
      if (this.#series.isOverflow(number)) this.overflowed++;
    }
  }

  /** A sample that is counted already. Without room for its sketch it goes to the overflow series of its name. */
  #addValue(number: number, value: number, weight: number): void {
    const { sketches } = this.open;
    if (sketches.add(number, value, weight, this.#series.isOverflow(number))) return;
    const overflow = this.#series.overflow(number);
    const put = overflow >= 0 && overflow !== number && sketches.add(overflow, value, weight, true);
    this.#moved(number, put ? overflow : -1);
  }

  /** The member is at [from, to) of `bytes`. */
  addMember(number: number, bytes: Uint8Array, from: number, to: number): void {
    const { sets, columns } = this.open;
    columns.samples[number]!++;
    this.samples++;
    if (sets.add(number, bytes, from, to, this.#series.isOverflow(number))) return;
    const overflow = this.#series.overflow(number);
    const put = overflow >= 0 && overflow !== number && sets.add(overflow, bytes, from, to, true);
    this.#moved(number, put ? overflow : -1);
  }

  /** A sample that was counted for one series is another's, or (-1) nobody's. */
  #moved(number: number, to: number): void {
    const { samples } = this.open.columns;
    samples[number]!--;
    if (to >= 0) {
      samples[to]!++;
      return;
    }
    this.samples--;
    this.lose('memory', 1);
  }

  /**
   * The kernel's list of values into the sketches, sorted by series first (a counting sort): a sketch is some KB, and
   * going from one to the next for every value costs more than the arithmetic.
   */
  drain(): void {
    const { entrySeries, entryValue, entryWeight, result } = this.#kernel;
    const count = result[4]!;
    if (count === 0) return;
    const places = this.#places.fill(0, 0, this.#series.size);
    for (let i = 0; i < count; i++) places[entrySeries[i]!]!++;
    let place = 0;
    for (let number = 0; number < this.#series.size; number++) {
      const many = places[number]!;
      places[number] = place;
      place += many;
    }
    const order = this.#order;
    for (let i = 0; i < count; i++) order[places[entrySeries[i]!]!++] = i;
    for (let k = 0; k < count; k++) {
      const i = order[k]!;
      this.#addValue(entrySeries[i]!, entryValue[i]!, entryWeight[i]!);
    }
    this.#kernel.clearEntries();
  }

  lose(reason: LossReason, samples: number, line?: Buffer): void {
    const before = this.losses.get(reason);
    this.losses.set(reason, (before ?? 0) + samples);
    if (line && before === undefined) this.examples.set(reason, line.toString('utf8', 0, EXAMPLE_BYTES));
  }
}
