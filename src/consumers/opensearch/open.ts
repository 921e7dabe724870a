/**
 * The consumer: asks what is there, makes what is missing, then reads and writes, and looks after the streams.
 *
 * A server that is away, or refuses the login, is waited for; until it answers nothing is read. An ordinary index in place
 * of a stream ends it: what is written there would be in no stream, and not be found when it is looked for.
 */
import { Backoff, pause } from '../../core/abort.ts';
import { log } from '../../log.ts';
import type { ConsumerHost, ConsumerSpec, OpenConsumer } from '../kind.ts';
import { lookupBy } from './lookup.ts';
import { streamNames } from './names.ts';
import type { OpenSearchOptions } from './options.ts';
import { ensure, startUpkeep } from './setup/setup.ts';
import { lookAtStreams, OrdinaryIndex } from './setup/streams.ts';
import type { StreamUpkeep, UpkeepStatus } from './setup/upkeep.ts';
import { OpenSearchSink, type SinkDetails } from './sink.ts';
import { productOf, Transport } from './transport.ts';

/** How often it is looked whether the streams are still streams. */
const STREAMS_EVERY_MS = 60_000;

export interface OpenSearchStatus extends Partial<SinkDetails> {
  /** Null: it has not answered yet. */
  server: { product: string; version: string } | null;
  nodes: ReturnType<Transport['status']>;
  upkeep: UpkeepStatus | null;
}

export async function openOpenSearch(spec: ConsumerSpec<OpenSearchOptions>, host: ConsumerHost): Promise<OpenConsumer> {
  const { options } = spec;
  const transport = new Transport(options);
  let sink: OpenSearchSink | null = null;
  let upkeep: StreamUpkeep | null = null;
  let server: OpenSearchStatus['server'] = null;
  let waits: string | null = 'the server has not answered yet';

  /** Null: it was told to stop. */
  async function begin(stop: AbortSignal): Promise<OpenSearchSink | null> {
    const backoff = new Backoff();
    while (!stop.aborted) {
      try {
        const { name, version } = await productOf(transport, stop);
        server = { product: name, version };
        for (const line of await ensure(transport, options, stop)) log.info(`${spec.id}: ${line}`);
        waits = null;
        return new OpenSearchSink(spec, host, { transport, lookup: lookupBy(transport, name) });
      } catch (error) {
        if (stop.aborted) return null;
        if (error instanceof OrdinaryIndex) throw error;
        waits = (error as Error).message;
      }
      await backoff.wait(stop).catch(() => undefined);
    }
    return null;
  }

  /** Rejects where a stream is none any more; never resolves else. */
  async function watch(stop: AbortSignal): Promise<void> {
    while (await pause(STREAMS_EVERY_MS, stop)) {
      try {
        await lookAtStreams(transport, streamNames(options), stop);
      } catch (error) {
        if (error instanceof OrdinaryIndex) throw error;
        log.debug(`opensearch: ${(error as Error).message}`);
      }
    }
    await new Promise(() => undefined);
  }

  return {
    async run(stop, deadline) {
      sink = await begin(stop);
      if (!sink) return;
      upkeep = startUpkeep(transport, options, stop);
      await Promise.race([sink.run(stop, deadline), watch(stop)]);
    },
    inFlight: () => sink?.inFlight() ?? 0,
    partitions: () => sink?.partitions() ?? [],
    status: (): OpenSearchStatus => ({
      server,
      nodes: transport.status(),
      upkeep: upkeep?.status() ?? null,
      ...sink?.status(),
    }),
    problems: () => [...(waits === null ? [] : [waits]), ...(sink?.problems() ?? []), ...(upkeep?.problems() ?? [])],
    async close() {
      await sink?.close();
      transport.close();
    },
  };
}
