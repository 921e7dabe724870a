/** Whether Kafka is there, and what is said of it. */
import { log } from '../../log.ts';

/** A connection that comes and goes is reported this often, milliseconds. */
const SAY_AGAIN = 60_000;

export class Presence {
  #brokers: string;
  /** The caller says it in its own words. */
  readonly #quiet: boolean;
  #connected = false;
  #error: string | null = null;
  #back = new AbortController();

  constructor(brokers: readonly string[], quiet: boolean) {
    this.#quiet = quiet;
    this.#brokers = brokers.join(', ');
  }

  /** A broker answered, and no connection has broken or could not be made since. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Why there is no connection. */
  get error(): string | null {
    return this.#connected ? null : this.#error;
  }

  /** Aborts when a broker answers after an outage: who waits for Kafka need not wait for its own next attempt. */
  get back(): AbortSignal {
    return this.#back.signal;
  }

  /** From now on it is about these: who waits for Kafka tries at once. */
  change(brokers: readonly string[]): void {
    this.#brokers = brokers.join(', ');
    this.#connected = false;
    this.#error = null;
    this.#again();
  }

  /** Something is in the way that is no broken connection. */
  trouble(error: Error): void {
    this.#error = error.message;
  }

  broken(error: Error): void {
    if (!this.#quiet && (this.#connected || this.#error === null)) {
      log.warnOnce(
        `kafka ${this.#brokers}`,
        `cannot reach Kafka: ${error.message}; trying again until it answers`,
        SAY_AGAIN,
      );
    }
    this.#connected = false;
    this.#error = error.message;
  }

  answered(): void {
    const away = !this.#connected;
    if (!this.#quiet && away && this.#error !== null) log.info(`Kafka answers again`);
    this.#connected = true;
    this.#error = null;
    if (away) this.#again();
  }

  #again(): void {
    this.#back.abort();
    this.#back = new AbortController();
  }
}
