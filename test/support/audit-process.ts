/**
 * Processes for tests to kill, each as an application would run it on the client:
 *
 *   node test/support/audit-process.ts writer HOST      transactions of the business, each with its event; one in twenty
 *                                                       is rolled back. SIGTERM: finishes those that are open, and ends
 *   node test/support/audit-process.ts relay HOST SOCKET STREAM
 *
 * HOST is the folder of the socket of PostgreSQL.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { inTransaction, relay, ring } from '../../src/client/audit.ts';

const WRITERS = 4;
const ROLLED_BACK = 0.05;
/** So that what it writes in a second is moved in a second, on a machine that does other things, too. */
const PAUSE_MS = 4;

const [role, host, socket, stream] = process.argv.slice(2) as [string, string, string?, string?];
const pool = new pg.Pool({ host, user: 'postgres', database: 'postgres', connectionTimeoutMillis: 2000 });
pool.on('error', () => undefined);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

/** Of which nobody knows whether it was committed: the table does. */
async function transaction(): Promise<void> {
  const client = await pool.connect();
  let failed = true;
  // A connection that ends while nobody asks it anything.
  client.on('error', () => undefined);
  try {
    const id = randomUUID();
    await client.query('BEGIN');
    await client.query('INSERT INTO orders (id) VALUES ($1)', [id]);
    await inTransaction(client, {
      event: { id, action: 'order.approve', outcome: 'success', kind: 'event' },
      user: { id: `u-${Math.floor(Math.random() * 1000)}` },
      order: { id, total: Math.random() * 1000 },
    });
    await client.query(Math.random() < ROLLED_BACK ? 'ROLLBACK' : 'COMMIT');
    failed = false;
  } finally {
    client.removeAllListeners('error');
    client.on('error', () => undefined);
    client.release(failed);
  }
  ring(pool);
}

async function write(): Promise<void> {
  while (!stop.signal.aborted) {
    // The database is away: so is the business.
    await transaction().catch(() => sleep(50));
    await sleep(PAUSE_MS);
  }
}

if (role === 'writer') await Promise.all(Array.from({ length: WRITERS }, write));
else await relay(pool, { socket, stream: stream!, signal: stop.signal, report: (what) => console.error(what) });
await pool.end();
