/** The outbox in a real PostgreSQL, and relays whose agent answers wrongly, late, twice or not at all. */
// Slow: starts PostgreSQL.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, suite, test } from 'node:test';
import type pg from 'pg';
import { inTransaction, type Relayed, type RelayOptions, relay, ring, schema } from '../../src/client/audit.ts';
import { AuditPeer } from '../support/audit-peer.ts';
import { noPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { eventually, until } from '../support/until.ts';

suite('the outbox', { skip: noPostgres, timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-outbox-'));
  let postgres: Postgres;
  let pool: pg.Pool;
  let peer: AuditPeer;
  let relays: Running[] = [];

  before(async () => {
    postgres = await startPostgres();
    pool = postgres.pool();
  });
  beforeEach(async () => {
    await pool.query('DROP TABLE IF EXISTS audit_outbox, audit_outbox_streams');
    await pool.query(schema);
    peer = await AuditPeer.start(join(dir, 'audit.sock'));
  });
  after(async () => {
    await postgres?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  class Running {
    readonly said: string[] = [];
    readonly #stop = new AbortController();
    readonly #result: Promise<Relayed>;

    constructor(options: Partial<RelayOptions> = {}, of: pg.Pool = pool) {
      const { signal } = this.#stop;
      const report = (what: string) => void this.said.push(what);
      this.#result = relay(of, { socket: peer.socket, stream: 'shop', report, ...options, signal });
      relays.push(this);
    }

    async stop(): Promise<Relayed> {
      this.#stop.abort();
      return this.#result;
    }
  }

  /** Runs `work`, then ends what it began. */
  const scenario = (name: string, work: () => Promise<void>) =>
    test(name, async () => {
      try {
        await work();
      } finally {
        await Promise.all(relays.map((running) => running.stop()));
        relays = [];
        await peer[Symbol.asyncDispose]();
      }
    });

  const insert = async (ids: readonly string[], options = {}) => {
    for (const id of ids) await inTransaction(pool, { event: { id } }, options);
  };
  const names = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `e-${from + i}`);
  const count = async () => Number((await pool.query('SELECT count(*) FROM audit_outbox')).rows[0].count);
  const moved = () => eventually('the outbox is empty', async () => (await count()) === 0);

  scenario('events are those of the transactions that committed, in their order', async () => {
    const running = new Running();
    await pool.query('CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY)');
    const committed: string[] = [];
    for (let i = 0; i < 30; i++) {
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO orders VALUES ($1)', [`o-${i}`]);
      const { id } = await inTransaction(client, { event: { action: 'order' }, order: { id: `o-${i}` } });
      if (i % 3 === 0) await client.query('ROLLBACK');
      else {
        await client.query('COMMIT');
        committed.push(id);
        ring(pool);
      }
      client.release();
    }
    await moved();
    assert.deepEqual(peer.ids, committed);
    assert.deepEqual(await running.stop(), { events: 20, refused: 0 });
    for (const { stream } of peer.taken) assert.equal(stream, 'shop');
    const { rows } = await pool.query('SELECT id FROM orders');
    assert.equal(rows.length, 20);
  });

  scenario('schema may be run again, by many at once, and leaves rows where they are', async () => {
    await insert(['one']);
    await Promise.all(Array.from({ length: 8 }, () => pool.query(schema)));
    assert.equal(await count(), 1);
  });

  scenario('writing needs INSERT on one table, relaying nothing of the business', async () => {
    await pool.query(`DROP ROLE IF EXISTS app; DROP ROLE IF EXISTS mover; CREATE ROLE app LOGIN; CREATE ROLE mover LOGIN;
      GRANT INSERT ON audit_outbox TO app; GRANT SELECT, UPDATE, DELETE ON audit_outbox TO mover;
      GRANT SELECT, INSERT, UPDATE ON audit_outbox_streams TO mover`);
    const app = postgres.pool({ user: 'app' });
    const { id } = await inTransaction(app, { event: { action: 'login' } });
    await assert.rejects(app.query('DELETE FROM audit_outbox'), /permission denied/);
    await app.end();
    const mover = postgres.pool({ user: 'mover' });
    const running = new Running({}, mover);
    await moved();
    await running.stop();
    await mover.end();
    assert.deepEqual(peer.ids, [id]);
    await pool.query('DROP OWNED BY app, mover; DROP ROLE app; DROP ROLE mover');
  });

  scenario('an id that waits already fails the transaction', async () => {
    await insert(['one']);
    await assert.rejects(insert(['one']), /duplicate key/);
  });

  scenario('the bytes arrive as they were written', async () => {
    const text =
      '{ "event": {"id": "by-hand"}, "n": 1.50, "@timestamp": "2026-11-30T12:00:00.000Z",\n "ü": "\\u0000" }';
    await pool.query('INSERT INTO audit_outbox (id, payload) VALUES ($1, $2)', ['by-hand', text]);
    new Running();
    await moved();
    assert.equal(peer.taken[0]!.text, text.replace('\n', ' '));
    await assert.rejects(pool.query("INSERT INTO audit_outbox (id, payload) VALUES ('x', ' ')"), /violates check/);
  });

  scenario('a batch is sent again as it was, whatever happens to the answer', async () => {
    await insert(names(20));
    const faults = ['lost', { status: 503 }, 'lost', { status: 429 }, { status: 500 }, { status: 403 }] as const;
    peer.fault = () => faults[peer.requests.length - 1] ?? null;
    const running = new Running();
    await moved();
    assert.deepEqual(peer.ids, names(20));
    assert.equal(peer.requests.length, faults.length + 1);
    assert.equal(new Set(peer.requests.map(({ lines, ...r }) => `${r.producer} ${r.sequence} ${lines}`)).size, 1);
    assert.match(
      running.said.join('\n'),
      /^audit relay of shop: the agent at \S+: socket hang up; it is tried again$/m,
    );
    assert.match(running.said.join('\n'), /503; it is tried again$/m);
    assert.equal(running.said.at(-1), 'audit relay of shop: goes on');
  });

  scenario('it waits for an agent that is away, and for one that never answers until it is ended', async () => {
    await peer.close();
    const running = new Running();
    await insert(names(5));
    await until('it says so', () => running.said.some((what) => /ECONNREFUSED|ENOENT/.test(what)));
    await peer.listen();
    await moved();
    peer.fault = () => 'silent';
    const asked = peer.requests.length;
    await insert(names(5, 5));
    await until('it was asked', () => peer.requests.length > asked);
    assert.deepEqual(await running.stop(), { events: 5, refused: 0 });
    peer.fault = () => null;
    new Running();
    await moved();
    assert.deepEqual(peer.ids, names(10));
  });

  scenario('a relay goes on with what the one before has numbered, under its numbers and a higher epoch', async () => {
    await insert(names(7));
    peer.fault = () => 'lost';
    const first = new Running();
    await until('they are taken', () => peer.taken.length === 7);
    await first.stop();
    peer.fault = () => null;
    await insert(names(3, 7));
    new Running();
    await moved();
    assert.deepEqual(peer.ids, names(10));
    const before = peer.requests[0]!;
    const [again, next] = peer.requests.slice(-2);
    assert.deepEqual([again!.producer, again!.sequence, again!.lines], [before.producer, 1, before.lines]);
    assert.ok(again!.epoch > before.epoch);
    assert.deepEqual([next!.sequence, next!.lines.length], [1, 3]);
    assert.notEqual(next!.producer, before.producer);
  });

  scenario('of two relays of a stream one is at work, and the other takes its place', async () => {
    const [first, second] = [new Running(), new Running()];
    await insert(names(50));
    await moved();
    assert.equal(new Set(peer.requests.map(({ producer }) => producer)).size, 1);
    const atWork = (await pool.query("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")).rows;
    assert.equal(atWork.length, 1);
    await pool.query('SELECT pg_terminate_backend($1)', [atWork[0].pid]);
    await insert(names(50, 50));
    await moved();
    assert.deepEqual(peer.ids, names(100));
    const sum = (await first.stop()).events + (await second.stop()).events;
    assert.equal(sum, 100);
  });

  scenario('a relay that slept while another took over changes nothing when it wakes up', async () => {
    await insert(names(4));
    let release: () => void = () => undefined;
    const asleep = new Promise<void>((resolve) => (release = resolve));
    // Its connection stays, and with it the lock: as behind a pooler that gives the session to another.
    const sleepy = {
      connect: async () => {
        const client = await pool.connect();
        return new Proxy(client, {
          get: (target, name) => {
            if (name !== 'query') return Reflect.get(target, name, target);
            return async (text: string, values?: unknown[]) => {
              if (text.includes('gone AS')) await asleep;
              return target.query(text, values);
            };
          },
        });
      },
    };
    const first = new Running({}, sleepy as unknown as pg.Pool);
    await eventually(
      'it is at work',
      async () => (await pool.query('SELECT FROM audit_outbox_streams')).rows.length === 1,
    );
    await pool.query('UPDATE audit_outbox_streams SET epoch = epoch + 1');
    release();
    await moved();
    assert.deepEqual(peer.ids, names(4));
    assert.deepEqual([...new Set(peer.requests.map(({ epoch }) => epoch))], [3]);
    await first.stop();
  });

  scenario('an agent that has forgotten gets the rest under new numbers', async () => {
    const running = new Running();
    await insert(names(5));
    await moved();
    peer.forget();
    await insert(names(5, 5));
    await moved();
    assert.deepEqual(peer.ids, names(10));
    assert.match(running.said.join('\n'), /does not go by these numbers: 409 \{"expected":1\}; they begin anew/);
  });

  scenario('what was numbered before a backup is not given out again after it is restored', async () => {
    const first = new Running();
    await insert(names(3));
    await moved();
    const before = (await pool.query('SELECT * FROM audit_outbox_streams')).rows[0];
    await insert(names(3, 3));
    await moved();
    await first.stop();
    await pool.query('UPDATE audit_outbox_streams SET epoch = $1, producer = $2, last = $3', [
      ...[before.epoch, before.producer, before.last],
    ]);
    await insert(names(3, 6));
    new Running();
    await moved();
    assert.deepEqual(peer.ids, names(9));
  });

  scenario('what the agent will never take is set aside with the reason, and the others go on', async () => {
    const bad = ['e-3', 'e-40', 'e-41'];
    peer.fault = ({ lines }) =>
      lines.some((line) => bad.includes(JSON.parse(line).event.id))
        ? { status: 422, body: { missing: ['user.id'] } }
        : null;
    await insert(names(60));
    const running = new Running();
    await eventually('the others are moved', async () => (await count()) === 3);
    assert.deepEqual(
      peer.ids,
      names(60).filter((id) => !bad.includes(id)),
    );
    const { rows } = await pool.query('SELECT id, refused, sequence FROM audit_outbox ORDER BY position');
    assert.deepEqual(
      rows,
      bad.map((id) => ({ id, refused: '422 {"missing":["user.id"]}', sequence: null })),
    );
    assert.match(
      running.said.join('\n'),
      /refuses event e-40: 422 .* stays in audit_outbox with this reason in refused/,
    );
    peer.fault = () => null;
    await pool.query('UPDATE audit_outbox SET refused = NULL');
    await moved();
    assert.deepEqual(await running.stop(), { events: 60, refused: 3 });
    assert.deepEqual([...peer.ids].sort(), names(60).sort());
  });

  scenario("rows of a name are that relay's, others any relay's; each goes once", async () => {
    await insert(names(20), { stream: 'shop' });
    await insert(names(20, 20), { stream: 'bank' });
    await insert(names(200, 40));
    new Running({ stream: 'shop' });
    new Running({ stream: 'bank' });
    await moved();
    assert.deepEqual([...peer.ids].sort(), names(240).sort());
    const of = (name: string) => peer.taken.filter(({ stream }) => stream === name).map(({ id }) => id);
    assert.deepEqual(
      of('shop').filter((id) => names(40).includes(id)),
      names(20),
    );
    assert.deepEqual(
      of('bank').filter((id) => names(40).includes(id)),
      names(20, 20),
    );
  });

  scenario('a request has at most 500 events, and no more bytes than the agent takes', async () => {
    await pool.query(`INSERT INTO audit_outbox (id, payload)
      SELECT 'e-' || i, json_build_object('event', json_build_object('id', 'e-' || i))::text FROM generate_series(0, 1199) i`);
    await pool.query(`INSERT INTO audit_outbox (id, payload)
      SELECT 'e-' || i, json_build_object('event', json_build_object('id', 'e-' || i), 'x', repeat('x', 250000))::text
      FROM generate_series(1200, 1209) i`);
    new Running();
    await moved();
    assert.deepEqual(peer.ids, names(1210));
    assert.deepEqual(
      peer.requests.map(({ lines }) => lines.length),
      [500, 500, 203, 3, 3, 1],
    );
  });

  scenario('it goes on through a database that is killed, stopped or without its tables', async () => {
    await pool.query('DROP TABLE audit_outbox, audit_outbox_streams');
    const running = new Running();
    await until('it says so', () => running.said.some((what) => what.includes('does not exist')));
    await pool.query(schema);
    await insert(names(5));
    await moved();
    await postgres.kill();
    await until('it says so', () => running.said.some((what) => /terminat|ECONNREFUSED|ENOENT/.test(what)));
    await postgres.start();
    await insert(names(5, 5));
    await moved();
    postgres.freeze();
    const stopped = running.stop();
    await stopped;
    postgres.thaw();
    assert.deepEqual(peer.ids, names(10));
  });

  scenario('options that can never do are refused at once', async () => {
    await assert.rejects(relay(pool, { socket: '/x', stream: 'Not A Name' }), /a stream is named by/);
    await assert.rejects(relay(pool, { stream: 'shop' }), /one of the two/);
  });

  scenario('a bell rings once for many commits', async () => {
    new Running();
    await insert(['first']);
    await moved();
    const listener = await pool.connect();
    let rings = 0;
    listener.on('notification', () => rings++);
    await listener.query('LISTEN audit_outbox');
    for (let i = 0; i < 100; i++) ring(pool);
    await until('it rang', () => rings > 0);
    await pool.query('SELECT pg_sleep(0.05)');
    assert.equal(rings, 1);
    await listener.query('UNLISTEN *');
    listener.release();
  });
});
