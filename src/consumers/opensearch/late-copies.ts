/**
 * Requests that had no answer may be carried out later than they were looked for: where their stream has rolled over by
 * then, what they held is in two indices. So their ids are kept for some minutes, and looked for again where the stream has
 * a newer index than when they were settled, and once more at the stop.
 *
 * What a process that is killed had kept is not looked for by the next one: `--check --repair` finds it.
 */
import { pause } from '../../core/abort.ts';
import { log } from '../../log.ts';
import type { Lookup } from './lookup.ts';
import { lookAtStreams } from './setup/streams.ts';
import type { Transport } from './transport.ts';

const EVERY_MS = 5000;
/** A server carries nothing out that waited longer; its own timeouts are a minute. */
const KEPT_MS = 180_000;
/** Ids of 22 characters: some 10 MB. */
const MOST_IDS = 100_000;

interface Kept {
  stream: string;
  ids: readonly string[];
  /** Monotonic milliseconds. */
  until: number;
  /** Of the stream when they were looked for last; null: not known yet. */
  generation: number | null;
}

export class LateCopies {
  readonly #transport: Transport;
  readonly #lookup: Lookup;
  #kept: Kept[] = [];
  removed = 0;

  constructor(transport: Transport, lookup: Lookup) {
    this.#transport = transport;
    this.#lookup = lookup;
  }

  /** Ids that are kept. */
  get ids(): number {
    return this.#kept.reduce((sum, { ids }) => sum + ids.length, 0);
  }

  /** Settled, after a request of which nothing is known. The oldest are given up where they are too many. */
  keep(stream: string, ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#kept.push({ stream, ids, until: performance.now() + KEPT_MS, generation: null });
    while (this.ids > MOST_IDS && this.#kept.length > 1) this.#kept.shift();
  }

  /** Until the signal aborts. */
  async run(stop: AbortSignal): Promise<void> {
    while (await pause(EVERY_MS, stop)) await this.look(stop);
  }

  /** `last`: whatever the generation. What cannot be told now is looked for the next time. */
  async look(signal: AbortSignal, last = false): Promise<void> {
    if (this.#kept.length === 0) return;
    const now = performance.now();
    try {
      const names = [...new Set(this.#kept.map(({ stream }) => stream))];
      const streams = await lookAtStreams(this.#transport, names, signal);
      for (const kept of this.#kept) {
        const generation = streams.get(kept.stream)?.generation ?? 0;
        if (!last && kept.generation === generation) continue;
        const found = await this.#lookup.find(kept.stream, kept.ids, signal);
        const { length } = await this.#lookup.removeNewer(found, signal);
        this.removed += length;
        kept.generation = generation;
      }
      this.#kept = this.#kept.filter(({ until }) => until > now);
    } catch (error) {
      if (!signal.aborted) log.debug(`opensearch: late copies cannot be looked for: ${(error as Error).message}`);
    }
  }
}
