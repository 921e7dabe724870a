/**
 * What the checks cost: CPU of an interval of all that are on by default, and with 300 processes watched, and of a scrape; beside that of
 * one scrape of Debian's node_exporter, in the same run on the same machine.
 */
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/ports.ts';
import { type Case, type Figure, median, progress } from './bench.ts';
import { cpuSeconds } from './proc.ts';

const PROGRAM = fileURLToPath(new URL('./checks-cost.ts', import.meta.url));
const OPENMETRICS = fileURLToPath(new URL('./openmetrics-cost.ts', import.meta.url));
const EXPORTER = 'prometheus-node-exporter';
const WATCHED = 300;
const SCRAPES = 100;

export const checks: Case = async ({ runs }) => {
  const figures: Figure[] = [];
  const costs = await repeated(runs, () => cost('default'));
  figures.push({ name: 'checks: CPU of an interval', value: median(costs), unit: 'ms', at_most: 1, runs: costs });
  const sleepers = Array.from({ length: WATCHED }, () => spawn('sleep', ['1000'], { stdio: 'ignore' }));
  try {
    const watched = await repeated(runs, () => cost('watched'));
    const name = `checks: CPU of an interval with ${WATCHED} processes watched`;
    figures.push({ name, value: median(watched), unit: 'ms', at_most: 3, runs: watched });
  } finally {
    for (const sleeper of sleepers) sleeper.kill('SIGKILL');
  }
  const scraped = await repeated(runs, openmetricsCost);
  const series = 'checks: a scrape of 10,000 series of openmetrics';
  figures.push(
    { name: `${series}, CPU`, value: median(scraped.map(({ cpu }) => cpu)), unit: 'ms', at_most: 40 },
    { name: `${series}, longest turn`, value: median(scraped.map(({ turn }) => turn)), unit: 'ms', at_most: 20 },
  );
  if (spawnSync(EXPORTER, ['--version']).status !== 0)
    progress(`${EXPORTER} is not installed: nothing to compare with`);
  else {
    const scrapes = await repeated(runs, scrapeCost);
    figures.push({
      name: 'checks: CPU of a scrape of node_exporter',
      value: median(scrapes),
      unit: 'ms',
      runs: scrapes,
    });
  }
  return figures;
};

async function repeated<T>(runs: number, measure: () => Promise<T>): Promise<T[]> {
  const costs: T[] = [];
  for (let i = 0; i < runs; i++) costs.push(await measure());
  return costs;
}

/** Milliseconds. */
const cost = async (what: string) => Number(await saidBy(PROGRAM, what));
const openmetricsCost = async () => JSON.parse(await saidBy(OPENMETRICS)) as { cpu: number; turn: number };

async function saidBy(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const piece of child.stdout.setEncoding('utf8')) said += piece;
  return said;
}

async function scrapeCost(): Promise<number> {
  const port = await freePort();
  const child = spawn(EXPORTER, [`--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
  try {
    const scrape = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    while (!(await scrape().then(Boolean, () => false))) await sleep(50);
    for (let i = 0; i < 20; i++) await scrape();
    const before = cpuSeconds(child.pid!).total;
    for (let i = 0; i < SCRAPES; i++) await scrape();
    return ((cpuSeconds(child.pid!).total - before) / SCRAPES) * 1000;
  } finally {
    child.kill('SIGKILL');
  }
}
