/**
 * Redis as the consumer sees it: there, or waited for. What Redis is, it is asked every LOOK_MS and whenever it was away;
 * one that may evict keys is not written to: a position that is evicted would count everything twice.
 */
import { Backoff, pause } from '../../core/abort.ts';
import { log } from '../../log.ts';
import { type NodeInfo, type RedisChoice, RedisConnection } from './redis.ts';
import { redisWords } from './words.ts';

const LOOK_MS = 10_000;
const RETRY_MS = 2000;
/** A connection may take so long until what keeps it away is said. */
const CONNECT_MS = 5000;
const NEEDED = [6, 2] as const;

/** Redis is such that nothing can be kept in it: the sentence says why. */
export class UnfitRedis extends Error {}

export class Store {
  readonly #choice: RedisChoice;
  /** `redis-1:6379` */
  readonly name: string;
  #connection: RedisConnection | null = null;
  /** Why nothing may be written, though it is there. */
  #unfit: string | null = 'Redis was not asked yet';
  #failed: string | null = null;
  #said = '';
  #wake = new AbortController();

  /** What is not as it should be, and does not keep it from counting. */
  warnings: readonly string[] = [];
  version: string | null = null;
  failures = 0;
  #quiet = false;
  #closed = false;
  /** Looks whether positions are what they were: called when Redis was asked. */
  onLook: (redis: RedisConnection) => Promise<void> = async () => undefined;

  constructor(choice: RedisChoice) {
    this.#choice = choice;
    this.name = new URL(choice.url).host;
  }

  /** Rejects with UnfitRedis when it is so at the first time that it answers; later that is waited out. */
  async run(stop: AbortSignal): Promise<void> {
    const backoff = new Backoff(RETRY_MS);
    let looked = false;
    while (!stop.aborted) {
      try {
        await this.#look();
        if (this.#unfit === null) await this.onLook(this.#connection!);
        this.#worked();
      } catch (error) {
        this.#fails(error as Error);
        await backoff.wait(stop).catch(() => undefined);
        continue;
      }
      if (this.#unfit !== null && !looked) throw new UnfitRedis(this.#unfit);
      looked = true;
      backoff.reset();
      this.#wake = new AbortController();
      await pause(LOOK_MS, AbortSignal.any([stop, this.#wake.signal]));
    }
  }

  /** For a command: connects now. Rejects with one sentence. `fit`: it has to be one that counts can be kept in. */
  async connect({ fit }: { fit: boolean }): Promise<void> {
    this.#quiet = true;
    try {
      await this.#look();
    } catch (error) {
      this.#fails(error as Error);
      throw new Error(this.#failed!);
    }
    if (fit && this.#unfit !== null) throw new UnfitRedis(this.#unfit);
  }

  /** What `ask` gives, as soon as it gives something. Rejects when the signal aborts. */
  async persist<T>(ask: (redis: RedisConnection) => Promise<T>, signal: AbortSignal): Promise<T> {
    const backoff = new Backoff(RETRY_MS);
    for (;;) {
      signal.throwIfAborted();
      if (this.#connection !== null && this.#unfit === null) {
        try {
          const given = await ask(this.#connection);
          this.#worked();
          return given;
        } catch (error) {
          this.#fails(error as Error);
        }
      }
      await backoff.wait(signal);
    }
  }

  /** What `ask` gives now. Rejects with the reason in words. */
  async once<T>(ask: (redis: RedisConnection) => Promise<T>): Promise<T> {
    if (this.#connection === null) throw new Error(this.problems()[0] ?? 'Redis was not reached yet');
    try {
      return await ask(this.#connection);
    } catch (error) {
      throw new Error(`cannot use Redis at ${this.name}: ${this.#connection.error ?? redisWords(error as Error)}`);
    }
  }

  problems(): string[] {
    if (this.#failed !== null) return [this.#failed];
    return this.#unfit === null ? [] : [this.#unfit];
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
  }

  async #look(): Promise<void> {
    if (this.#connection === null) {
      const connection = await RedisConnection.open(this.#choice);
      if (this.#closed) connection.close();
      this.#connection = connection;
      this.#connection.onReady = () => this.#wake.abort();
      await this.#connection.ready(CONNECT_MS);
    }
    this.#examine(await this.#connection.info());
  }

  #examine(nodes: readonly NodeInfo[]): void {
    const warnings: string[] = [];
    this.#unfit = null;
    for (const { version, policy, aof } of nodes) {
      this.version = version;
      const [major = 0, minor = 0] = (version ?? '99.0').split('.').map(Number);
      if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
        this.#unfit = `Redis at ${this.name} is ${version}: ${NEEDED.join('.')} or later is needed`;
      }
      if (policy === null) {
        warnings.push(`Redis at ${this.name} does not tell its maxmemory-policy: it must be noeviction`);
      } else if (policy !== 'noeviction') {
        this.#unfit = `Redis at ${this.name} may evict keys (maxmemory-policy ${policy}), and then counts would be wrong: set maxmemory-policy noeviction`;
      }
      if (aof === false) {
        warnings.push(
          `Redis at ${this.name} has no append-only file: after a restart everything that Kafka still has is counted anew, and what is older is gone; set appendonly yes`,
        );
      }
    }
    for (const warning of warnings) if (!this.warnings.includes(warning) && !this.#quiet) log.warn(warning);
    this.warnings = [...new Set(warnings)];
    if (this.#unfit !== null) this.#say(this.#unfit);
  }

  #worked(): void {
    if (this.#failed !== null && this.#unfit === null) log.info(`Redis at ${this.name} is there again`);
    this.#failed = null;
    if (this.#unfit === null) this.#said = '';
  }

  #fails(error: Error): void {
    this.failures++;
    // That a connection is gone says less than why there is no new one.
    this.#failed = `cannot use Redis at ${this.name}: ${this.#connection?.error ?? redisWords(error)}`;
    this.#say(this.#failed);
  }

  /** Once, until it is another one. */
  #say(sentence: string): void {
    if (sentence === this.#said || this.#quiet) return;
    this.#said = sentence;
    log.warn(sentence);
  }
}
