/**
 * The agent: builds the parts from a configuration, runs them, drains them. The only file that knows them all.
 *
 *   files          -> pipeline -> lane -> sender -> Kafka              can be read again: straight to Kafka
 *   StatsD, checks -> pipeline -> lane -> spool -> drain -> sender     cannot: safe on disk first
 *   without brokers everything goes to the spool, and stays there until there are some
 */
import { join } from 'node:path';
import { socketPath } from './admin/client.ts';
import { type AdminServer, startAdmin } from './admin/server.ts';
import { Tap } from './admin/tap.ts';
import type { LocatedConfig } from './config/load.ts';
import { abortable, aborted, Backoff } from './core/abort.ts';
import { Accounts } from './core/account.ts';
import { Ledgers } from './core/ledger.ts';
import { countLost } from './core/lost.ts';
import { Pipeline, type Source } from './core/pipeline.ts';
import { Pool } from './core/pool.ts';
import { Identity } from './data-dir/identity.ts';
import { type DataDirLock, lockDataDir } from './data-dir/lock.ts';
import { Delivery } from './delivery/delivery.ts';
import { Leaving, openExactlyOnce, positionsTopic } from './delivery/exactly-once.ts';
import { KafkaClient } from './kafka/connect/client.ts';
import { Windows } from './kafka/send/saved-windows.ts';
import type { ExactlyOnce } from './kafka/transactions/exactly-once.ts';
import { ownInSnapshot, transactionsBefore } from './kafka/transactions/positions-snapshot.ts';
import { POSITIONS_SETTINGS } from './kafka/transactions/positions-topic.ts';
import { Kernel } from './kernel/kernel.ts';
import { log } from './log.ts';
import { books, buildStatus, imbalances, reasonsOf, type StatusParts } from './report/status.ts';
import type { Telemetry } from './report/telemetry.ts';
import { type HostSource, hostSource } from './sources/host/host.ts';
import { type StatsdOptions, type StatsdSource, statsdSource } from './sources/statsd/statsd.ts';
import { Mounts } from './sources/tail/apart/mounts.ts';
import { matching } from './sources/tail/find/selection.ts';
import { TailInput } from './sources/tail/input.ts';
import { fileKey } from './sources/tail/positions/checkpoint.ts';
import { Positions } from './sources/tail/positions/positions.ts';
import { Spool } from './spool/spool.ts';

export interface AgentOptions extends LocatedConfig {
  version: string;
}

/** What of `shutdown_timeout` is left for writing down what is in flight, at most: milliseconds. */
const KEEP_MS = 1000;
/** Connections that are asked to close are not waited for longer than this after the drain. */
const CLOSE_MS = 1000;
/** An agent whose work another one has taken over waits for its local log only. */
const SUPERSEDED_STOP_MS = 1000;
/** An input that ran for so long before it failed is started again soon. */
const STEADY_MS = 60_000;
/** That an input was started again is reported this often. */
const SAY_AGAIN = 60_000;
/** How often the books are checked without being asked. */
const AUDIT_MS = 10_000;

export class Agent {
  readonly #o: AgentOptions;
  readonly #accounts = new Accounts();
  readonly #tap = new Tap();
  readonly #stop = new AbortController();
  readonly #loadedAt = new Date();
  readonly #running: Promise<unknown>[] = [];
  readonly #troubles = new Map<string, string>();
  readonly #lock: DataDirLock;
  #spool!: Spool;
  #positions!: Positions;
  #client: KafkaClient | null = null;
  #exactlyOnce: ExactlyOnce | null = null;
  #leaving: Leaving | null = null;
  readonly #superseded = Promise.withResolvers<Error>();
  #isSuperseded = false;
  #pipeline!: Pipeline;
  #delivery!: Delivery;
  readonly #mounts = new Mounts();
  #tails: TailInput[] = [];
  #statsd!: StatsdSource;
  /** Makes the input anew, to be started again. */
  #openTail!: (index: number) => TailInput;
  #openStatsd!: (unbound: StatsdOptions['unbound']) => StatsdSource;
  #host!: HostSource;
  #admin: AdminServer | null = null;
  #telemetry: Telemetry | null = null;
  #audit: NodeJS.Timeout | undefined;
  #healthy = false;

  private constructor(options: AgentOptions) {
    this.#o = options;
    this.#lock = lockDataDir(options.config.data_dir, options.config.lock);
  }

  /** Starts everything; rejects with one sentence when something that was asked for cannot be had. */
  static async start(options: AgentOptions): Promise<Agent> {
    const agent = new Agent(options);
    try {
      await agent.#build();
      await agent.#run();
    } catch (error) {
      await agent.stop();
      throw error;
    }
    return agent;
  }

  /** `127.0.0.1:8687`; null when it is not served. */
  get adminAddress(): string | null {
    return this.#admin?.address ?? null;
  }

  /** Resolves with the reason when the agent must end because another one does its work. */
  get superseded(): Promise<Error> {
    return this.#superseded.promise;
  }

  async #build(): Promise<void> {
    const { config, isSet } = this.#o;
    const { kafka, data_dir, host, tags, metrics } = config;
    const accounts = this.#accounts;
    const identity = Identity.open(data_dir);
    const nextWindowId = () => identity.nextWindowId();
    const pool = new Pool(config.buffer_memory);
    const kernel = new Kernel(pool.memory);

    const inputs = config.logs.map((input) => input.name);
    this.#positions = await Positions.open(data_dir, inputs, matching(config.logs));
    this.#spool = await Spool.open(join(data_dir, 'spool'), config.spool, (input, records, bytes, reason) =>
      accounts.of(input).drop(reason, records, bytes),
    );
    if (kafka.brokers.length > 0) {
      const topic_settings = { [positionsTopic(config)]: POSITIONS_SETTINGS };
      this.#client = new KafkaClient({ ...kafka, topic_settings });
      const parts = { config, pool, accounts, positions: this.#positions, spool: this.#spool, client: this.#client };
      const open = () =>
        openExactlyOnce({ ...parts, agentId: identity.agentId, superseded: (error) => this.#supersede(error) });
      if (kafka.delivery === 'exactly_once') {
        this.#exactlyOnce = await open();
        this.#positions.onForget = ({ id }) => this.#exactlyOnce?.forget(fileKey(id));
        pool.onPressure = () => this.#exactlyOnce?.hurry();
      } else if (await transactionsBefore(data_dir)) {
        this.#leaving = new Leaving(await open(), parts, this.#stop.signal);
      }
    } else if (await transactionsBefore(data_dir)) await ownInSnapshot(data_dir, { set: 'all' });
    const windows = await Windows.open(data_dir, accounts);
    const ledgers = new Ledgers();
    this.#delivery = new Delivery({
      ledgers,
      config,
      pool,
      kernel,
      accounts,
      spool: this.#spool,
      windows,
      client: this.#client,
      exactlyOnce: this.#exactlyOnce,
      left: this.#leaving?.done ?? null,
    });
    this.#pipeline = new Pipeline({
      pool,
      ledgers,
      laneOf: (stream) => this.#delivery.laneOf(stream),
      keeps: (stream, lane) => this.#delivery.keeps(stream, lane),
      observers: [(batch) => this.#tap.offer(batch)],
    });

    const openTail = (input: (typeof config.logs)[number]) => {
      const account = accounts.of(`logs.${input.name}`);
      const rest = { positions: this.#positions, data_dir, kernel, account, mounts: this.#mounts, inputs };
      return new TailInput({ input, host, tags, partition_by: kafka.partition_by, ...rest });
    };
    this.#openTail = (i) => openTail(config.logs[i]!);
    this.#tails = config.logs.map(openTail);
    this.#host = hostSource({
      config: metrics,
      topic: metrics.topic,
      host,
      tags,
      account: accounts.of('host'),
      nextWindowId,
    });
    this.#openStatsd = (unbound) =>
      statsdSource({
        config: config.statsd,
        host,
        tags,
        topic: metrics.topic,
        unbound,
        account: accounts.of('statsd'),
        nextWindowId,
        onError: (error) => this.#trouble('statsd', error.message),
      });
    this.#statsd = this.#openStatsd(isSet('statsd.listen') ? 'refused' : 'warned');
    this.#admin = await startAdmin({
      listen: config.admin.listen,
      socket: socketPath(config),
      hosts: config.admin.hosts,
      healthy: () => this.#healthy,
      reasons: () => reasonsOf(this.#parts()),
      status: (files) => buildStatus(this.#parts(), files),
      tap: this.#tap,
    });
    for (const error of this.#admin.errors) {
      if (isSet('admin.listen') && this.#admin.address === null) throw new Error(error);
      this.#trouble(error, error);
    }
  }

  async #run(): Promise<void> {
    const { telemetry, tags } = this.#o.config;
    if (telemetry.statsd !== undefined) {
      const { startTelemetry } = await import('./report/telemetry.ts');
      const statsd = `udp://${telemetry.statsd}`;
      this.#telemetry = startTelemetry({ statsd, tags, status: () => buildStatus(this.#parts(), 0) });
    }
    this.#start('statsd', this.#statsd, async () => {
      // It was bound: where it cannot be now, that ends nothing, and is tried again.
      this.#statsd = this.#openStatsd('missed');
      return this.#statsd;
    });
    await this.#statsd.ready;
    this.#start('host', this.#host, async () => this.#host);
    for (const [i, tail] of this.#tails.entries()) {
      const { topic } = this.#o.config.logs[i]!;
      const known = (tail: TailInput): Source => ({
        run: async (output, signal) => {
          await this.#delivery.known(topic, signal);
          await tail.run(output, signal);
        },
      });
      this.#start(`logs ${tail.name}`, known(tail), async () => {
        // What was read goes on from where it is safe: until then the next one would read it again.
        await abortable(this.#delivery.passed(topic), this.#stop.signal);
        const next = this.#openTail(i);
        this.#tails[i] = next;
        return known(next);
      });
    }
    this.#healthy = true;
    this.#audit = setInterval(() => this.#checkBooks(), AUDIT_MS).unref();
    // Before there is anything to send, so that the status says whether Kafka is there. It gives up only when it stops.
    this.#client?.connect(this.#stop.signal).catch(() => undefined);
  }

  #supersede(error: Error): void {
    this.#isSuperseded = true;
    this.#trouble('superseded', error.message);
    this.#superseded.resolve(error);
  }

  /** Runs the input until the agent stops. Where that fails it is made anew and started again, and said until it is. */
  #start(name: string, source: Source, again: () => Promise<Source>): void {
    const { signal } = this.#stop;
    const run = async () => {
      const backoff = new Backoff();
      for (let input = source; !signal.aborted; ) {
        const began = performance.now();
        try {
          return await input.run(this.#pipeline, signal);
        } catch (error) {
          if (signal.aborted) return;
          if (performance.now() - began > STEADY_MS) backoff.reset();
          const what = `${name} has stopped: ${(error as Error).message}; it is started again`;
          this.#troubles.set(name, what);
          log.warnOnce(what, what, SAY_AGAIN);
        }
        await backoff.wait(signal);
        input = await again();
        // Before that the reason is what it was.
        const well = () => this.#troubles.delete(name);
        if (input.ready) input.ready.then(well, () => undefined);
        else well();
      }
    };
    this.#running.push(
      run().catch((error: Error) => signal.aborted || this.#trouble(name, `${name}: ${error.message}`)),
    );
  }

  /** What does not add up is in the status while it lasts; here it is said, also where nobody asks. */
  #checkBooks(): void {
    const parts = {
      accounts: this.#accounts,
      pipeline: this.#pipeline,
      delivery: this.#delivery,
      statsd: this.#statsd,
    };
    for (const imbalance of imbalances(books(parts))) log.warnOnce(imbalance.replace(/\d+/g, ''), imbalance);
  }

  #trouble(key: string, message: string): void {
    this.#troubles.set(key, message);
    log.error(message);
  }

  #parts(): StatusParts {
    const { version, config, path, hash } = this.#o;
    return {
      version,
      config,
      path,
      hash,
      loadedAt: this.#loadedAt,
      accounts: this.#accounts,
      pipeline: this.#pipeline,
      delivery: this.#delivery,
      spool: this.#spool,
      client: this.#client,
      exactlyOnce: this.#exactlyOnce,
      tails: this.#tails,
      mounts: this.#mounts,
      statsd: this.#statsd,
      host: this.#host,
      admin: () => this.#admin?.status() ?? [],
      troubles: () => [...this.#troubles.values(), ...(this.#leaving?.reason ? [this.#leaving.reason] : [])],
    };
  }

  /** Stops the sources, drains for at most `shutdown_timeout`, stores the positions, lets everything go. */
  async stop(): Promise<void> {
    this.#healthy = false;
    clearInterval(this.#audit);
    this.#stop.abort(new Error('the agent stops'));
    const { shutdown_timeout } = this.#o.config;
    const limit = shutdown_timeout - Math.min(KEEP_MS, Math.floor(shutdown_timeout / 4));
    const deadline = AbortSignal.timeout(this.#isSuperseded ? Math.min(SUPERSEDED_STOP_MS, limit) : limit);
    await Promise.race([Promise.allSettled(this.#running), aborted(deadline)]);
    // In this order, and each also where one before it fails: what is left open would keep the process from ending.
    await atStop('finish what is on its way', async () => this.#delivery?.close(deadline));
    await atStop('store what Kafka has of the positions', async () => this.#exactlyOnce?.close());
    await atStop('store the positions', async () => this.#positions?.close());
    await atStop('close the local log', async () => this.#spool?.close());
    if (this.#delivery) countLost([...this.#pipeline.pending(), ...this.#delivery.packed()]);
    const closing = [
      atStop('close the connections to Kafka', async () => this.#client?.close()),
      atStop('close the admin server', async () => this.#admin?.close()),
      atStop('send the last figures', async () => this.#telemetry?.close()),
    ];
    await Promise.race([Promise.all(closing), new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())]);
    this.#lock.release();
  }
}

async function atStop(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log.error(`cannot ${what} at the stop: ${(error as Error).message}; the next start goes on from what is on disk`);
  }
}
