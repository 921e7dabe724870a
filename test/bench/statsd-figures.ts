/**
 * The StatsD source at the rates of its targets: each a process of its own (statsd.ts), which prints what it measured;
 * then the agent, which tails a file at full speed meanwhile.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freshTopic } from '../support/kafka.ts';
import { writeAccessLog } from './access-log.ts';
import { AgentProcess } from './agent.ts';
import { type Bench, type Figure, progress } from './bench.ts';
import { startEtsy } from './statsd-etsy.ts';

interface Measured {
  received: number;
  lost: number;
  core: number;
  us_a_line: number;
}

const SECONDS = '5';
/** As where systemd has booted, or systemd/60-runnel.conf is: in a network of its own, for root only. */
const LONG_QUEUE = ['unshare', '-n', 'sh', '-c', 'echo 512 > /proc/sys/net/unix/max_dgram_qlen && exec "$@"', 'sh'];
const run = promisify(execFile);

export async function statsd(bench: Bench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { rate, core, perPacket = 15, over = 'udp' } of [
    { rate: 1_000_000, core: 0.15 },
    { rate: 4_000_000, core: 1 },
    { rate: 200_000, core: 1, perPacket: 1 },
    { rate: 1_000_000, core: 0.3, over: 'unixgram' },
  ]) {
    const { received, lost, core: took } = await measure(rate, 1000, 'c', perPacket, over);
    const name = `statsd, ${over}, ${rate / 1e6} M lines/s, ${perPacket} a packet`;
    figures.push(
      { name, value: received / 1e6, unit: 'M lines/s', at_least: (rate / 1e6) * (over === 'udp' ? 0.98 : 0.9) },
      { name, value: lost, unit: 'lines lost', at_most: 0 },
      { name, value: took, unit: 'cores', at_most: core },
    );
  }
  return [...figures, ...(await manyContexts(bench)), ...(await besideTail(bench)), ...(await besideEtsy(bench))];
}

/** The agent as it is published, with all that it does besides; its memory before is that of one without StatsD's thread. */
async function manyContexts({ main, dir }: Bench): Promise<Figure[]> {
  const out = join(dir, 'statsd-loop-delay');
  const preload = new URL('./loop-delay.mjs', import.meta.url);
  preload.searchParams.set('out', out);
  const node = ['--import', preload.href];
  const include = join(dir, 'no-such-file.log');
  const agent = await AgentProcess.start({ main, dir, brokers: null, topic: 'bench', include, metrics: true, node });
  let listener = (await agent.status())?.statsd.listeners[0];
  for (; !listener; listener = (await agent.status())?.statsd.listeners[0]) await sleep(50);
  await sleep(1000);
  const idle = agent.memory().now;
  const sender = new URL('./statsd-sender.ts', import.meta.url).pathname;
  const port = listener.address.split(':').at(-1)!;
  // Two windows are written out meanwhile.
  await run(process.execPath, [sender, port, '300000', '22', '100000']);
  const { peak } = agent.memory();
  const drops = (await agent.status())!.statsd.listeners[0]!.kernel_drops;
  await agent.stop();
  const name = 'statsd, 100 k contexts';
  return [
    { name, value: peak, unit: 'MB', at_most: 110 },
    { name: `${name}, of that StatsD's`, value: peak - idle, unit: 'MB' },
    { name: `${name}, flush`, value: Number(readFileSync(out, 'utf8')), unit: 'ms loop p99', at_most: 20 },
    // All of them come for the first time at once: each is read by the grammar, which takes some microseconds.
    { name, value: drops, unit: 'datagrams lost' },
  ];
}

async function measure(rate: number, series: number, kind: string, perPacket = 15, over = 'udp'): Promise<Measured> {
  const bench = new URL('./statsd.ts', import.meta.url).pathname;
  const args = [bench, String(rate), SECONDS, String(series), kind, String(perPacket), over];
  const before = over === 'unixgram' && process.getuid?.() === 0 ? LONG_QUEUE : [];
  const [program, ...rest] = [...before, process.execPath, ...args];
  const { stdout } = await run(program!, rest);
  return JSON.parse(stdout) as Measured;
}

/** The same lines for both, at a rate that etsy's takes as well. */
async function besideEtsy({ dir }: Bench): Promise<Figure[]> {
  const etsy = await startEtsy(dir);
  if (typeof etsy === 'string') {
    progress(`without etsy's statsd: ${etsy}`);
    return [];
  }
  await using _ = etsy;
  const sender = new URL('./statsd-sender.ts', import.meta.url).pathname;
  const send = async (seconds: number) => {
    const { stdout } = await run(process.execPath, [sender, String(etsy.port), '100000', String(seconds), '1000']);
    await etsy.flushed();
    return (JSON.parse(stdout) as { lines: number }).lines;
  };
  await send(2);
  const before = { lines: etsy.received(), cpu: etsy.cpu() };
  const sent = await send(Number(SECONDS));
  const lines = etsy.received() - before.lines;
  const etsys = ((etsy.cpu() - before.cpu) / lines) * 1e6;
  const ours = await measure(100_000, 1000, 'c');
  const name = 'statsd, 0.1 M lines/s';
  return [
    { name: `${name}: CPU a line, that of etsy's by ours`, value: etsys / ours.us_a_line, unit: 'x', at_least: 1 },
    { name: `${name}, etsy's`, value: sent - lines, unit: 'lines lost' },
    { name, value: ours.lost, unit: 'lines lost', at_most: 0 },
  ];
}

/** 300 k lines/s while a file is read from its beginning. */
async function besideTail({ main, dir, kafka, lines }: Bench): Promise<Figure[]> {
  const include = join(dir, 'beside-statsd.log');
  writeAccessLog(include, lines * 2);
  const topic = await freshTopic(kafka.brokers, 'bench-statsd');
  await using agent = await AgentProcess.start({ main, dir, brokers: kafka.brokers, topic, include, metrics: true });
  const listener = async () => (await agent.status())?.statsd.listeners[0];
  let before = await listener();
  while (!before || ((await agent.tailed())?.lines ?? 0) === 0) {
    await sleep(10);
    before = await listener();
  }
  const sender = new URL('./statsd-sender.ts', import.meta.url).pathname;
  const port = before.address.split(':').at(-1)!;
  const first = (await agent.tailed())!.lines;
  const { stdout } = await run(process.execPath, [sender, port, '300000', '3', '1000']);
  const tailed = (await agent.tailed())!.lines - first;
  const sent = JSON.parse(stdout) as { lines: number; seconds: number };
  await sleep(1500);
  const after = (await listener())!;
  const name = 'statsd, 0.3 M lines/s beside a file at full speed';
  return [
    { name, value: sent.lines - (after.lines - before.lines), unit: 'lines lost', at_most: 0 },
    { name: `${name}: the file`, value: tailed / sent.seconds / 1e6, unit: 'M lines/s' },
  ];
}
