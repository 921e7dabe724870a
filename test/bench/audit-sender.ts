/**
 * Sends audit events as fast as they are answered, or inserts the same into PostgreSQL, a transaction each; prints how many,
 * and how long the answers took.
 *
 *   node test/bench/audit-sender.ts agent SOCKET CLIENTS SECONDS EVENTS_A_REQUEST
 *   node test/bench/audit-sender.ts postgres SOCKET_DIRECTORY CLIENTS SECONDS
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import pg from 'pg';
import { quantile } from './bench.ts';

const [kind, where, ...numbers] = process.argv.slice(2) as [string, string, ...string[]];
const [clients, seconds, batch = 1] = numbers.map(Number) as [number, number, number?];

/** 514 bytes. */
function event(): string {
  return JSON.stringify({
    '@timestamp': new Date().toISOString(),
    event: { id: randomUUID(), action: 'order.approve', outcome: 'success', kind: 'event', category: ['iam'] },
    user: { id: 'u-4711', name: 'ada' },
    source: { ip: '10.0.0.7' },
    related: { user: ['ada', 'bob'] },
    object: { type: 'order', id: '1234567' },
    before: { state: 'new', total: 12.5 },
    after: { state: 'approved', total: 12.5 },
    service: { name: 'shop', version: '1.14.2' },
    trace: { id: randomBytes(16).toString('hex') },
    note: 'approved by the second of two people',
  });
}

function toAgent(): () => Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const type = batch === 1 ? 'application/json' : 'application/x-ndjson';
  return () =>
    new Promise((resolve, reject) => {
      const body = batch === 1 ? event() : Array.from({ length: batch }, () => `${event()}\n`).join('');
      const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
      const asked = request({ socketPath: where, agent, method: 'POST', path: '/v1/audit', headers }, (answer) => {
        const done = () => (answer.statusCode === 201 ? resolve() : reject(new Error(`${answer.statusCode}`)));
        answer.resume().on('end', done);
      });
      asked.on('error', reject);
      asked.end(body);
    });
}

function toPostgres(): () => Promise<void> {
  const pool = new pg.Pool({ host: where, user: 'postgres', database: 'postgres', max: 1 });
  return async () => {
    // One statement is a transaction: it is committed when this resolves.
    await pool.query({ name: 'insert', text: 'INSERT INTO audit_bench (body) VALUES ($1)', values: [event()] });
  };
}

const took: number[] = [];
const began = performance.now();
const end = began + seconds * 1000;
await Promise.all(
  Array.from({ length: clients }, async () => {
    const send = kind === 'agent' ? toAgent() : toPostgres();
    while (performance.now() < end) {
      const at = performance.now();
      await send();
      took.push(performance.now() - at);
    }
  }),
);
const all = { events: took.length * batch, seconds: (performance.now() - began) / 1000 };
process.stdout.write(JSON.stringify({ ...all, p50: quantile(took, 0.5), p99: quantile(took, 0.99) }));
process.exit(0);
