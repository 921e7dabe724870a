/**
 * What the checks cost: CPU of an interval of all that are on by default, and with 300 processes watched; beside that of
 * one scrape of Debian's node_exporter, in the same run on the same machine.
 */
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/ports.ts';
import { type Case, type Figure, median, progress } from './bench.ts';
import { cpuSeconds } from './proc.ts';

const PROGRAM = fileURLToPath(new URL('./checks-cost.ts', import.meta.url));
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

async function repeated(runs: number, measure: () => Promise<number>): Promise<number[]> {
  const costs: number[] = [];
  for (let i = 0; i < runs; i++) costs.push(await measure());
  return costs;
}

/** Milliseconds. */
async function cost(what: string): Promise<number> {
  const child = spawn(process.execPath, [PROGRAM, what], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const piece of child.stdout.setEncoding('utf8')) said += piece;
  return Number(said);
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
