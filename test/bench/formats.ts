/**
 * Lines that are not simply records, at full speed: Java stack traces joined (`multiline`), and the same lines as a
 * container runtime wraps them (`cri`), each beside the same file read as plain lines. Counted in lines of the file.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, type Figure, median, progress } from './bench.ts';
import { type Run, runAgent } from './throughput.ts';

/** Lines of a trace, then lines by themselves. */
const FRAMES = 20;
const QUIET = 12;
const TIME = '2026-01-01T00:00:00.000000000Z';

export async function multiline(bench: Bench): Promise<Figure[]> {
  const file = join(bench.dir, 'java.log');
  const { lines, records } = writeTraces(file, bench.lines, '');
  const rules = { start: '^\\d{4}-\\d{2}-', timeout: '10m' };
  // The last one stays open.
  return await compare(bench, file, { name: 'multiline', lines, records: records - 1, options: { multiline: rules } });
}

export async function cri(bench: Bench): Promise<Figure[]> {
  const file = join(bench.dir, 'cri.log');
  const { lines } = writeTraces(file, bench.lines, `${TIME} stdout F `);
  return await compare(bench, file, { name: 'cri', lines, records: lines, options: { format: 'cri' } });
}

interface Contest {
  name: string;
  lines: number;
  /** Records that the lines become. */
  records: number;
  options: object;
}

async function compare(bench: Bench, file: string, { name, lines, records, options }: Contest): Promise<Figure[]> {
  const job = { file, encoding: 'json', codec: 'zstd' } as const;
  const [plain, shaped]: Run[][] = [[], []];
  for (let run = 1; run <= bench.runs; run++) {
    plain!.push(await runAgent(bench, { ...job, lines }));
    shaped!.push(await runAgent(bench, { ...job, lines: records, options }));
    progress(
      `${name} ${run}/${bench.runs}: ${shaped!.at(-1)!.seconds.toFixed(1)} s, plain ${plain!.at(-1)!.seconds.toFixed(1)} s`,
    );
  }
  const rate = (runs: Run[]) => median(runs.map((run) => lines / run.seconds / 1000));
  const cost = (runs: Run[]) => median(runs.map((run) => run.cpu / (lines / 1e6)));
  return [
    { name: `${name}: agent`, value: rate(shaped!), unit: 'k lines/s' },
    { name: `${name}: the same file as plain lines`, value: rate(plain!), unit: 'k lines/s' },
    { name: `${name}: rate / plain rate`, value: rate(shaped!) / rate(plain!), unit: '', at_least: 0.6 },
    { name: `${name}: agent`, value: cost(shaped!), unit: 'CPU-s/M lines' },
    { name: `${name}: the same file as plain lines`, value: cost(plain!), unit: 'CPU-s/M lines' },
  ];
}

/** At least so many lines, each after `prefix`; `records` is how many begin one. */
function writeTraces(path: string, least: number, prefix: string): { lines: number; records: number } {
  const fd = openSync(path, 'w');
  let [lines, records] = [0, 0];
  while (lines < least) {
    const block: string[] = [];
    for (let i = 0; i < 100; i++) {
      const time = new Date(1_790_000_000_000 + lines * 3).toISOString();
      block.push(`${time} ERROR [http-${i}] com.acme.Service - request ${lines * 7919} failed`);
      block.push('java.lang.IllegalStateException: the order is closed');
      for (let n = 2; n < FRAMES; n++) block.push(`\tat com.acme.service.Layer${n}.handle(Layer${n}.java:${i + n})`);
      for (let n = 0; n < QUIET; n++)
        block.push(`${time} INFO [http-${n}] com.acme.Service - request ${lines + n} done`);
      lines += FRAMES + QUIET;
      records += 1 + QUIET;
    }
    writeSync(fd, block.map((line) => `${prefix}${line}\n`).join(''));
  }
  closeSync(fd);
  return { lines, records };
}
