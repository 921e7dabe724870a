/**
 * What rules cost: `node --expose-gc test/bench/alerts.ts` prints the figures as JSON. A window is taken in, when its points
 * come, and evaluated, once they are in place; both on the thread that does all else: its CPU time.
 */
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { keyOf } from '../../src/aggregate/bins.ts';
import { MetricRecords } from '../../src/aggregate/record.ts';
import { Alerting } from '../../src/alerts/alerting.ts';
import { PointReader } from '../../src/alerts/documents.ts';
import { Engine } from '../../src/alerts/engine.ts';
import { AlertJournal } from '../../src/alerts/journal.ts';
import type { MetricPoint } from '../../src/alerts/point.ts';
import type { Rule } from '../../src/alerts/rule.ts';
import { configFrom } from '../../src/options.ts';
import { makeHome } from '../support/agent.ts';
import { alertingAgent } from '../support/alerting-agent.ts';
import { startHooks } from '../support/hooks.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';
import { type Figure, median } from './bench.ts';

const RULES = 20;
const OF_EACH = 1000;
const INTERVAL = 10_000;
const WINDOWS = 400;
const MANY = 2000;
const WARM_UP = 35;
const BINS = 20;
/** Fewer than what one rule is told of at once. */
const VALUES = 15;
/** Beyond every value, and below. */
const NEVER = '> 1e9';
const ALWAYS = '> -1';

interface Asked {
  value: string;
  what?: string;
  /** It is divided by as many others. */
  isRatio?: boolean;
  forecast?: { reaches: number; within: string };
}

const LAST: Asked = { value: 'last' };
const ASKED: readonly Asked[] = [
  LAST,
  { value: 'avg over 5m' },
  { value: 'max over 5m' },
  { value: 'change over 5m' },
  { value: 'p95 over 5m' },
  { value: 'sum over 5m', what: 'ratio over 5m', isRatio: true },
  { value: 'last over 1h', what: 'forecast over 1h', forecast: { reaches: 1e9, within: '1h' } },
];

/** `npm run bench -- alerts`. */
export async function alertFigures(): Promise<Figure[]> {
  const program = fileURLToPath(import.meta.url);
  return JSON.parse(execFileSync(process.execPath, ['--expose-gc', program], { encoding: 'utf8' })) as Figure[];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(await measured()));

async function measured(): Promise<Figure[]> {
  const figures: Figure[] = [];
  const all = `alerts: ${RULES * OF_EACH} instances`;
  for (const asked of ASKED) {
    const { taken, evaluated } = cost(asked, NEVER);
    figures.push({ name: `${all}, ${asked.what ?? asked.value}, evaluated`, value: evaluated, unit: 'ms', at_most: 1 });
    figures.push({ name: `${all}, ${asked.what ?? asked.value}, taken in`, value: taken, unit: 'ms' });
  }
  for (const value of ['last', 'p95 over 5m'])
    figures.push({ name: `${all}, ${value}, all fire`, value: cost({ value }, ALWAYS).evaluated, unit: 'ms' });
  figures.push({ name: `${all}, records read`, value: reading(), unit: 'ms' });
  figures.push({ name: 'alerts: 1000 rules that nothing is of', value: without() * 1000, unit: 'us', at_most: 100 });
  const { well, pending, firing } = await memory();
  figures.push({ name: 'alerts: memory of an instance', value: well, unit: 'B' });
  figures.push({ name: 'alerts: more of one that is pending', value: pending, unit: 'B', at_most: 100 });
  figures.push({ name: 'alerts: more of one that fires', value: firing, unit: 'B', at_most: 100 });
  figures.push({
    name: 'alerts: from a value to the webhook, windows of 1 s',
    value: await told(),
    unit: 'ms',
    at_most: 2000,
  });
  return figures;
}

/** The longest of some, milliseconds: what an interval is, and more. */
async function told(): Promise<number> {
  await using home = await makeHome();
  await using hooks = await startHooks();
  const port = await freePort();
  const agent = await home.start(alertingAgent(port, hooks.url));
  const socket = createSocket('udp4');
  let longest = 0;
  for (let i = 0; i < VALUES; i++) {
    await setTimeout(Math.random() * 1000);
    const sent = performance.now();
    socket.send(`temp:60|g|#room:${i}`, port, '127.0.0.1');
    await until('it is told', () => hooks.taken.length > i);
    longest = Math.max(longest, hooks.taken[i]!.at - sent);
  }
  socket.close();
  await agent.stop();
  return longest;
}

/** Of this thread, milliseconds. */
function cpu(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function rulesOf(count: number, asked: Asked, fire: string, more: object = {}): Rule[] {
  const { value, isRatio = false, forecast } = asked;
  const rules = Array.from({ length: count }, (_, i) => ({
    ...{ name: `r${i}`, metric: `m${i}`, value, ...more },
    ...(forecast ? { forecast } : { fire }),
    ...(isRatio && { of: `of${i}` }),
  }));
  return configFrom({ alerts: { rules } }).alerts.rules;
}

function points({ value, isRatio = false }: Asked): MetricPoint[] {
  const bins = value.startsWith('p')
    ? new Map(Array.from({ length: BINS }, (_, i) => [keyOf(1 + i / 5), 1 + i]))
    : null;
  const samples = (BINS * (BINS + 1)) / 2;
  const all = Array.from({ length: RULES * OF_EACH }, (_, n): MetricPoint => {
    const i = n % OF_EACH;
    const common = {
      name: `m${Math.floor(n / OF_EACH)}`,
      attributes: { path: `/orders/${i}` },
      series: `"path":"${i}"`,
    };
    if (bins) return { ...common, type: 'histogram', value: 600, count: samples, min: 1, max: 5, bins };
    return { ...common, type: 'gauge', value: i, count: 1, min: i, max: i, bins };
  });
  return isRatio ? all.flatMap((one) => [one, { ...one, name: one.name.replace('m', 'of'), value: 1 }]) : all;
}

/** Milliseconds a window: the clock is too coarse for one of them. */
function cost(asked: Asked, fire: string): { taken: number; evaluated: number } {
  const engine = new Engine(rulesOf(RULES, asked, fire));
  const all = points(asked);
  let [taken, evaluated] = [0, 0];
  for (let window = 0; window < WARM_UP + WINDOWS; window++) {
    const now = window * INTERVAL;
    const began = cpu();
    engine.take('s', INTERVAL, now, all);
    const took = cpu();
    engine.close('s', now);
    if (window < WARM_UP) continue;
    taken += took - began;
    evaluated += cpu() - took;
  }
  return { taken: taken / WINDOWS, evaluated: evaluated / WINDOWS };
}

/** Points out of the records of a window, milliseconds. */
function reading(): number {
  const records = new MetricRecords(
    { host: 'web-1', dataset: 'statsd', labels: {} },
    { start: 0, end: 10_000, id: 'a-1' },
  );
  const documents = Array.from({ length: RULES * OF_EACH }, (_, i) =>
    records.make(`"m${i % RULES}"`, 'gauge', { value: i }, '', `"path":"/orders/${i}"`),
  );
  const engine = new Engine(rulesOf(RULES, LAST, NEVER));
  const reader = new PointReader();
  const began = cpu();
  for (let i = 0; i < WINDOWS; i++) {
    if (reader.points(documents, (name) => engine.wants(name)).length !== documents.length)
      throw new Error('points are missing');
  }
  return (cpu() - began) / WINDOWS;
}

/** A window of rules that have no instances, milliseconds. */
function without(): number {
  const engine = new Engine(rulesOf(1000, LAST, NEVER));
  const [other] = points(LAST);
  const all = Array.from({ length: 100 }, () => ({ ...other!, name: 'other' }));
  const began = cpu();
  for (let window = 0; window < MANY; window++) {
    engine.window('s', INTERVAL, window * INTERVAL, all);
    engine.tick(window * INTERVAL, INTERVAL);
  }
  return (cpu() - began) / MANY;
}

/** Bytes of an instance that is well, and of one that is pending or fires more than those: the medians. */
async function memory(): Promise<{ well: number; pending: number; firing: number }> {
  const used = async () => {
    // What an array had is given back behind the collection that finds it.
    for (let i = 0; i < 3; i++) {
      globalThis.gc!();
      await setImmediate();
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const dir = mkdtempSync(join(tmpdir(), 'runnel-bench-'));
  let run = 0;
  const of = async (fire: string, wait: string) => {
    const all = points(LAST);
    const before = await used();
    const journal = await AlertJournal.open(join(dir, `${run++}.journal`));
    const alerting = await Alerting.open({
      rules: rulesOf(RULES, LAST, fire, { for: wait }),
      receivers: [],
      origin: { host: 'web-1', tags: {} },
      agentId: 'a',
      journal,
      interval: INTERVAL,
      record: null,
    });
    for (let window = 0; window < 3; window++) alerting.points('s', INTERVAL, all);
    await journal.written();
    const bytes = ((await used()) - before) / all.length;
    await journal.close();
    if (alerting.rules !== RULES) throw new Error('it is gone');
    return bytes;
  };
  const cases = [
    [NEVER, '0s'],
    [ALWAYS, '1h'],
    [ALWAYS, '0s'],
  ] as const;
  const found: number[][] = [[], [], []];
  try {
    for (const [fire, wait] of cases) await of(fire, wait);
    for (let i = 0; i < 3; i++) for (const [n, [fire, wait]] of cases.entries()) found[n]!.push(await of(fire, wait));
  } finally {
    rmSync(dir, { recursive: true });
  }
  const [well, pending, firing] = found.map(median) as [number, number, number];
  return { well, pending: pending - well, firing: firing - well };
}
