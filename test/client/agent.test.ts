/** The client and a real agent: what comes again, what is refused, and what either has forgotten. */
// Slow: starts PostgreSQL and agents.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import type pg from 'pg';
import { type AuditError, emit, inTransaction, relay, schema } from '../../src/client/audit.ts';
import { type Home, makeHome, type RunningAgent } from '../support/agent.ts';
import { makeCertificates } from '../support/kafka-tls.ts';
import { freePort } from '../support/ports.ts';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { eventually, until } from '../support/until.ts';

const PROGRAM = new URL('../support/audit-process.ts', import.meta.url).pathname;
const names = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `e-${from + i}`);

interface StreamStatus {
  stream: string;
  sequence: number;
}

/** How many events of `stream` the agent has. */
async function sequence(agent: RunningAgent, stream: string): Promise<number> {
  const { audit } = (await agent.status()) as unknown as { audit: { streams: StreamStatus[] } };
  return Number(audit.streams.find((one) => one.stream === stream)?.sequence ?? 0);
}

/** Waits until it has so many: a status may be from a moment before. */
async function untilHas(agent: RunningAgent, stream: string, events: number): Promise<void> {
  await eventually(`${stream} has ${events} events`, async () => (await sequence(agent, stream)) === events);
}

async function start(home: Home, options: object = {}): Promise<{ agent: RunningAgent; socket: string }> {
  const socket = home.path('audit.sock');
  return { agent: await home.start({ audit: { listen: [`unix://${socket}`], ...options } }), socket };
}

async function moved(pool: pg.Pool): Promise<void> {
  await eventually('nothing waits', async () => {
    return (await pool.query('SELECT FROM audit_outbox WHERE refused IS NULL')).rows.length === 0;
  });
}

/** A relay while `work` runs. What it reported. */
async function relaying(pool: pg.Pool, socket: string, work: (said: string[]) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const said: string[] = [];
  const relayed = relay(pool, { socket, stream: 'shop', signal: stop.signal, report: (what) => void said.push(what) });
  try {
    await work(said);
  } finally {
    stop.abort();
    await relayed;
  }
}

test('an event that is emitted again is the same one, in the agent after kill -9, too', async () => {
  await using home = await makeHome();
  const { agent, socket } = await start(home);
  const event = { '@timestamp': new Date(), event: { id: 'one', action: 'login' } };
  const first = await emit(event, { socket, stream: 'logins' });
  assert.deepEqual([first.stream, first.first, first.last, first.duplicate], ['logins', 1, 1, false]);
  await agent.kill9();
  const { agent: again } = await start(home);
  assert.deepEqual(await emit(event, { socket, stream: 'logins' }), { ...first, duplicate: true });
  await assert.rejects(emit({ event: { id: 'one', action: 'logout' } }, { socket, stream: 'logins' }), (error) => {
    assert.equal((error as AuditError).status, 409);
    return true;
  });
  assert.equal((await emit({ event: { action: 'login' } }, { socket, stream: 'logins' })).first, 2);
  await again.stop();
});

test('events and rows go over https, with a token', { skip: noPostgres }, async () => {
  await using postgres = await startPostgres();
  await using home = await makeHome();
  const pool = postgres.pool();
  await pool.query(schema);
  await makeCertificates(home.dir);
  const [token, port] = ['a-secret', await freePort()];
  const tokens = { shop: createHash('sha256').update(token).digest('hex') };
  const own = home.path('server-chain.pem');
  const tls = { cert_file: own, key_file: own };
  const agent = await home.start({ audit: { listen: [`https://127.0.0.1:${port}`], tls, tokens } });
  const address = { url: `https://localhost:${port}`, token, ca: readFileSync(home.path('ca.pem'), 'utf8') };
  assert.equal((await emit({ event: { action: 'login' } }, address)).stream, 'shop');
  await assert.rejects(emit({}, { ...address, token: 'another' }), { name: 'AuditError', status: 401 });
  for (const id of names(30)) await inTransaction(pool, { event: { id } });
  const stop = new AbortController();
  const relayed = relay(pool, { ...address, stream: 'orders', signal: stop.signal });
  await moved(pool);
  stop.abort();
  assert.deepEqual(await relayed, { events: 30, refused: 0 });
  await untilHas(agent, 'orders', 30);
  await agent.stop();
});

test('rows that a restored database has once more are not taken twice', { skip: noPostgres }, async () => {
  await using postgres = await startPostgres();
  await using home = await makeHome();
  const pool = postgres.pool();
  const { agent, socket } = await start(home);
  await pool.query(schema);
  for (const id of names(50)) await inTransaction(pool, { event: { id } });
  await pool.query('CREATE TABLE backup AS SELECT id, payload FROM audit_outbox');
  await relaying(pool, socket, () => moved(pool));
  await untilHas(agent, 'shop', 50);
  await pool.query('DELETE FROM audit_outbox_streams');
  await pool.query('INSERT INTO audit_outbox (id, payload) SELECT id, payload FROM backup ORDER BY id');
  for (const id of names(50, 50)) await inTransaction(pool, { event: { id } });
  await relaying(pool, socket, () => moved(pool));
  await untilHas(agent, 'shop', 100);
  await agent.stop();
});

test('what the agent refuses is set aside; the rest goes on, and it too when the cause is gone', {
  skip: noPostgres,
}, async () => {
  await using postgres = await startPostgres();
  await using home = await makeHome();
  const pool = postgres.pool();
  await pool.query(schema);
  const { agent, socket } = await start(home, { required_fields: ['user.id'] });
  const has = (id: string) => Number(id.slice(2)) % 10 !== 3;
  for (const id of names(40)) await inTransaction(pool, { event: { id }, ...(has(id) && { user: { id: 'u' } }) });
  await relaying(pool, socket, async (said) => {
    await moved(pool);
    await until('it says so', () => said.filter((what) => what.includes('refuses event')).length === 4);
  });
  await untilHas(agent, 'shop', 36);
  const { rows } = await pool.query('SELECT id, refused FROM audit_outbox ORDER BY position');
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['e-3', 'e-13', 'e-23', 'e-33'],
  );
  for (const { refused } of rows) assert.match(refused, /^422 \(.*\) .*"missing":\["user\.id"\]/);
  await agent.stop();
  const { agent: lenient } = await start(home);
  await pool.query('UPDATE audit_outbox SET refused = NULL');
  await relaying(pool, socket, () => moved(pool));
  await untilHas(lenient, 'shop', 40);
  await lenient.stop();
});

test('a relay that is stopped loses the stream, and does no harm when it wakes up', { skip: noPostgres }, async () => {
  await using postgres = await startPostgres();
  await using home = await makeHome();
  const pool = postgres.pool();
  await pool.query(schema);
  const { agent, socket } = await start(home);
  const stopped = spawn(process.execPath, [PROGRAM, 'relay', postgres.dir, socket, 'shop'], { stdio: 'ignore' });
  try {
    for (const id of names(500)) await inTransaction(pool, { event: { id } });
    await eventually('it is at work', async () => (await sequence(agent, 'shop')) > 0);
    stopped.kill('SIGSTOP');
    await pool.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
    await relaying(pool, socket, async () => {
      for (const id of names(100, 500)) await inTransaction(pool, { event: { id } });
      await moved(pool);
      stopped.kill('SIGCONT');
      for (const id of names(400, 600)) await inTransaction(pool, { event: { id } });
      await moved(pool);
    });
    await untilHas(agent, 'shop', 1000);
    for (const id of names(100, 1000)) await inTransaction(pool, { event: { id } });
    await moved(pool);
    await untilHas(agent, 'shop', 1100);
    const ended = once(stopped, 'exit');
    stopped.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  } finally {
    stopped.kill('SIGKILL');
  }
  await agent.stop();
});

test('an agent whose data are gone gets what was not yet taken, under new numbers', { skip: noPostgres }, async () => {
  await using postgres = await startPostgres();
  await using home = await makeHome();
  const pool = postgres.pool();
  await pool.query(schema);
  const { agent, socket } = await start(home);
  await relaying(pool, socket, async (said) => {
    for (const id of names(20)) await inTransaction(pool, { event: { id } });
    await moved(pool);
    await agent.kill9();
    await rm(home.dataDir, { recursive: true });
    const { agent: other } = await start(home);
    for (const id of names(20, 20)) await inTransaction(pool, { event: { id } });
    await moved(pool);
    await untilHas(other, 'shop', 20);
    assert.match(said.join('\n'), /does not go by these numbers: 409 .*"expected":1\}; they begin anew/);
    await other.stop();
  });
});
