/**
 * The outbox in PostgreSQL: rows that are committed with the business, and wait for a relay.
 *
 *   waiting    sequence is null      written by `inTransaction`; `stream` may be empty: any relay's
 *   numbered   sequence 1, 2, ...    a relay's batch that is on its way, at most one a stream
 *   gone                             the agent has it
 *   set aside  refused is not null   the agent will never take it; it stays, for somebody to look at
 *
 * Numbers are of a producer. Each relay that becomes the one of a stream first sends again what the last one has numbered,
 * under that one's producer, then begins a producer of its own with 1. So a number is never given to two events, not by a
 * database that was restored from a backup either. Every change is made under the epoch of who makes it: whoever has lost
 * the stream changes nothing.
 */
import { type AuditEvent, checkStream, writeEvent } from './event.ts';

/** What has `query(text, values)`, as pg's Client and PoolClient do. */
export interface SqlClient {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

/** What has `connect()`, as pg's Pool does. */
export interface SqlPool {
  connect(): Promise<PooledClient>;
  on?(name: 'error', listener: (error: Error) => void): unknown;
  off?(name: 'error', listener: (error: Error) => void): unknown;
}

export interface PooledClient extends SqlClient {
  release(destroy?: boolean): void;
  on?(name: 'error' | 'notification' | 'end', listener: (what?: unknown) => void): unknown;
}

/** The tables, as SQL that may be run again. Rows live for milliseconds: they are vacuumed often, pages keep room. */
export const schema: string = `
SELECT pg_advisory_xact_lock(8027323001);
CREATE TABLE IF NOT EXISTS audit_outbox (
  position bigint GENERATED ALWAYS AS IDENTITY,
  id text PRIMARY KEY,
  stream text NOT NULL DEFAULT '',
  aggregatetype text NOT NULL DEFAULT 'audit',
  aggregateid text,
  type text,
  payload text NOT NULL CHECK (left(ltrim(payload), 1) = '{'),
  created_at timestamptz NOT NULL DEFAULT now(),
  sequence bigint,
  refused text
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX IF NOT EXISTS audit_outbox_waiting ON audit_outbox (stream, position)
  WHERE sequence IS NULL AND refused IS NULL;
CREATE INDEX IF NOT EXISTS audit_outbox_numbered ON audit_outbox (stream, sequence) WHERE sequence IS NOT NULL;
CREATE TABLE IF NOT EXISTS audit_outbox_streams (
  stream text PRIMARY KEY,
  producer uuid NOT NULL,
  epoch bigint NOT NULL,
  last bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
`;

export interface InsertOptions {
  /** Which relay takes it: that of this stream. Default: the first that comes. */
  stream?: string;
  /** What it is about, for who reads the table (Debezium's event router): `{type: 'order', id: '4711'}`. */
  aggregate?: { type: string; id: string };
}

/**
 * Writes the event into `audit_outbox`, within the transaction that `client` is in: it is kept if and only if that
 * commits. Needs INSERT on the table, nothing else. Gives the event's id. Throws a TypeError for what is no event; an id
 * that waits already fails the transaction.
 *
 * Events of one thing keep their order where they are written after the transaction holds that thing's row lock.
 */
export async function inTransaction(
  client: SqlClient,
  event: AuditEvent,
  options: InsertOptions = {},
): Promise<{ id: string }> {
  const { id, action, text } = writeEvent(event);
  const { stream = '', aggregate } = options;
  if (stream !== '') checkStream(stream);
  await client.query(
    'INSERT INTO audit_outbox (id, stream, aggregatetype, aggregateid, type, payload) VALUES ($1, $2, $3, $4, $5, $6)',
    [id, stream, aggregate?.type ?? 'audit', aggregate?.id ?? null, action, text],
  );
  return { id };
}

/** What wakes relays: heard by `LISTEN` on their connection. */
export const BELL = 'audit_outbox';
const RING_EVERY_MS = 10;
interface Bell {
  rungAt: number;
  /** It is about to ring, or ringing. */
  busy: boolean;
  /** It was rung meanwhile. */
  again: boolean;
}

const bells = new WeakMap<object, Bell>();

/**
 * After a commit: tells the relays that there is something, instead of letting them find it within half a second. At most
 * every 10 ms, on a connection of its own: a NOTIFY within the transaction would queue all commits on one lock. What goes
 * wrong is no matter: relays look by themselves.
 */
export function ring(pool: Pick<SqlClient, 'query'>): void {
  const bell = bells.get(pool) ?? { rungAt: Number.NEGATIVE_INFINITY, busy: false, again: false };
  bells.set(pool, bell);
  bell.again = true;
  if (bell.busy) return;
  bell.busy = true;
  setTimeout(
    async () => {
      bell.again = false;
      bell.rungAt = performance.now();
      await pool.query(`NOTIFY ${BELL}`).catch(() => undefined);
      bell.busy = false;
      if (bell.again) ring(pool);
    },
    Math.max(0, bell.rungAt + RING_EVERY_MS - performance.now()),
  );
}

/** Rows of one batch, in the order of their numbers. */
export interface NumberedRow {
  sequence: number;
  id: string;
  payload: string;
}

/** One try for the lock of `$1`, a number of 32 bits for the stream's name: it is the session's, and of these tables. */
export const LOCK = `SELECT pg_try_advisory_lock(('audit_outbox_streams'::regclass::oid::bigint << 32) | $1::bigint) AS ok`;

/** Makes the caller the one who may change what is stream `$1`'s; `$2` is its producer where there has been none. */
export const TAKE_OVER = `
INSERT INTO audit_outbox_streams AS s (stream, producer, epoch) VALUES ($1, $2::uuid, 1)
ON CONFLICT (stream) DO UPDATE SET epoch = s.epoch + 1 RETURNING producer, epoch`;

export const NUMBERED = `
SELECT sequence, id, payload FROM audit_outbox WHERE stream = $1 AND sequence IS NOT NULL ORDER BY sequence`;

/** Whether anything waits: costs no transaction id, unlike NEXT. */
export const WAITING = `
SELECT EXISTS (SELECT FROM audit_outbox WHERE stream = $1 AND sequence IS NULL AND refused IS NULL)
    OR EXISTS (SELECT FROM audit_outbox WHERE stream = '' AND sequence IS NULL AND refused IS NULL) AS waiting`;

/**
 * In one transaction: takes away the rows of stream `$1` that are numbered (the agent has them), and numbers the next ones,
 * at most `$4` and at most `$5` bytes, for producer `$3`. `held` is false where epoch `$2` is over: then nothing changed.
 * Rows that others hold are passed over: those of '' may be wanted by relays of other streams.
 */
export const NEXT = `
WITH held AS MATERIALIZED (
  SELECT CASE WHEN producer = $3::uuid THEN last ELSE 0 END AS base FROM audit_outbox_streams
  WHERE stream = $1 AND epoch = $2::bigint FOR UPDATE
), gone AS (
  DELETE FROM audit_outbox WHERE stream = $1 AND sequence IS NOT NULL AND EXISTS (SELECT FROM held)
), own AS MATERIALIZED (
  SELECT id, position, octet_length(payload) AS bytes FROM audit_outbox
  WHERE stream = $1 AND sequence IS NULL AND refused IS NULL AND EXISTS (SELECT FROM held)
  ORDER BY position LIMIT $4::int FOR UPDATE SKIP LOCKED
), anyones AS MATERIALIZED (
  SELECT id, position, octet_length(payload) AS bytes FROM audit_outbox
  WHERE stream = '' AND sequence IS NULL AND refused IS NULL AND EXISTS (SELECT FROM held)
  ORDER BY position LIMIT $4::int FOR UPDATE SKIP LOCKED
), waiting AS (
  SELECT * FROM own UNION ALL SELECT * FROM anyones
), counted AS (
  SELECT id, row_number() OVER w AS n, sum(bytes + 1) OVER w AS total FROM waiting WINDOW w AS (ORDER BY position)
), chosen AS MATERIALIZED (
  SELECT id, n FROM counted WHERE n <= $4::int AND (n = 1 OR total <= $5::bigint)
), numbered AS (
  UPDATE audit_outbox o SET stream = $1, sequence = held.base + chosen.n
  FROM chosen, held WHERE o.id = chosen.id RETURNING o.sequence, o.id, o.payload
), kept AS (
  UPDATE audit_outbox_streams SET producer = $3::uuid, last = held.base + (SELECT count(*) FROM chosen)
  FROM held WHERE stream = $1
)
SELECT (SELECT count(*) FROM held) = 1 AS held, sequence, id, payload
FROM (VALUES (1)) AS one LEFT JOIN numbered ON true ORDER BY sequence`;

/** Gives what is numbered in stream `$1` the numbers from 1 of producer `$3`. Gives nothing where epoch `$2` is over. */
export const RENUMBER = `
WITH held AS MATERIALIZED (
  SELECT FROM audit_outbox_streams WHERE stream = $1 AND epoch = $2::bigint FOR UPDATE
), counted AS MATERIALIZED (
  SELECT id, row_number() OVER (ORDER BY sequence) AS n FROM audit_outbox
  WHERE stream = $1 AND sequence IS NOT NULL AND EXISTS (SELECT FROM held)
), numbered AS (
  UPDATE audit_outbox o SET sequence = counted.n FROM counted WHERE o.id = counted.id
)
UPDATE audit_outbox_streams SET producer = $3::uuid, last = (SELECT count(*) FROM counted)
WHERE stream = $1 AND EXISTS (SELECT FROM held) RETURNING last`;

/**
 * Of what is numbered in stream `$1` only number `$3`, the first, goes on: the others wait again. With a reason `$4` that
 * one is set aside, too. Gives nothing where epoch `$2` is over.
 */
export const PART = `
WITH held AS MATERIALIZED (
  SELECT FROM audit_outbox_streams WHERE stream = $1 AND epoch = $2::bigint FOR UPDATE
), parted AS (
  UPDATE audit_outbox SET sequence = NULL, refused = CASE WHEN sequence = $3::bigint THEN $4::text END
  WHERE stream = $1 AND EXISTS (SELECT FROM held)
    AND CASE WHEN $4::text IS NULL THEN sequence > $3::bigint ELSE sequence >= $3::bigint END
)
UPDATE audit_outbox_streams SET last = $3::bigint - CASE WHEN $4::text IS NULL THEN 0 ELSE 1 END
WHERE stream = $1 AND EXISTS (SELECT FROM held) RETURNING last`;
