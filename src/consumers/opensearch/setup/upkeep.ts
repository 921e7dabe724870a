/**
 * Rollover and retention by plain calls that both products have, every minute, by each process: there is no leader.
 *
 *   rollover    asked of the server with its conditions, which it looks at and carries out in one: of several who ask at once
 *               one rolls over, and the others are refused, which is as good
 *   retention   an index that is not written to any more is deleted when the one behind it is older than the retention: what
 *               it holds was written before that
 *
 * Names of indices are taken from what the server says, never made: the products name them differently.
 */
import { pause } from '../../../core/abort.ts';
import { log } from '../../../log.ts';
import { streamNames } from '../names.ts';
import type { OpenSearchOptions } from '../options.ts';
import { RefusedRequest, type Transport } from '../transport.ts';
import { chunks, type DataStream, lookAtStreams } from './streams.ts';

const EVERY_MS = 60_000;

export interface UpkeepStatus {
  /** ISO 8601; null: not yet. */
  looked: string | null;
  rolled_over: number;
  deleted: number;
  /** What each stream was made of when it was looked at. */
  streams: { name: string; generation: number; indices: number }[];
}

type Kept = Pick<OpenSearchOptions, 'stream_prefix' | 'streams' | 'rollover' | 'retention' | 'group'>;

export class StreamUpkeep {
  readonly #transport: Transport;
  readonly #o: Kept;
  #problem: string | null = null;
  #running: Promise<void> = Promise.resolve();
  readonly #status: UpkeepStatus = { looked: null, rolled_over: 0, deleted: 0, streams: [] };

  private constructor(transport: Transport, options: Kept) {
    this.#transport = transport;
    this.#o = options;
  }

  /** Looks after the streams until the signal aborts; `every`: milliseconds. */
  static start(transport: Transport, options: Kept, stop: AbortSignal, every = EVERY_MS): StreamUpkeep {
    const upkeep = new StreamUpkeep(transport, options);
    upkeep.#running = upkeep.#run(stop, every);
    return upkeep;
  }

  status(): UpkeepStatus {
    return this.#status;
  }

  problems(): string[] {
    return this.#problem === null ? [] : [this.#problem];
  }

  /** Resolves when nothing of it is under way any more, after the signal. */
  async close(): Promise<void> {
    await this.#running;
  }

  async #run(stop: AbortSignal, every: number): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.#look(stop);
        this.#problem = null;
      } catch (error) {
        if (stop.aborted) return;
        this.#problem = (error as Error).message;
      }
      // Processes that were started together need not ask together.
      await pause(every * (0.9 + Math.random() * 0.2), stop);
    }
  }

  async #look(stop: AbortSignal): Promise<void> {
    const streams = [...(await lookAtStreams(this.#transport, streamNames(this.#o), stop)).values()];
    this.#status.streams = streams.map(({ name, generation, indices }) => ({
      name,
      generation,
      indices: indices.length,
    }));
    if (this.#o.rollover !== false) await this.#rollOver(streams, this.#o.rollover, stop);
    if (this.#o.retention !== null) await this.#expire(streams, this.#o.retention, stop);
    this.#status.looked = new Date().toISOString();
  }

  async #rollOver(
    streams: readonly DataStream[],
    { size, age, docs }: Exclude<Kept['rollover'], false>,
    signal: AbortSignal,
  ): Promise<void> {
    const conditions = {
      max_size: `${size}b`,
      ...(age !== null && { max_age: `${age}ms` }),
      ...(docs !== undefined && { max_docs: docs }),
    };
    for (const { name } of await this.#written(streams, signal)) {
      const what = `cannot roll over ${name}`;
      try {
        const { body } = await this.#transport.json('POST', `/${name}/_rollover`, { conditions }, { signal, what });
        if (!body.rolled_over) continue;
        this.#status.rolled_over++;
        log.info(`${name} goes on in ${body.new_index}`);
      } catch (error) {
        if (!(error instanceof RefusedRequest && isBeaten(error))) throw error;
      }
    }
  }

  /** Those whose newest index holds something: an empty one would be rolled over for its age each time. */
  async #written(streams: readonly DataStream[], signal: AbortSignal): Promise<DataStream[]> {
    const written: DataStream[] = [];
    for (const some of chunks(streams)) {
      const newest = some.map(({ indices }) => indices.at(-1)!);
      const path = `/${newest.join(',')}/_stats/docs?filter_path=indices.*.primaries.docs.count`;
      const what = 'cannot count what the streams hold';
      const { body } = await this.#transport.json('GET', path, undefined, { signal, what });
      const counts = body.indices ?? {};
      written.push(...some.filter((_, i) => (counts[newest[i]!]?.primaries?.docs?.count ?? 0) > 0));
    }
    return written;
  }

  async #expire(streams: readonly DataStream[], retention: number, signal: AbortSignal): Promise<void> {
    for (const { name, indices } of streams) {
      if (indices.length < 2) continue;
      const created = await this.#creations(name, signal);
      for (const [i, index] of indices.slice(0, -1).entries()) {
        const ended = created.get(indices[i + 1]!);
        // Behind a younger one there is none older.
        if (ended === undefined || Date.now() - ended <= retention) break;
        const what = `cannot delete ${index}, which is older than retention`;
        const { status } = await this.#transport.json('DELETE', `/${index}`, undefined, { allow: [404], signal, what });
        if (status === 404) continue;
        this.#status.deleted++;
        log.info(`${index} is deleted: nothing was written to it since ${new Date(ended).toISOString()}`);
      }
    }
  }

  /** Of each index of the stream: when it was made, milliseconds since the epoch. */
  async #creations(name: string, signal: AbortSignal): Promise<Map<string, number>> {
    const path = `/${name}/_settings/index.creation_date?flat_settings=true`;
    const what = `cannot ask how old the indices of ${name} are`;
    const { body } = await this.#transport.json('GET', path, undefined, { signal, what });
    return new Map(
      Object.entries<{ settings: Record<string, string> }>(body).map(([index, { settings }]) => [
        index,
        Number(settings['index.creation_date']),
      ]),
    );
  }
}

/** Somebody else was faster: OpenSearch says so with 500 or 400, as Elasticsearch does by words alike. */
function isBeaten({ type, reason }: RefusedRequest): boolean {
  return /concurrent modification/i.test(reason) || type === 'resource_already_exists_exception';
}
