/**
 * The counters of the thread of StatsD, in memory that both threads see: it writes them as they stand, the main thread
 * reads them. First those of all listeners together, then those of each, of each rule, and of each place that packets are
 * repeated to.
 */
import { CLIENT_FIGURES } from './clients.ts';

export const SAMPLES = 0;
export const CONTEXTS = 1;
export const REPLACED = 2;
export const OVERFLOWED = 3;
export const COARSER = 4;
/** Fields of no known meaning. */
export const UNKNOWN_FIELDS = 5;
/** From here on: what the clients say of themselves. */
export const CLIENTS = 6;
const TOGETHER = CLIENTS + CLIENT_FIGURES.length;
/** Of each listener. */
export const PACKETS = 0;
export const LINES = 1;
export const BYTES = 2;
export const REJECTED = 3;
export const KERNEL_DROPS = 4;
export const OPEN_CONNECTIONS = 5;
export const REFUSED_CONNECTIONS = 6;
export const EACH = 7;
/** Of each place that packets are repeated to. */
export const FORWARDED = 0;
export const FORWARD_LOST = 1;
const EACH_FORWARD = 2;

/** How many there are of what has counters of its own. */
export interface CountedParts {
  listeners: number;
  rules: number;
  forwards: number;
}

/** Where the counters of each part are. */
export class CounterPlaces {
  readonly #parts: CountedParts;

  constructor(parts: CountedParts) {
    this.#parts = parts;
  }

  listener(number: number): number {
    return TOGETHER + number * EACH;
  }

  /** Samples that it has left out. */
  rule(number: number): number {
    return this.listener(this.#parts.listeners) + number;
  }

  forward(number: number): number {
    return this.rule(this.#parts.rules) + number * EACH_FORWARD;
  }

  get size(): number {
    return this.forward(this.#parts.forwards);
  }
}

/** As the main thread reads them. */
export class ThreadCounters {
  readonly memory: SharedArrayBuffer;
  readonly #places: CounterPlaces;
  readonly #values: Float64Array;
  readonly #rules: readonly string[];

  constructor(listeners: number, rules: readonly string[], forwards: number) {
    this.#places = new CounterPlaces({ listeners, rules: rules.length, forwards });
    this.#rules = rules;
    this.memory = new SharedArrayBuffer(this.#places.size * 8);
    this.#values = new Float64Array(this.memory);
  }

  get samples(): number {
    return this.#values[SAMPLES]!;
  }

  get contexts(): number {
    return this.#values[CONTEXTS]!;
  }

  /** Names and tags that were not UTF-8. */
  get replaced(): number {
    return this.#values[REPLACED]!;
  }

  /** Samples that were added to a series of their name alone. */
  get overflowed(): number {
    return this.#values[OVERFLOWED]!;
  }

  /** Sketches and sets that were kept coarser for want of memory. */
  get coarser(): number {
    return this.#values[COARSER]!;
  }

  /** Fields of no known meaning, of lines that were taken for the first time. */
  get unknownFields(): number {
    return this.#values[UNKNOWN_FIELDS]!;
  }

  /** What the clients say of themselves, what is not 0. */
  get clients(): Record<string, number> {
    const figures = CLIENT_FIGURES.map((name, i): [string, number] => [name, this.#values[CLIENTS + i]!]);
    return Object.fromEntries(figures.filter(([, value]) => value !== 0));
  }

  /** Samples that were left out, by rule. */
  get filtered(): { rule: string; samples: number }[] {
    return this.#rules.map((rule, i) => ({ rule, samples: this.#values[this.#places.rule(i)]! }));
  }

  /** Of a place that packets are repeated to. */
  forwarded(target: number): { packets: number; lost: number } {
    const at = this.#places.forward(target);
    return { packets: this.#values[at + FORWARDED]!, lost: this.#values[at + FORWARD_LOST]! };
  }

  /** Of one listener: PACKETS, LINES ... */
  listener(number: number): Float64Array {
    const at = this.#places.listener(number);
    return this.#values.subarray(at, at + EACH);
  }
}
