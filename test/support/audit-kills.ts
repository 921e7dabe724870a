/**
 * The way of an audit event from the transaction of its business to Kafka, with each part killed at any moment: who writes,
 * who relays, the agent, the database, the broker. In the end business and audit must be the same, each event once.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isIntact, readAuditRecord } from '../../src/audit/record.ts';
import { schema } from '../../src/client/audit.ts';
import { makeHome, type RunningAgent, runnel } from './agent.ts';
import { type CommittedRecord, type Marker, readCommitted } from './committed.ts';
import { createTopic, startKafka } from './kafka.ts';
import { freePort } from './ports.ts';
import { startPostgres } from './postgres.ts';
import { eventually } from './until.ts';

const PROGRAM = new URL('audit-process.ts', import.meta.url).pathname;
const STREAM = 'orders';
const TOPIC = 'kills.audit';
const PATIENCE_MS = 120_000;
export const VICTIMS = ['writer', 'relay', 'agent', 'database', 'broker'] as const;
type Victim = (typeof VICTIMS)[number];

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** What `test/support/audit-process.ts` runs, again and again. */
class Program {
  readonly #args: readonly string[];
  #child: ChildProcess;
  said = '';

  constructor(...args: string[]) {
    this.#args = args;
    this.#child = this.#start();
  }

  #start(): ChildProcess {
    const child = spawn(process.execPath, [PROGRAM, ...this.#args], { stdio: ['ignore', 'ignore', 'pipe'] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.said = (this.said + text).slice(-50_000);
    });
    return child;
  }

  start(): void {
    this.#child = this.#start();
  }

  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** Its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, 'exit');
    }
    return child.exitCode;
  }
}

export interface AuditKilled {
  kills: Record<Victim, number>;
  /** Transactions that committed, and events in Kafka. */
  committed: number;
  epochs: number;
  seconds: number;
}

/** Each round kills one part, or two, `pause(round)` milliseconds after the last; then waits until it is there again. */
export async function killAudit(rounds: number, pause: (round: number) => number): Promise<AuditKilled> {
  const began = performance.now();
  // What was written outlives a process that is killed, synced or not.
  const [kafka, postgres] = await Promise.all([startKafka(), startPostgres({ settings: { fsync: 'off' } })]);
  const home = await makeHome();
  const pool = postgres.pool();
  const programs: Program[] = [];
  try {
    await createTopic(kafka.brokers, TOPIC, { partitions: 3 });
    await pool.query(schema);
    await pool.query('CREATE TABLE orders (id uuid PRIMARY KEY)');
    const socket = home.path('audit.sock');
    const config = {
      kafka: { brokers: [kafka.brokers], topic_prefix: 'kills' },
      admin: { listen: `127.0.0.1:${await freePort()}` },
      audit: { listen: [`unix://${socket}`], seal: { every: 200, interval: '5s' } },
    };
    let agent: RunningAgent = await home.start(config);
    const writer = new Program('writer', postgres.dir);
    const relays = [0, 1].map(() => new Program('relay', postgres.dir, socket, STREAM));
    programs.push(writer, ...relays);
    /** One that stands still loses the stream to the other, and wakes up in the middle of what it did. */
    const stopped = async () => {
      for (const one of relays) one.freeze();
      const lost = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'";
      // The database may be gone, too.
      await pool.query(lost).catch(() => undefined);
      const [first, second] = randomInt(2) === 0 ? relays : [...relays].reverse();
      first!.thaw();
      return async () => {
        await sleep(Math.random() * 500);
        second!.thaw();
      };
    };
    const kill: Record<Victim, () => Promise<() => Promise<unknown> | unknown>> = {
      writer: async () => {
        await writer.end('SIGKILL');
        return () => writer.start();
      },
      relay: async () => {
        // One of them is at work; nobody is where it is both.
        const which = [relays.slice(0, 1), relays.slice(1), relays, null][randomInt(4)]!;
        if (which === null) return stopped();
        await Promise.all(which.map((one) => one.end('SIGKILL')));
        return () => {
          for (const one of which) one.start();
        };
      },
      agent: async () => {
        await agent.kill9();
        return async () => {
          agent = await home.start(config);
        };
      },
      database: async () => {
        await postgres.kill();
        return () => postgres.start();
      },
      broker: async () => {
        await kafka.kill();
        return () => kafka.start();
      },
    };
    const kills = { writer: 0, relay: 0, agent: 0, database: 0, broker: 0 };
    const committed = async () => Number((await pool.query('SELECT count(*) FROM orders')).rows[0].count);
    for (let round = 0; round < rounds; round++) {
      await sleep(pause(round));
      const first = VICTIMS[round % VICTIMS.length]!;
      const second = Math.random() < 0.2 ? VICTIMS[randomInt(VICTIMS.length)]! : first;
      const victims = [...new Set([first, second])];
      const revive = await Promise.all(victims.map((victim) => kill[victim]()));
      for (const victim of victims) kills[victim]++;
      await sleep(Math.random() * 300);
      await Promise.all(revive.map((again) => again()));
    }
    const before = await committed();
    await eventually('business goes on', async () => (await committed()) > before);
    assert.equal(await writer.end('SIGTERM'), 0, writer.said);
    const waiting = async () => Number((await pool.query('SELECT count(*) FROM audit_outbox')).rows[0].count);
    await eventually('the outbox is empty', async () => (await waiting()) === 0, PATIENCE_MS);
    for (const one of relays) assert.equal(await one.end('SIGTERM'), 0, one.said);
    await agent.until(({ conservation }) => conservation.total.in_flight === 0, 'all is in Kafka', PATIENCE_MS);
    await agent.stop();
    const orders = (await pool.query('SELECT id FROM orders')).rows.map(({ id }) => String(id));
    const [{ epoch }] = (await pool.query('SELECT epoch FROM audit_outbox_streams')).rows;
    const markers: Marker[] = [];
    compare(orders, await readCommitted(kafka.brokers, TOPIC, undefined, markers), markers);
    await verified(await home.configure(config), orders.length);
    const seconds = Math.round((performance.now() - began) / 1000);
    return { kills, committed: orders.length, epochs: Number(epoch), seconds };
  } finally {
    for (const one of programs) await one.end('SIGKILL');
    await home[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
    await kafka.stop();
  }
}

/** `runnel audit verify` says so, too. */
async function verified(config: string, events: number): Promise<void> {
  const { code, stdout, stderr } = await runnel('audit', 'verify', '-c', config, '--json');
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const { streams } = JSON.parse(stdout) as { streams: { stream: string; count: number; findings: object[] }[] };
  assert.deepEqual(
    streams.map(({ stream, count, findings }) => ({ stream, count, findings })),
    [{ stream: STREAM, count: events, findings: [] }],
  );
}

/** Each order has its event, once; no event is of an order that was rolled back; the chain is whole. */
function compare(orders: readonly string[], found: readonly CommittedRecord[], markers: readonly Marker[]): void {
  const events = found.map(({ value }) => value).filter((value) => !('seal' in JSON.parse(value)));
  const ids = events.map((value) => JSON.parse(value).event.id as string);
  const audited = new Set(ids);
  const business = new Set(orders);
  const missing = orders.filter((id) => !audited.has(id));
  const alien = ids.filter((id) => !business.has(id));
  const records = events.map((value) => readAuditRecord(Buffer.from(value))!);
  // Of events that are there twice: the same record again, or another one.
  const repeated = events.length - new Set(events).size;
  const differences = { missing, alien, twice: ids.length - audited.size, repeated };
  const none = { missing: [], alien: [], twice: 0, repeated: 0 };
  const places = `missing numbers: ${gapsIn(records.map(({ sequence }) => sequence))}\n${placesOfRepeats(found, markers)}`;
  assert.deepEqual(differences, none, `${JSON.stringify(differences)}\n${places}`);
  let previous = '0'.repeat(64);
  for (const [i, record] of records.entries()) {
    assert.deepEqual([record.sequence, record.previous, isIntact(record)], [i + 1, previous, true], `number ${i + 1}`);
    previous = record.hash;
  }
}

/** Which numbers of the chain are not there: what a whole transaction held, if Kafka has lost it. */
function gapsIn(sequences: readonly number[]): string {
  const sorted = sequences.toSorted((a, b) => a - b);
  const gaps = sorted.flatMap((next, i) => {
    const expected = (sorted[i - 1] ?? 0) + 1;
    return next > expected ? [`${expected} to ${next - 1}`] : [];
  });
  return gaps.join(', ') || 'none';
}

/** Where records lie that are there again, and how the transactions around them ended: what a rare fault leaves to be seen. */
function placesOfRepeats(found: readonly CommittedRecord[], markers: readonly Marker[]): string {
  const first = new Map<string, CommittedRecord>();
  const lines: string[] = [];
  let near: [number, number] = [Number.POSITIVE_INFINITY, 0];
  for (const record of found) {
    const before = first.get(record.value);
    if (!before) {
      first.set(record.value, record);
      continue;
    }
    const { partition, offset, producer } = record;
    lines.push(`${before.partition}: ${before.offset} of ${before.producer}, ${partition}: ${offset} of ${producer}`);
    near = [Math.min(near[0], before.offset), Math.max(near[1], offset)];
  }
  const ends = markers.filter(({ offset }) => offset > near[0] - 1000 && offset < near[1] + 1000);
  const said = ends.map(({ partition, offset, producer, isCommit }) => {
    return `${partition}: ${offset} ${isCommit ? 'commits' : 'aborts'} ${producer}`;
  });
  return [...lines, ...said].join('\n');
}
