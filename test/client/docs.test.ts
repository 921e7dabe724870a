/** What docs/audit-outbox.md and the package's README say is run as it stands there. */
// Slow: starts PostgreSQL.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type pg from 'pg';
import { AuditPeer } from '../support/audit-peer.ts';
import { directory } from '../support/directory.ts';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { eventually, until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');
const CLIENT = pathToFileURL(join(ROOT, 'src/client/audit.ts')).href;
const PG = import.meta.resolve('pg');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const blocks = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block!);

/** Runs it as a module whose `pool` and `socket` are these. */
async function run(dir: string, name: string, code: string, pool: pg.Pool, socket: string): Promise<void> {
  const file = join(dir, `${name}.mjs`);
  const head = `const { pool, socket } = globalThis.docs;\n`;
  await writeFile(file, head + code.replace("'@runnel/audit'", `'${CLIENT}'`).replace("'pg'", `'${PG}'`));
  Object.assign(globalThis, { docs: { pool, socket } });
  await import(pathToFileURL(file).href);
}

test('docs/audit-outbox.md', { skip: noPostgres }, async (t) => {
  const doc = read('docs/audit-outbox.md');
  const dir = directory(t);
  await using postgres = await startPostgres();
  await using peer = await AuditPeer.start(join(dir, 'audit.sock'));
  const pool = postgres.pool();
  const [tables, login, erasure, ...others] = blocks(doc, 'js');
  assert.equal(others.length, 0);
  const [privileges, waiting, again, personal, erase, ...rest] = blocks(doc, 'sql');
  assert.equal(rest.length, 0);

  Object.assign(process.env, { PGHOST: postgres.dir, PGUSER: 'postgres', PGDATABASE: 'postgres' });
  await run(dir, 'tables', tables!, pool, peer.socket);
  const { rows: columns } = await pool.query(
    "SELECT column_name FROM information_schema.columns WHERE table_name = 'audit_outbox' ORDER BY ordinal_position",
  );
  const table = doc.slice(doc.indexOf('| column of'), doc.indexOf('`audit_outbox_streams` has'));
  const named = [...table.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) => cell!.match(/\w+/g)!);
  assert.deepEqual(
    columns.map(({ column_name }) => column_name),
    named,
  );

  await pool.query(privileges!);
  await run(dir, 'login', login!, pool, peer.socket);
  assert.equal(JSON.parse(peer.taken[0]!.text).event.action, 'login');

  await pool.query(personal!);
  await run(dir, 'erasure', erasure!, pool, peer.socket);
  assert.equal((await pool.query(waiting!)).rows[0].waiting, '1');
  const [{ payload }] = (await pool.query('SELECT payload FROM audit_outbox')).rows;
  const { user } = JSON.parse(payload);
  assert.ok(!payload.includes('ada@'));
  const [select, remove] = erase!.trim().split('\n');
  const asked = select!.replace(/<.*>/, user.email_commitment);
  assert.deepEqual((await pool.query(asked)).rows, [{ value: 'ada@example.com' }]);
  const [{ salt, value }] = (await pool.query('SELECT salt, value FROM personal')).rows;
  assert.equal(createHash('sha256').update(salt).update(value).digest('hex'), user.email_commitment);
  await pool.query(remove!);
  assert.deepEqual((await pool.query(asked)).rows, []);

  await pool.query("UPDATE audit_outbox SET refused = '422'");
  assert.deepEqual({ ...(await pool.query(waiting!)).rows[0] }, { waiting: '0', refused: '1', oldest_seconds: null });
  await pool.query(again!);
  assert.equal((await pool.query(waiting!)).rows[0].waiting, '1');
});

test('the README of the package', { skip: noPostgres }, async (t) => {
  const dir = directory(t);
  await using postgres = await startPostgres();
  await using peer = await AuditPeer.start(join(dir, 'audit.sock'));
  const pool = postgres.pool();
  const [business, relaying] = blocks(read('src/client/README.md'), 'js');
  await pool.query('CREATE TABLE orders (id int, state text)');
  await run(dir, 'business', business!, pool, peer.socket);
  const before = new Set(process.listeners('SIGTERM'));
  const code = `import { relay } from '@runnel/audit';\n${relaying!.replace("'/run/runnel/audit.sock'", 'socket')}`;
  const relayed = run(dir, 'relaying', code, pool, peer.socket);
  await until('the event is taken', () => peer.taken.length === 1);
  assert.deepEqual([peer.taken[0]!.stream, JSON.parse(peer.taken[0]!.text).event.action], ['orders', 'order.approve']);
  await eventually('the outbox is empty', async () => {
    return (await pool.query('SELECT FROM audit_outbox')).rows.length === 0;
  });
  const stop = process.listeners('SIGTERM').find((one) => !before.has(one));
  stop!('SIGTERM');
  await relayed;
  process.removeListener('SIGTERM', stop!);
});
