/** The StatsD source at the rates of its targets: each a process of its own (statsd.ts), which prints what it measured. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Figure } from './bench.ts';

interface Measured {
  received: number;
  lost: number;
  core: number;
}

export async function statsd(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { rate, core } of [
    { rate: 1_000_000, core: 0.35 },
    { rate: 4_000_000, core: 1 },
  ]) {
    const bench = new URL('./statsd.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [bench, String(rate), '5']);
    const measured = JSON.parse(stdout) as Measured;
    const name = `statsd, ${rate / 1e6} M lines/s offered`;
    figures.push(
      { name, value: measured.received / 1e6, unit: 'M lines/s', at_least: (rate / 1e6) * 0.98 },
      { name, value: measured.lost, unit: 'lines lost', at_most: 0 },
      { name, value: measured.core, unit: 'cores', at_most: core },
    );
  }
  return figures;
}
