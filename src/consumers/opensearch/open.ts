/**
 * The consumer: asks what is there, makes what is missing, then writes into it.
 *
 * A server that is away, or refuses the login, is waited for; until it answers nothing is read.
 */
import { Backoff } from '../../core/abort.ts';
import { log } from '../../log.ts';
import type { ConsumerHost, ConsumerSpec, OpenConsumer } from '../kind.ts';
import { lookupBy } from './lookup.ts';
import type { OpenSearchOptions } from './options.ts';
import { OpenSearchSink, type SinkDetails } from './sink.ts';
import { productOf, Transport } from './transport.ts';

export interface OpenSearchStatus extends Partial<SinkDetails> {
  /** Null: it has not answered yet. */
  server: { product: string; version: string } | null;
  nodes: ReturnType<Transport['status']>;
}

export async function openOpenSearch(spec: ConsumerSpec<OpenSearchOptions>, host: ConsumerHost): Promise<OpenConsumer> {
  const transport = new Transport(spec.options);
  let sink: OpenSearchSink | null = null;
  let server: OpenSearchStatus['server'] = null;
  let waits: string | null = 'the server has not answered yet';

  /** Null: it was told to stop. */
  async function begin(stop: AbortSignal): Promise<OpenSearchSink | null> {
    const backoff = new Backoff();
    while (!stop.aborted) {
      try {
        const { name, version } = await productOf(transport, stop);
        server = { product: name, version };
        waits = null;
        return new OpenSearchSink(spec, host, { transport, lookup: lookupBy(transport, name) });
      } catch (error) {
        if (stop.aborted) return null;
        waits = (error as Error).message;
        log.debug(`opensearch: ${waits}`);
      }
      await backoff.wait(stop).catch(() => undefined);
    }
    return null;
  }

  return {
    async run(stop, deadline) {
      sink = await begin(stop);
      await sink?.run(stop, deadline);
    },
    inFlight: () => sink?.inFlight() ?? 0,
    partitions: () => sink?.partitions() ?? [],
    status: (): OpenSearchStatus => ({ server, nodes: transport.status(), ...sink?.status() }),
    problems: () => [...(waits === null ? [] : [waits]), ...(sink?.problems() ?? [])],
    async close() {
      await sink?.close();
      transport.close();
    },
  };
}
