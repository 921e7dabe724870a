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
import { aborted } from './core/abort.ts';
import { Accounts } from './core/account.ts';
import type { AnyKind } from './core/input.ts';
import { Ledgers } from './core/ledger.ts';
import { countLost } from './core/lost.ts';
import { Pipeline } from './core/pipeline.ts';
import { Pool } from './core/pool.ts';
import { Identity } from './data-dir/identity.ts';
import { type DataDirLock, lockDataDir } from './data-dir/lock.ts';
import { Delivery } from './delivery/delivery.ts';
import { Leaving, openExactlyOnce, positionsTopic } from './delivery/exactly-once.ts';
import { Inputs } from './inputs.ts';
import { KafkaClient } from './kafka/connect/client.ts';
import { Windows } from './kafka/send/saved-windows.ts';
import type { ExactlyOnce } from './kafka/transactions/exactly-once.ts';
import { ownInSnapshot, transactionsBefore } from './kafka/transactions/positions-snapshot.ts';
import { POSITIONS_SETTINGS } from './kafka/transactions/positions-topic.ts';
import { Kernel } from './kernel/kernel.ts';
import { log } from './log.ts';
import { books, buildStatus, imbalances, reasonsOf, type StatusParts } from './report/status.ts';
import type { Telemetry } from './report/telemetry.ts';
import { INPUTS } from './sources/all.ts';
import { Spool } from './spool/spool.ts';

export interface AgentOptions extends LocatedConfig {
  version: string;
  /** The kinds of inputs; default: those of the table. */
  kinds?: readonly AnyKind[];
}

/** What of `shutdown_timeout` is left for writing down what is in flight, at most: milliseconds. */
const KEEP_MS = 1000;
/** Connections that are asked to close are not waited for longer than this after the drain. */
const CLOSE_MS = 1000;
/** An agent whose work another one has taken over waits for its local log only. */
const SUPERSEDED_STOP_MS = 1000;
/** How often the books are checked without being asked. */
const AUDIT_MS = 10_000;

export class Agent {
  readonly #o: AgentOptions;
  readonly #accounts = new Accounts();
  readonly #tap = new Tap();
  readonly #stop = new AbortController();
  readonly #loadedAt = new Date();
  readonly #troubles = new Map<string, string>();
  readonly #lock: DataDirLock;
  #spool!: Spool;
  #client: KafkaClient | null = null;
  #exactlyOnce: ExactlyOnce | null = null;
  #leaving: Leaving | null = null;
  readonly #superseded = Promise.withResolvers<Error>();
  #isSuperseded = false;
  #pipeline!: Pipeline;
  #delivery!: Delivery;
  #inputs!: Inputs;
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
    const { config, isSet, kinds = INPUTS } = this.#o;
    const { kafka, data_dir } = config;
    const accounts = this.#accounts;
    const identity = Identity.open(data_dir);
    const pool = new Pool(config.buffer_memory);
    const kernel = new Kernel(pool.memory);

    this.#inputs = await Inputs.open(kinds, config, {
      kernel,
      account: (id) => accounts.of(id),
      nextWindowId: () => identity.nextWindowId(),
      isSet,
      trouble: (id, message) => this.#trouble(id, message),
    });
    const { positions } = this.#inputs;
    this.#spool = await Spool.open(join(data_dir, 'spool'), config.spool, (input, records, bytes, reason) =>
      accounts.of(input).drop(reason, records, bytes),
    );
    if (kafka.brokers.length > 0) {
      const topic_settings = { [positionsTopic(config)]: POSITIONS_SETTINGS };
      this.#client = new KafkaClient({ ...kafka, topic_settings });
      const parts = { config, pool, accounts, positions, spool: this.#spool, client: this.#client };
      const open = () =>
        openExactlyOnce({ ...parts, agentId: identity.agentId, superseded: (error) => this.#supersede(error) });
      if (kafka.delivery === 'exactly_once') {
        this.#exactlyOnce = await open();
        for (const one of positions) one.onForget = (key) => this.#exactlyOnce?.forget(key);
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
      topics: kinds.flatMap((kind: AnyKind) => kind.topics(config)),
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

    this.#admin = await startAdmin({
      listen: config.admin.listen,
      socket: socketPath(config),
      hosts: config.admin.hosts,
      healthy: () => this.#healthy,
      reasons: () => reasonsOf(this.#parts()),
      status: (files) => buildStatus(this.#parts(), files),
      tap: this.#tap,
      kinds,
    });
    for (const error of this.#admin.errors) {
      if (isSet('admin.listen') && this.#admin.address === null) throw new Error(error);
      this.#trouble(error, error);
    }
  }

  async #run(): Promise<void> {
    const { config, kinds = INPUTS } = this.#o;
    const { telemetry, tags } = config;
    if (telemetry.statsd !== undefined) {
      const { startTelemetry } = await import('./report/telemetry.ts');
      const statsd = `udp://${telemetry.statsd}`;
      this.#telemetry = startTelemetry({ statsd, tags, status: () => buildStatus(this.#parts(), 0), kinds });
    }
    await this.#inputs.start(config, { output: this.#pipeline, delivery: this.#delivery });
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

  /** What does not add up is in the status while it lasts; here it is said, also where nobody asks. */
  #checkBooks(): void {
    const parts = {
      accounts: this.#accounts,
      pipeline: this.#pipeline,
      delivery: this.#delivery,
      inputs: this.#inputs,
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
      inputs: this.#inputs,
      admin: () => this.#admin?.status() ?? [],
      troubles: () => [...this.#troubles.values(), ...(this.#leaving?.reason ? [this.#leaving.reason] : [])],
    };
  }

  /** Stops the sources, drains for at most `shutdown_timeout`, stores the positions, lets everything go. */
  async stop(): Promise<void> {
    this.#healthy = false;
    clearInterval(this.#audit);
    const reason = new Error('the agent stops');
    this.#stop.abort(reason);
    const { shutdown_timeout } = this.#o.config;
    const limit = shutdown_timeout - Math.min(KEEP_MS, Math.floor(shutdown_timeout / 4));
    const deadline = AbortSignal.timeout(this.#isSuperseded ? Math.min(SUPERSEDED_STOP_MS, limit) : limit);
    await Promise.race([this.#inputs?.stop(reason), aborted(deadline)]);
    // In this order, and each also where one before it fails: what is left open would keep the process from ending.
    await atStop('finish what is on its way', async () => this.#delivery?.close(deadline));
    await atStop('store what Kafka has of the positions', async () => this.#exactlyOnce?.close());
    await atStop('store the positions', async () => this.#inputs?.close());
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
