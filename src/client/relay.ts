/**
 * Moves rows of the outbox to the agent, in the order of their numbers, each once:
 *
 *   lock ── take over ── send what is numbered ──┬─ 201 ─── take it away, number the next batch (one transaction) ─┐
 *     ^      (epoch + 1)         ^               ├─ 409 expected ── a new producer, numbers from 1 ───────────────┤
 *     |                          |               ├─ refused ── the first alone; alone, it is set aside ───────────┤
 *     |                          |               └─ else ───── the same again ────────────────────────────────────┤
 *     └── database away          └──────────────────────────────────────────────────────────────────────────────┘
 *
 * Invariant: a batch is sent again as it was, under its numbers, until an answer says what became of it. The agent keeps
 * the highest number of each producer with the events themselves, so it knows a repeat after any crash of its own.
 */
import { randomUUID } from 'node:crypto';
import { checkStream } from './event.ts';
import { NEXT, NUMBERED, type NumberedRow, PART, RENUMBER, type SqlPool, TAKE_OVER, WAITING } from './outbox.ts';
import { type AgentAddress, type AgentAnswer, AgentConnection, describe, pauseBefore } from './post.ts';
import { Session, Wakeup } from './session.ts';

/** Of one request: the agent takes 1,000 and 1 MiB. */
const BATCH_EVENTS = 500;
const BATCH_BYTES = 1_000_000;
/** How often it looks where nothing rings: doubling from the first to the second. */
const LOOK_MS = [20, 500] as const;
/** The same trouble is told again after so long. */
const TELL_AGAIN_MS = 60_000;
/** Of the events, not of the way: the same would be refused again. */
const REFUSED = [400, 409, 413, 422];

export interface RelayOptions extends AgentAddress {
  stream: string;
  /** Ends it. What is on its way then is sent again by the next relay, and recognised. */
  signal?: AbortSignal;
  /** Told of trouble, in a sentence, and when it is over. Default: a warning of the process. */
  report?: (what: string) => void;
}

/** What it has moved. */
export interface Relayed {
  events: number;
  /** Rows that the agent will never take, and that stay in the outbox with the reason in `refused`. */
  refused: number;
}

/**
 * Relays rows until `signal` aborts, then resolves. Goes on through outages of the database and the agent. Takes one
 * connection of `pool`; of several relays of a stream one is at work, the others wait to take its place. Throws a TypeError
 * for options that can never do.
 */
export async function relay(pool: SqlPool, options: RelayOptions): Promise<Relayed> {
  checkStream(options.stream);
  const connection = new AgentConnection(options);
  // Connections that idle in the pool end with the database, too: who does not listen to that ends with them.
  const ignore = () => undefined;
  pool.on?.('error', ignore);
  try {
    return await new Relay(pool, options, connection).run();
  } finally {
    pool.off?.('error', ignore);
    connection.close();
  }
}

interface Batch {
  rows: NumberedRow[];
  producer: string;
}

/** What goes with having the stream. */
interface Held {
  readonly session: Session;
  readonly epoch: string;
  /** The producer of all that is numbered from now on. */
  own: string;
  /** Events of the next batch, at most. */
  most: number;
  /** Times in a row that the agent did not go by the numbers. */
  renumbered: number;
}

class Relay {
  readonly #pool: SqlPool;
  readonly #options: RelayOptions;
  readonly #connection: AgentConnection;
  readonly #wakeup: Wakeup;
  readonly #signal: AbortSignal;
  readonly #moved: Relayed = { events: 0, refused: 0 };
  #told = { what: '', at: 0 };

  constructor(pool: SqlPool, options: RelayOptions, connection: AgentConnection) {
    this.#pool = pool;
    this.#options = options;
    this.#connection = connection;
    this.#signal = options.signal ?? new AbortController().signal;
    this.#wakeup = new Wakeup(this.#signal);
  }

  async run(): Promise<Relayed> {
    for (let failed = 0; !this.#signal.aborted; ) {
      const { events } = this.#moved;
      let session: Session | null = null;
      try {
        session = await Session.open(this.#pool, this.#wakeup, this.#signal);
        await session.lock(this.#options.stream);
        await this.#move(session);
      } catch (error) {
        if (this.#signal.aborted) break;
        this.#trouble(`the database: ${(error as Error).message}`);
      } finally {
        session?.end();
      }
      failed = this.#moved.events > events ? 1 : failed + 1;
      await this.#wakeup.sleep(pauseBefore(failed));
    }
    return this.#moved;
  }

  /** Until the signal aborts, or the stream is another relay's. Throws where the database does. */
  async #move(session: Session): Promise<void> {
    const { stream } = this.#options;
    const own = randomUUID();
    const [before] = await session.query(TAKE_OVER, [stream, own]);
    const held: Held = { session, epoch: String(before!.epoch), own, most: BATCH_EVENTS, renumbered: 0 };
    const left = rowsOf(await session.query(NUMBERED, [stream]));
    let batch: Batch | null = { rows: left, producer: String(before!.producer) };
    while (batch && !this.#signal.aborted) {
      if (batch.rows.length === 0) {
        await this.#untilWaiting(session);
        batch = await this.#next(held);
        continue;
      }
      const answer = await this.#send(batch, held.epoch);
      if (answer === null) return;
      if (answer.status === 201) {
        this.#moved.events += batch.rows.length;
        held.most = Math.min(BATCH_EVENTS, held.most * 2);
        held.renumbered = 0;
        batch = await this.#next(held);
      } else if (typeof answer.body.expected === 'number') batch = await this.#renumber(held, answer);
      else batch = await this.#part(held, batch, answer);
    }
  }

  /** Null, here and below: the stream is another relay's now. */
  async #next({ session, epoch, own, most }: Held): Promise<Batch | null> {
    if (this.#signal.aborted) return null;
    const next = await session.query(NEXT, [this.#options.stream, epoch, own, most, BATCH_BYTES]);
    if (next[0]!.held !== true) return null;
    this.#calm();
    return { rows: rowsOf(next), producer: own };
  }

  /** The agent lost its memory, or the database did: none of these numbers is the agent's, so others are as good. */
  async #renumber(held: Held, answer: AgentAnswer): Promise<Batch | null> {
    held.own = randomUUID();
    const changed = await held.session.query(RENUMBER, [this.#options.stream, held.epoch, held.own]);
    if (changed.length === 0) return null;
    this.#trouble(`the agent does not go by these numbers: ${describe(answer)}; they begin anew`);
    if (held.renumbered++ > 0) await this.#wakeup.sleep(pauseBefore(held.renumbered));
    return this.#numbered(held, held.own);
  }

  /** One of the batch is no good: they go one by one, then in growing numbers again, until it is alone. */
  async #part(held: Held, { rows, producer }: Batch, answer: AgentAnswer): Promise<Batch | null> {
    const [first] = rows;
    const reason = rows.length === 1 ? describe(answer) : null;
    held.most = 1;
    const changed = await held.session.query(PART, [this.#options.stream, held.epoch, first!.sequence, reason]);
    if (changed.length === 0) return null;
    if (reason !== null) this.#setAside(first!, reason);
    return this.#numbered(held, producer);
  }

  async #numbered({ session }: Held, producer: string): Promise<Batch> {
    return { rows: rowsOf(await session.query(NUMBERED, [this.#options.stream])), producer };
  }

  /** Sends it until an answer decides: 201, a refusal of these events, or other numbers. Null: the signal aborted. */
  async #send({ rows, producer }: Batch, epoch: string): Promise<AgentAnswer | null> {
    // Who wrote rows by himself may have laid the JSON out in lines.
    const body = `${rows.map(({ payload }) => payload.replaceAll('\n', ' ')).join('\n')}\n`;
    const headers = {
      'content-type': 'application/x-ndjson',
      'runnel-stream': this.#options.stream,
      'runnel-producer': `${producer};epoch=${epoch};sequence=${rows[0]!.sequence}`,
    };
    for (let attempt = 1; !this.#signal.aborted; attempt++) {
      let pause = pauseBefore(attempt);
      try {
        const answer = await this.#connection.post(body, headers, this.#signal);
        if (answer.status === 201 || REFUSED.includes(answer.status)) return answer;
        pause = Math.max(pause, answer.retryAfter_ms);
        this.#trouble(`the agent at ${this.#where}: ${describe(answer)}; it is tried again`);
      } catch (error) {
        if (this.#signal.aborted) break;
        this.#trouble(`the agent at ${this.#where}: ${(error as Error).message}; it is tried again`);
      }
      await this.#wakeup.sleep(pause);
    }
    return null;
  }

  async #untilWaiting(session: Session): Promise<void> {
    const [shortest, longest] = LOOK_MS;
    for (let pause: number = shortest; !this.#signal.aborted; pause = Math.min(longest, pause * 2)) {
      const [found] = await session.query(WAITING, [this.#options.stream]);
      this.#calm();
      if (found!.waiting === true) return;
      await this.#wakeup.untilRung(pause);
    }
  }

  get #where(): string {
    return this.#options.socket ?? this.#options.url!;
  }

  #setAside({ id }: NumberedRow, reason: string): void {
    this.#moved.refused++;
    this.#report(
      `the agent refuses event ${id}: ${reason}; it stays in audit_outbox with this reason in refused: ` +
        'mend what is wrong, then set refused to null',
    );
  }

  #trouble(what: string): void {
    const now = performance.now();
    if (what === this.#told.what && now - this.#told.at < TELL_AGAIN_MS) return;
    this.#told = { what, at: now };
    this.#report(what);
  }

  #calm(): void {
    if (this.#told.what === '') return;
    this.#told = { what: '', at: 0 };
    this.#report('goes on');
  }

  #report(what: string): void {
    const text = `audit relay of ${this.#options.stream}: ${what}`;
    if (this.#options.report) this.#options.report(text);
    else process.emitWarning(text, 'AuditWarning');
  }
}

/** Of a query's result; the rows of a LEFT JOIN that found nothing are left out. */
function rowsOf(result: readonly Record<string, unknown>[]): NumberedRow[] {
  return result
    .filter(({ sequence }) => sequence !== null)
    .map(({ sequence, id, payload }) => ({
      sequence: Number(sequence),
      id: String(id),
      payload: String(payload),
    }));
}
