/**
 * The agent: builds the parts from a configuration, runs them, drains them. The only file that knows them all.
 *
 *   files          -> pipeline -> lane -> sender -> Kafka              can be read again: straight to Kafka
 *   StatsD, checks -> pipeline -> lane -> spool -> drain -> sender     cannot: safe on disk first
 *   without brokers everything goes to the spool, and stays there until there are some
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { socketPath } from './admin/client.ts';
import { type AdminServer, startAdmin } from './admin/server.ts';
import { Tap } from './admin/tap.ts';
import { bufferMemory } from './config/across.ts';
import type { CommonConfig } from './config/config.ts';
import type { LocatedAs } from './config/load.ts';
import { aborted, pause } from './core/abort.ts';
import { Accounts } from './core/account.ts';
import type { AnyKind, InputTopic } from './core/input.ts';
import { Ledgers } from './core/ledger.ts';
import { countLost } from './core/lost.ts';
import { Measured } from './core/measured.ts';
import { Pipeline } from './core/pipeline.ts';
import { Pool } from './core/pool.ts';
import { Identity } from './data-dir/identity.ts';
import { type DataDirLock, lockDataDir } from './data-dir/lock.ts';
import { Delivery } from './delivery/delivery.ts';
import { openChained, openTransactions, positionsTopic, type TransactionsBefore } from './delivery/exactly-once.ts';
import { Inputs } from './inputs.ts';
import { KafkaClient } from './kafka/connect/client.ts';
import { SavedWindows } from './kafka/send/saved-windows.ts';
import type { ExactlyOnce } from './kafka/transactions/exactly-once.ts';
import { POSITIONS_SETTINGS } from './kafka/transactions/positions-topic.ts';
import { Kernel } from './kernel/kernel.ts';
import { log, setLog } from './log.ts';
import { loadCodec } from './records/codecs.ts';
import { connectionOf, needsRestart, type Reloaded, Reloads, refused, reread } from './reload.ts';
import { History } from './report/history.ts';
import { OwnFigures } from './report/own-figures.ts';
import { books, buildStatus, imbalances, reasonsOf, type StatusParts } from './report/status.ts';
import { INPUTS } from './sources/all.ts';
import { Spools } from './spool/spools.ts';

export interface AgentOptions extends LocatedAs {
  version: string;
  /** Reads the configuration again; throws ConfigError. Without it there is no reload. */
  reread?: () => Promise<LocatedAs>;
  /** Told when a reload begins, and when it is over. Must not throw. */
  reloading?: (reloading: boolean) => unknown;
  /** The kinds of inputs; default: those of the table. */
  kinds?: readonly AnyKind[];
}

/** What of `shutdown_timeout` is left for writing down what is in flight, at most: milliseconds. */
const KEEP_MS = 1000;
/** An input that is not open again after so long is waited for no longer by who asked for a reload. */
const SETTLE_MS = 300;
/** Connections that are asked to close are not waited for longer than this after the drain. */
const CLOSE_MS = 1000;
/** An agent whose work another one has taken over waits for its local log only. */
const SUPERSEDED_STOP_MS = 1000;
/** How often the books are checked without being asked. */
const AUDIT_MS = 10_000;

export class Agent {
  readonly #o: AgentOptions;
  /** What holds now. */
  #now: LocatedAs;
  readonly #accounts = new Accounts();
  readonly #tap = new Tap();
  readonly #measured = new Measured();
  readonly #stop = new AbortController();
  #loadedAt = new Date();
  readonly #reloads = new Reloads(
    () => this.#reload(),
    (on) => this.#o.reloading?.(on),
  );
  readonly #troubles = new Map<string, string>();
  readonly #lock: DataDirLock;
  #spool!: Spools;
  #client: KafkaClient | null = null;
  #windows: SavedWindows | null = null;
  #exactlyOnce: ExactlyOnce | null = null;
  #transactionsBefore: TransactionsBefore | null = null;
  readonly #superseded = Promise.withResolvers<Error>();
  #isSuperseded = false;
  #pipeline!: Pipeline;
  #delivery!: Delivery;
  #inputs!: Inputs;
  #admin: AdminServer | null = null;
  readonly #figures: OwnFigures;
  readonly #history: History;
  #audit: NodeJS.Timeout | undefined;
  #healthy = false;

  private constructor(options: AgentOptions) {
    this.#o = options;
    this.#now = options;
    const status = () => buildStatus(this.#parts(), 0);
    this.#figures = new OwnFigures(status, options.kinds ?? INPUTS);
    this.#history = new History(status, options.kinds ?? INPUTS);
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

  /** Reads the configuration again. What has changed is in force when it resolves; any error leaves all as it was. */
  reload(): Promise<Reloaded> {
    return this.#reloads.ask();
  }

  /** Why it is not ready, each in a sentence. */
  get reasons(): string[] {
    return reasonsOf(this.#parts());
  }

  /** The configuration that holds now. */
  get config(): CommonConfig {
    return this.#now.config;
  }

  /** What is not in Kafka: records of the local log, lines that are kept as they were sent, and bytes of files. */
  get waiting(): { spool: number; window: number; bytes: number } {
    let [window, bytes] = [0, 0];
    for (const { weight } of this.#windows?.pending() ?? []) window += weight;
    const said = this.#inputs.status(0);
    for (const { rows } of this.#o.kinds ?? INPUTS) for (const row of rows(said)) bytes += row.lag_bytes ?? 0;
    return { spool: this.#spool.waiting().records, window, bytes };
  }

  /** Resolves with the reason when the agent must end because another one does its work. */
  get superseded(): Promise<Error> {
    return this.#superseded.promise;
  }

  async #build(): Promise<void> {
    const { config, kinds = INPUTS } = this.#o;
    const { kafka, data_dir } = config;
    const accounts = this.#accounts;
    const identity = Identity.open(data_dir);
    const { bytes, arenas } = bufferMemory(config.buffer_memory, this.#topics());
    const pool = new Pool(bytes, arenas);
    const kernel = new Kernel(pool.memory, pool.arenas);
    await loadCodec(kafka.compression);

    this.#inputs = await Inputs.open(kinds, config, {
      kernel,
      account: (id) => accounts.of(id),
      leftSince: (id) => (this.#client && this.#windows?.since(id)) ?? null,
      nextWindowId: () => identity.nextWindowId(),
      isSet: (option) => this.#now.isSet(option),
      agentId: identity.agentId,
      measured: this.#measured,
      status: () => buildStatus(this.#parts(), 0),
      durable: (topic) => this.#delivery.durable(topic),
      durableLog: (topic) => this.#delivery.durableLog(topic),
      chaining: (topic, to) => this.#delivery.chaining(topic, to),
      tap: this.#tap,
      topicFacts: async (topic, settings, signal) => this.#client?.topicFacts(topic, settings, signal) ?? null,
      otherClock: async (signal) => this.#client?.clock(signal) ?? null,
      trouble: (id, message) => this.#trouble(id, message),
    });
    this.#spool = await Spools.open(join(data_dir, 'spool'), config.spool, (input, records, bytes, reason) =>
      accounts.of(input).drop(reason, records, bytes),
    );
    if (kafka.brokers.length > 0) this.#client = this.#newClient(config);
    const superseded = (error: Error) => this.#supersede(error);
    const { agentId } = identity;
    const transactions = { config, pool, accounts, spool: this.#spool, client: this.#client, agentId, superseded };
    const { exactlyOnce, leaving } = await openTransactions(
      { ...transactions, positions: this.#inputs.positions },
      this.#stop.signal,
    );
    this.#exactlyOnce = exactlyOnce;
    this.#transactionsBefore = leaving;
    const windows = await SavedWindows.open(data_dir, accounts);
    this.#windows = windows;
    const ledgers = new Ledgers();
    this.#delivery = new Delivery({
      ledgers,
      config,
      topics: this.#topics(),
      pool,
      kernel,
      accounts,
      spool: this.#spool,
      windows,
      client: this.#client,
      exactlyOnce: this.#exactlyOnce,
      chained: (client) => openChained({ ...transactions, client }),
      left: this.#transactionsBefore?.done ?? null,
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
      reasons: () => this.reasons,
      status: (files) => buildStatus(this.#parts(), files),
      history: this.#history,
      tap: this.#tap,
      reload: () => this.reload(),
      top: (input) => this.#inputs.top(input),
      command: (input, name, options, signal) => this.#inputs.command(input, name, options, signal),
      capture: (input, sink) => this.#inputs.capture(input, sink),
      kinds,
    });
    const { errors, address } = this.#admin;
    if (errors.length > 0 && this.#o.isSet('admin.listen') && address === null) throw new Error(errors[0]);
    if (errors.length > 0) this.#trouble('admin', errors.join('; '));
  }

  async #run(): Promise<void> {
    await this.#figures.change(this.#o.config);
    await this.#inputs.start(this.#o.config, { output: this.#pipeline, delivery: this.#delivery });
    this.#healthy = true;
    this.#history.start();
    this.#audit = setInterval(() => this.#checkBooks(), AUDIT_MS).unref();
    // Before there is anything to send, so that the status says whether Kafka is there. It gives up only when it stops.
    this.#client?.connect(this.#stop.signal).catch(() => undefined);
  }

  #topics(): InputTopic[] {
    const { kinds = INPUTS } = this.#o;
    return kinds.flatMap((kind: AnyKind) => kind.topics(this.#now.config));
  }

  async #reload(): Promise<Reloaded> {
    const before = this.#now.config;
    const now = await reread(this.#o.reread);
    if ('errors' in now) return now;
    const { config, warnings, says } = now;
    const errors = (await needsRestart(before, config)).map(({ path, message }) => says(path, message));
    if (errors.length > 0) return refused(...errors);
    const changes = (of: (config: CommonConfig) => unknown) => !isDeepStrictEqual(of(before), of(config));
    const changed: string[] = [];
    if (changes(({ kafka }) => kafka.compression)) {
      const failed = await loadCodec(config.kafka.compression).catch((error: Error) => error.message);
      if (failed !== undefined) return refused(says(['kafka', 'compression'], `cannot be used: ${failed}`));
    }
    if (changes(({ admin }) => admin)) {
      const failed = await this.#admin!.change({ ...config.admin, socket: socketPath(config) });
      if (failed.length > 0) return refused(...failed.map(({ option, error }) => says(['admin', option], error)));
      this.#troubles.delete('admin');
      changed.push('admin');
    }
    if (this.#stop.signal.aborted) return refused({ message: 'the agent stops' });
    // From here on nothing can fail.
    this.#now = now;
    this.#loadedAt = new Date();
    if (changes(({ kafka: { partition_by: _, topic_prefix: __, ...kafka } }) => kafka)) changed.push('kafka');
    if (changes(connectionOf)) this.#client?.change(connectionOf(config));
    if (!this.#client && config.kafka.brokers.length > 0) {
      this.#client = this.#newClient(config);
      this.#client.connect(this.#stop.signal).catch(() => undefined);
    }
    this.#delivery.change({ config, topics: this.#topics(), client: this.#client });
    const inputs = this.#inputs.change(config, { output: this.#pipeline, delivery: this.#delivery });
    if (await this.#figures.change(config)) changed.push('telemetry');
    if (changes(({ log }) => log)) changed.push('log');
    setLog(config.log);
    const waiting = new Set(inputs);
    await Promise.race([
      Promise.all(inputs.map((one) => one.open.then(() => waiting.delete(one)))),
      pause(SETTLE_MS, this.#stop.signal),
    ]);
    const titles = (all: Iterable<{ title: string }>) => [...all].map(({ title }) => title);
    return { reloaded: true, changed: [...titles(inputs), ...changed], waiting: titles(waiting), warnings, errors: [] };
  }

  #newClient(config: CommonConfig): KafkaClient {
    const creation = (name: string) => {
      if (name === positionsTopic(this.#now.config)) return { settings: POSITIONS_SETTINGS };
      return this.#topics().find((one) => one.topic === name && one.creation)?.creation;
    };
    // It may ask before there are any.
    const waiting = () => (this.#healthy ? books(this.#parts()).total.in_flight : 0);
    return new KafkaClient({ ...config.kafka, creation, waiting });
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
    const { config, path, hash } = this.#now;
    return {
      version: this.#o.version,
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
      troubles: () => [
        ...this.#troubles.values(),
        ...(this.#transactionsBefore?.reason ? [this.#transactionsBefore.reason] : []),
      ],
    };
  }

  /** Stops the sources, drains for at most `shutdown_timeout`, stores the positions, lets everything go. */
  async stop(): Promise<void> {
    this.#healthy = false;
    clearInterval(this.#audit);
    this.#history.close();
    const reason = new Error('the agent stops');
    this.#stop.abort(reason);
    const { shutdown_timeout } = this.#now.config;
    const limit = shutdown_timeout - Math.min(KEEP_MS, Math.floor(shutdown_timeout / 4));
    const deadline = AbortSignal.timeout(this.#isSuperseded ? Math.min(SUPERSEDED_STOP_MS, limit) : limit);
    await Promise.race([this.#reloads.close(), aborted(deadline)]);
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
      atStop('send the last figures', async () => this.#figures.close()),
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
