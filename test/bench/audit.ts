/**
 * Audit events, answered when they are synced, beside INSERT + COMMIT into PostgreSQL on the same disk: in turns, so that
 * what else the machine does shows in both.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { AgentProcess } from './agent.ts';
import { type Bench, type Figure, median, progress } from './bench.ts';

const run = promisify(execFile);
const SENDER = new URL('./audit-sender.ts', import.meta.url).pathname;
const SECONDS = 4;
const LOADS = [
  { clients: 1, batch: 1, at_least: 0.8 },
  { clients: 16, batch: 1, at_least: 0.8 },
  { clients: 64, batch: 1, at_least: 1 },
  { clients: 16, batch: 50, at_least: 5 },
] as const;

interface Sent {
  events: number;
  seconds: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

async function send(...args: (string | number)[]): Promise<Sent> {
  const { stdout } = await run(process.execPath, [SENDER, ...args.map(String)]);
  return JSON.parse(stdout) as Sent;
}

export async function auditFigures({ main, dir, runs }: Bench): Promise<Figure[]> {
  if (noPostgres) throw new Error(noPostgres);
  await using postgres = await startPostgres({ settings: { max_connections: '100' } });
  const pool = postgres.pool();
  await pool.query(
    'CREATE TABLE audit_bench (id bigserial PRIMARY KEY, body text NOT NULL, at timestamptz DEFAULT now())',
  );
  const socket = join(dir, 'audit.sock');
  const more = { audit: { listen: [`unix://${socket}`] } };
  const agent = await AgentProcess.start({ main, dir, brokers: null, topic: 'bench-audit', include: null, more });
  const figures: Figure[] = [];
  try {
    await agent.until(({ audit }) => audit.listeners.length === 1 && audit.listeners[0]!.error === null);
    // Code that was never run is compiled, files begun.
    await send('agent', socket, 4, 1, 10);
    await send('agent', socket, 4, 1, 1);
    await send('postgres', postgres.dir, 4, 1);
    for (const { clients, batch, at_least } of LOADS) {
      const [ratios, tails, costs]: [number[], number[], number[]] = [[], [], []];
      for (let i = 0; i < runs; i++) {
        const theirs = await send('postgres', postgres.dir, clients, SECONDS);
        const before = (await agent.until(() => true)).process.cpu_seconds;
        const ours = await send('agent', socket, clients, SECONDS, batch);
        const cpu = (await agent.until(() => true)).process.cpu_seconds - before;
        progress(`  ${clients} clients, ${batch} a request: ${JSON.stringify({ ours, theirs, cpu })}`);
        ratios.push(ours.events / ours.seconds / (theirs.events / theirs.seconds));
        tails.push(ours.p99 / theirs.p99);
        costs.push((cpu / ours.events) * 1e6);
      }
      const name = batch === 1 ? `audit, ${clients} clients` : `audit, ${clients} clients, NDJSON of ${batch}`;
      figures.push({
        name: `${name}, to PostgreSQL's commits`,
        value: median(ratios),
        unit: 'x',
        at_least,
        runs: ratios,
      });
      if (batch > 1) figures.push({ name: `${name}, CPU`, value: median(costs), unit: 'us an event', at_most: 30 });
      else {
        const target = clients === 16 ? { at_most: 2 } : {};
        figures.push({ name: `${name}, p99 to PostgreSQL's`, value: median(tails), unit: 'x', ...target, runs: tails });
        figures.push({ name: `${name}, CPU`, value: median(costs), unit: 'us an event', runs: costs });
      }
    }
  } finally {
    await agent.stop();
  }
  return figures;
}
