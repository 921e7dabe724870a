/**
 * The router stands between sources and lanes: it gives out batches and takes them back filled.
 *
 *   source -> take -> (fills) -> push -> tap -> lane.append
 */
import { Batch, type Stream } from './batch.ts';
import type { Lane } from './lane.ts';
import type { Output } from './pipeline.ts';
import type { Pool } from './pool.ts';

/** Sees every batch before it is packed; must not keep it. */
export type Observer = (batch: Batch) => void;

export interface RouterOptions {
  pool: Pool;
  /** The lane that a stream's records take; may have to wait until the topic's partitions are known. */
  laneOf: (stream: Stream) => Lane | Promise<Lane>;
  /** False: the stream's records take another lane from now on, once those that are on their way have arrived. */
  keeps?: (stream: Stream, lane: Lane) => boolean;
  observe: Observer;
}

export class Router implements Output {
  readonly #o: RouterOptions;
  readonly #lanes = new WeakMap<Stream, Lane>();
  /** Batches that sources fill or lanes pack. */
  readonly #out = new Set<Batch>();
  /** Who waits until a batch is packed. */
  #waiting: (() => void)[] = [];

  constructor(options: RouterOptions) {
    this.#o = options;
  }

  async take(stream: Stream, signal?: AbortSignal): Promise<Batch> {
    signal?.throwIfAborted();
    const had = this.#lanes.get(stream);
    if (had && this.#o.keeps?.(stream, had) === false) await unlessAborted(this.#leave(stream, had), signal);
    const lane = this.#lanes.get(stream) ?? (await unlessAborted(this.#o.laneOf(stream), signal));
    this.#lanes.set(stream, lane);
    const { share } = lane;
    const batch = new Batch(await this.#o.pool.take(share, 'batch', signal), share, stream);
    this.#out.add(batch);
    return batch;
  }

  async push(batch: Batch): Promise<void> {
    try {
      this.#o.observe(batch);
      await this.#lanes.get(batch.stream)!.append(batch);
    } finally {
      this.discard(batch);
    }
  }

  discard(batch: Batch): void {
    this.#out.delete(batch);
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#o.pool.give(batch.share, 'batch', batch.slot);
  }

  /** All that the stream has in its lane arrives before anything takes another: so its order holds. */
  async #leave(stream: Stream, lane: Lane): Promise<void> {
    while ([...this.#out].some((batch) => batch.stream === stream)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    await lane.passed();
    this.#lanes.delete(stream);
  }

  /** Items that were received and are not packed yet, by input: from when a batch has its weight. */
  *pending(): Iterable<{ stream: Stream; weight: number }> {
    yield* this.#out;
  }
}

/** The lane may be long in coming (no broker has been reached yet): a stop does not wait for it. */
function unlessAborted<T>(value: T | Promise<T>, signal: AbortSignal | undefined): T | Promise<T> {
  if (!(value instanceof Promise) || !signal) return value;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  value.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  return promise;
}
