/**
 * What the StatsD source takes: lines a second, loss, and the share of a core that it costs (the whole process: worker,
 * flushes, main thread). Usage: node test/bench/statsd.ts [lines a second] [seconds] [series] [kind c|g|h|ms] [lines a packet] [udp|unixgram]
 */
import { spawn } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Account } from '../../src/core/account.ts';
import { statsdSource } from '../../src/sources/statsd/statsd.ts';
import { collect } from '../support/output.ts';
import { DEFAULTS, listenOn } from '../support/statsd.ts';

const [rate = 1_000_000, seconds = 5, series = 1000] = process.argv.slice(2, 5).map(Number);
const kind = process.argv[5] ?? 'c';
const perPacket = Number(process.argv[6] ?? 15);
const path = process.argv[7] === 'unixgram' ? `/tmp/runnel-bench-${process.pid}.sock` : null;

const collected = collect();
const account = new Account('statsd');
const stop = new AbortController();
let windows = 0;
const source = statsdSource({
  config: {
    listen: listenOn(path === null ? 'udp://127.0.0.1:0' : `unixgram://${path}`),
    ...DEFAULTS,
    receive_buffer: 16 << 20,
    flush_interval: 2000,
    percentiles: [0.5, 0.95, 0.99],
    max_contexts: 100_000,
    memory: 64 << 20,
  },
  host: 'bench',
  tags: {},
  topic: 'runnel.metrics',
  events: 'runnel.events',
  unbound: 'refused',
  account,
  nextWindowId: () => `bench-${++windows}`,
  onError: (error) => {
    throw error;
  },
});
const running = source.run(collected.output, stop.signal);
await source.ready;
const listener = () => source.status().listeners[0]!;
const to = path ?? listener().address.split(':').at(-1)!;
const file = new URL('./statsd-sender.ts', import.meta.url).pathname;

async function send(rate: number, seconds: number) {
  const args = [file, to, ...[rate, seconds, series].map(String), kind, String(perPacket)];
  const sender = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const sent = JSON.parse(await text(sender.stdout)) as { lines: number; seconds: number };
  await sleep(300);
  return sent;
}

const warm = await send(50_000, 0.5);
// The first datagram starts the worker.
while (listener().lines + listener().kernel_drops * perPacket < warm.lines) await sleep(20);
await sleep(500);
const before = { lines: listener().lines, cpu: process.cpuUsage(), drops: listener().kernel_drops };
// Looking costs 2 % of a core: only where there is something to see.
const loop = monitorEventLoopDelay({ resolution: 1 });
if (series > 10_000) loop.enable();
const sent = await send(rate, seconds);
const lines = listener().lines - before.lines;
const cpu = process.cpuUsage(before.cpu);
const core = (cpu.user + cpu.system) / 1e6;
await sleep(1100);
const out = {
  kind,
  series: source.status().contexts,
  offered: Math.round(sent.lines / sent.seconds),
  received: Math.round(lines / sent.seconds),
  lost: sent.lines - lines,
  kernel_drops: listener().kernel_drops - before.drops,
  core: Number((core / sent.seconds).toFixed(3)),
  us_a_line: Number(((core / lines) * 1e6).toFixed(3)),
  /** Of the main thread, which takes the documents of windows. */
  loop_p99_ms: Number((loop.percentile(99) / 1e6).toFixed(1)),
  rss_mb: Math.round(process.memoryUsage.rss() / 1e6),
};
process.stdout.write(`${JSON.stringify(out)}\n`);
stop.abort();
await running;
if (account.received !== collected.weight() + account.dropped) throw new Error('the books do not balance');
