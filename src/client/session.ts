/** A relay's own connection to the database: every wait has an end, and the lock of its stream ends with it. */
import { createHash } from 'node:crypto';
import { BELL, LOCK, type PooledClient, type SqlPool } from './outbox.ts';

/** A database that says nothing for so long is away. */
const ANSWER_MS = 30_000;
const LOCK_AGAIN_MS = 250;

export class Session {
  readonly #client: PooledClient;
  readonly #wakeup: Wakeup;
  readonly #signal: AbortSignal;
  #failure: Error | null = null;

  private constructor(client: PooledClient, wakeup: Wakeup, signal: AbortSignal) {
    this.#client = client;
    this.#wakeup = wakeup;
    this.#signal = signal;
    client.on?.('error', (error) => {
      this.#failure = error as Error;
      wakeup.ring();
    });
    client.on?.('notification', () => wakeup.ring());
  }

  static async open(pool: SqlPool, wakeup: Wakeup, signal: AbortSignal): Promise<Session> {
    const connecting = pool.connect();
    const client = await answered(connecting, signal).catch((error) => {
      connecting.then(
        (late) => late.release(true),
        () => undefined,
      );
      throw error;
    });
    const session = new Session(client, wakeup, signal);
    await session.query(`LISTEN ${BELL}`).catch((error) => {
      session.end();
      throw error;
    });
    return session;
  }

  async query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    if (this.#failure) throw this.#failure;
    return (await answered(this.#client.query(text, values), this.#signal)).rows;
  }

  /** Waits until the stream is this session's. */
  async lock(stream: string): Promise<void> {
    const number = createHash('sha256').update(stream).digest().readUInt32BE(0);
    for (;;) {
      const [row] = await this.query(LOCK, [String(number)]);
      if (row!.ok === true) return;
      await this.#wakeup.sleep(LOCK_AGAIN_MS);
      this.#signal.throwIfAborted();
    }
  }

  /** Closes the connection: it goes on listening, and has the lock, as long as it lives. */
  end(): void {
    this.#client.release(true);
  }
}

/** What is waited for is an answer, the end of the patience, or the signal. */
function answered<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Error('stopped', { cause: signal.reason }));
    const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS / 1000} s`)), ANSWER_MS);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    });
  });
}

/** Pauses that the signal ends. */
export class Wakeup {
  readonly #signal: AbortSignal;
  #rung = false;
  #wake: (() => void) | null = null;
  #hear: (() => void) | null = null;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  ring(): void {
    this.#rung = true;
    this.#hear?.();
  }

  /** At most `ms`; not at all where it rang since the last such pause. */
  async untilRung(ms: number): Promise<void> {
    if (!this.#rung) {
      await this.sleep(ms, (wake) => {
        this.#hear = wake;
      });
    }
    this.#hear = null;
    this.#rung = false;
  }

  sleep(ms: number, begun?: (wake: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(wake, this.#signal.aborted ? 0 : ms);
      this.#wake = wake;
      begun?.(wake);
    });
  }
}
