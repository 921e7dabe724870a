/** The counters as the thread writes them: whoever gets a message finds in them what it is about. */
import type { Aggregator } from './aggregator.ts';
import {
  BYTES,
  CLIENTS,
  COARSER,
  CONTEXTS,
  CounterPlaces,
  FORWARD_LOST,
  FORWARDED,
  KERNEL_DROPS,
  LINES,
  OPEN_CONNECTIONS,
  OVERFLOWED,
  PACKETS,
  REFUSED_CONNECTIONS,
  REJECTED,
  REPLACED,
  SAMPLES,
  UNKNOWN_FIELDS,
} from './counters.ts';
import type { Forwarder } from './forward.ts';

export class Counting {
  readonly #values: Float64Array;
  readonly #places: CounterPlaces;
  readonly #aggregator: Aggregator;
  readonly #forwarder: Forwarder;
  /** Of what the aggregator has counted, what the listeners know already. */
  #lines = 0;
  #rejected = 0;

  constructor(memory: SharedArrayBuffer, listeners: number, aggregator: Aggregator, forwarder: Forwarder) {
    this.#values = new Float64Array(memory);
    const forwards = forwarder.targets.length;
    this.#places = new CounterPlaces({ listeners, rules: aggregator.filtered.length, forwards });
    this.#aggregator = aggregator;
    this.#forwarder = forwarder;
  }

  packet(listener: number, bytes: number): void {
    const at = this.#places.listener(listener);
    this.#values[at + PACKETS]!++;
    this.#values[at + BYTES]! += bytes;
  }

  /** Should the thread die, that is what it takes with it. */
  samples(): void {
    this.#values[SAMPLES] = this.#aggregator.samples;
  }

  drops(listener: number, count: number): void {
    this.#values[this.#places.listener(listener) + KERNEL_DROPS] = count;
  }

  opened(listener: number): void {
    this.#values[this.#places.listener(listener) + OPEN_CONNECTIONS]!++;
  }

  closed(listener: number): void {
    this.#values[this.#places.listener(listener) + OPEN_CONNECTIONS]!--;
  }

  refused(listener: number): void {
    this.#values[this.#places.listener(listener) + REFUSED_CONNECTIONS]!++;
  }

  /** `listener`: whose the lines since the last call were; null: there were none. */
  report(listener: number | null): void {
    const values = this.#values;
    const aggregator = this.#aggregator;
    values[SAMPLES] = aggregator.samples;
    values[CONTEXTS] = aggregator.contexts;
    values[REPLACED] = aggregator.replaced;
    values[OVERFLOWED] = aggregator.overflowed;
    values[COARSER] = aggregator.coarser;
    values[UNKNOWN_FIELDS] = aggregator.unknownFields;
    if (listener === null) {
      values.set(aggregator.clients.totals, CLIENTS);
      for (let rule = 0; rule < aggregator.filtered.length; rule++)
        values[this.#places.rule(rule)] = aggregator.filtered[rule]!;
    } else {
      const at = this.#places.listener(listener);
      values[at + LINES]! += aggregator.lines - this.#lines;
      values[at + REJECTED]! += aggregator.rejected - this.#rejected;
      this.#lines = aggregator.lines;
      this.#rejected = aggregator.rejected;
    }
    for (let target = 0; target < this.#forwarder.targets.length; target++) {
      const { packets, lost } = this.#forwarder.targets[target]!;
      const at = this.#places.forward(target);
      values[at + FORWARDED] = packets;
      values[at + FORWARD_LOST] = lost;
    }
  }
}
