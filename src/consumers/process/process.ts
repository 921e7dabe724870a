/**
 * A consumer process: takes a slot in data_dir, opens all consumers of one kind, serves what they say of themselves, and
 * ends when it is told to or when one of them cannot go on.
 *
 *   slot -> Kafka's client -> endpoint -> open() each -> run() each, until stop -> close() each
 */
import { formatFault } from '../../config/errors.ts';
import type { LocatedAs } from '../../config/load.ts';
import { aborted, pause } from '../../core/abort.ts';
import type { HttpServer } from '../../http/server.ts';
import { KafkaClient } from '../../kafka/connect/client.ts';
import { log } from '../../log.ts';
import { ConsumerAccount } from '../account.ts';
import type { AnyConsumerKind, ConsumerHost, ConsumerSpec } from '../kind.ts';
import { openEndpoint } from './server.ts';
import { instanceId, type ProcessSlot, takeSlot } from './slot.ts';
import { booksOf, buildSinkStatus, type Running, type SinkStatusParts, sinkReasons } from './status.ts';

/** Where the default address is taken, by this or by other programs, one of so many behind it is. */
const PORTS = 100;
/** How often the books are checked, and reasons that are new or gone are said, without being asked. */
const LOOK_MS = 10_000;
/** Consumers that were told to stop have this long beyond their deadline. */
const GRACE_MS = 500;
const CLOSE_MS = 1000;

export interface ConsumerProcessOptions {
  version: string;
  kind: AnyConsumerKind;
  specs: readonly ConsumerSpec<unknown>[];
  located: Pick<LocatedAs, 'config' | 'path' | 'hash' | 'says' | 'isSet'>;
  /** The sink's, which has defaults of its own. */
  dataDir: string;
  listen: string;
  stop: AbortSignal;
}

export class ConsumerProcess {
  readonly #o: ConsumerProcessOptions;
  readonly #consumers: Running[];
  readonly #slot: ProcessSlot;
  readonly #client: KafkaClient;
  readonly #troubles: string[] = [];
  readonly #failed = Promise.withResolvers<Error>();
  readonly #stopping = new AbortController();
  readonly #stop: AbortSignal;
  readonly #deadline = new AbortController();
  readonly #runs: Promise<void>[] = [];
  #writer: KafkaClient | null = null;
  #endpoint: HttpServer | null = null;
  #looking: NodeJS.Timeout | undefined;
  #said = new Set<string>();
  #healthy = false;
  #stopped: Promise<void> | null = null;

  private constructor(options: ConsumerProcessOptions) {
    this.#o = options;
    this.#stop = AbortSignal.any([options.stop, this.#stopping.signal]);
    this.#slot = takeSlot(options.dataDir, options.kind.name, options.located.config.lock);
    this.#consumers = options.specs.map((spec) => ({ spec, account: new ConsumerAccount(), open: null }));
    // Reading creates nothing.
    this.#client = newClient(options, false);
  }

  /** Opens everything, and lets it run; rejects with one sentence when something that was asked for cannot be had. */
  static async start(options: ConsumerProcessOptions): Promise<ConsumerProcess> {
    const process = new ConsumerProcess(options);
    try {
      await process.#begin();
    } catch (error) {
      await process.stop();
      throw error;
    }
    return process;
  }

  /** `127.0.0.1:8688`; null when it is not served. */
  get reasons(): string[] {
    return sinkReasons(this.#parts());
  }

  get adminAddress(): string | null {
    return this.#endpoint?.address ?? null;
  }

  get slot(): number {
    return this.#slot.number;
  }

  /** Resolves with the reason when the process must end because a consumer of it cannot go on. */
  get failed(): Promise<Error> {
    return this.#failed.promise;
  }

  /** Records that were read and are not settled: they are read again. */
  get inFlight(): number {
    return this.#consumers.reduce((sum, one) => sum + booksOf(one).in_flight, 0);
  }

  async #begin(): Promise<void> {
    const { kind, located } = this.#o;
    const stop = this.#stop;
    const { admin } = located.config;
    const ours = !located.isSet('admin.listen') || this.#slot.number > 0;
    try {
      this.#endpoint = await openEndpoint({
        listen: this.#o.listen,
        hosts: admin.hosts,
        others: ours ? PORTS : 0,
        kind,
        healthy: () => this.#healthy,
        reasons: () => this.reasons,
        status: () => buildSinkStatus(this.#parts()),
        open: () => this.#consumers.flatMap(({ open }) => open ?? []),
      });
    } catch (error) {
      if (located.isSet('admin.listen')) throw error;
      this.#trouble((error as Error).message);
    }
    // The status says from the beginning whether Kafka is there. It gives up only when it stops.
    this.#client.connect(stop).catch(() => undefined);
    for (const one of this.#consumers) {
      one.open = await kind.open(one.spec, this.#hostOf(one));
      stop.throwIfAborted();
    }
    this.#healthy = true;
    for (const { spec, open } of this.#consumers) {
      const run = open!.run(stop, this.#deadline.signal).then(
        () => {
          if (!stop.aborted) this.#failed.resolve(new Error(`${spec.id} ended by itself; please report this`));
        },
        (error: Error) => {
          // What stops anyway is not to be said twice, but never to be silent.
          if (stop.aborted) log.error(`${spec.id}: ${error.message}`);
          this.#failed.resolve(error);
        },
      );
      this.#runs.push(run);
    }
    this.#looking = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  #hostOf({ account }: Running): ConsumerHost {
    return hostFor(
      { ...this.#o, stop: this.#stop },
      {
        client: this.#client,
        writer: () => {
          this.#writer ??= newClient(this.#o, this.#o.located.config.kafka.create_topics);
          return this.#writer;
        },
        account,
        instanceId: instanceId(this.#o.located.config.host, this.#slot.number),
      },
    );
  }

  #parts(): SinkStatusParts {
    return {
      version: this.#o.version,
      kind: this.#o.kind,
      located: this.#o.located,
      slot: this.#slot.number,
      client: this.#client,
      consumers: this.#consumers,
      troubles: this.#troubles,
    };
  }

  /** What is wrong is said when it begins and when it is over, also where nobody asks. Numbers in it change. */
  #look(): void {
    const now = new Map(sinkReasons(this.#parts()).map((reason) => [reason.replace(/\d+/g, '0'), reason]));
    for (const [key, reason] of now) if (!this.#said.has(key)) log.warn(reason);
    if (this.#said.size > 0 && now.size === 0) log.info('all is well again');
    this.#said = new Set(now.keys());
  }

  #trouble(message: string): void {
    this.#troubles.push(message);
    log.error(message);
  }

  /** Settles for at most `shutdown_timeout`, and lets everything go. */
  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #end(): Promise<void> {
    this.#healthy = false;
    clearInterval(this.#looking);
    // Where one has failed, the others have not been told to stop yet.
    this.#stopping.abort();
    const { shutdown_timeout } = this.#o.located.config;
    const limit = setTimeout(() => this.#deadline.abort(), Math.max(0, shutdown_timeout - CLOSE_MS - GRACE_MS));
    const grace = aborted(this.#deadline.signal).then(() => pause(GRACE_MS));
    await Promise.race([Promise.all(this.#runs), grace]);
    clearTimeout(limit);
    const closing = [
      ...this.#consumers.map(({ open }) => open?.close()),
      this.#client.close(),
      this.#writer?.close(),
      this.#endpoint?.close(),
    ];
    const failed = (error: Error) => log.error(`at the stop: ${error.message}`);
    await Promise.race([Promise.all(closing.map((work) => work?.catch(failed))), pause(CLOSE_MS)]);
    this.#slot.release();
  }
}

/** What a consumer is given, whether it runs, is set up or is examined. */
export function hostFor(
  { located, dataDir, stop }: Pick<ConsumerProcessOptions, 'located' | 'dataDir' | 'stop'>,
  own: Pick<ConsumerHost, 'client' | 'writer' | 'account' | 'instanceId'>,
): ConsumerHost {
  const says: ConsumerHost['says'] = (path, message) => formatFault(located.says(path, message));
  return { config: located.config, dataDir, stop, says, ...own };
}

export function newClient({ located }: Pick<ConsumerProcessOptions, 'located'>, create_topics: boolean): KafkaClient {
  return new KafkaClient({ ...located.config.kafka, create_topics, quiet: true });
}
