/** Whether Kafka is there, and what is said of it. */
import { count } from '../../core/units.ts';
import { log } from '../../log.ts';

/** A connection that comes and goes is reported this often, milliseconds. */
const SAY_AGAIN = 60_000;

export class Presence {
  #brokers: string;
  /** The caller says it in its own words. */
  readonly #quiet: boolean;
  readonly #waiting: () => number;
  #connected = false;
  #error: string | null = null;
  /** Since when. */
  #since = new Date();
  #back = new AbortController();

  /** `waiting`: records that are not in Kafka yet. */
  constructor(brokers: readonly string[], quiet: boolean, waiting: () => number) {
    this.#quiet = quiet;
    this.#waiting = waiting;
    this.#brokers = brokers.join(', ');
  }

  /** A broker answered, and no connection has broken or could not be made since. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Why there is no connection. */
  get error(): string | null {
    return this.#connected || this.#error === null ? null : `${this.#error} (since ${clock(this.#since)})`;
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
    if (this.#error === null) this.#since = new Date();
    this.#error = error.message;
  }

  broken(error: Error): void {
    if (!this.#quiet && (this.#connected || this.#error === null)) {
      log.warnOnce(
        `kafka ${this.#brokers}`,
        `${error.message}${this.#waits()}; trying again until one answers`,
        SAY_AGAIN,
      );
    }
    if (this.#connected || this.#error === null) this.#since = new Date();
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

  #waits(): string {
    const records = this.#waiting();
    return records === 0 ? '' : `; ${count(records, 'record waits', 'records wait')}`;
  }

  #again(): void {
    this.#back.abort();
    this.#back = new AbortController();
  }
}

/** Time of day, as the log has it; with the day where that is another one. */
function clock(time: Date): string {
  const text = time.toISOString().slice(0, 19).replace('T', ' ');
  return text.startsWith(new Date().toISOString().slice(0, 10)) ? text.slice(11) : text;
}
