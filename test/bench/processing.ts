/**
 * What `process` costs: in the kernel beside the same lines packed plain (processing-kernel.ts), and as a whole agent with
 * zstd-1 beside one that sends them plain, in the same round.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, type Figure, median, progress } from './bench.ts';
import { maskFigures } from './mask.ts';
import { patternFigures } from './patterns.ts';
import { costs } from './processing-kernel.ts';
import { runAgent } from './throughput.ts';
import { STEPS, WRITERS, type Writer, writeLines } from './written-lines.ts';

/** Lines of the kernel's files. */
const KERNEL_LINES = 200_000;
/** Times the plain line. */
const IN_KERNEL: Record<Writer, number> = { pino: 2, zap: 2, logback: 2, combined: 1.7 };
const IN_AGENT: Record<Writer, number> = { pino: 1.2, zap: 1.2, logback: 1.2, combined: 1.3 };

export async function processing(bench: Bench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { writer, parsed, plain, processed } of costs(bench.dir, KERNEL_LINES)) {
    const name = `kernel: ${writer}, ${parsed ? 'parsed' : 'all steps'}`;
    figures.push({ name, value: processed, unit: 'us/line' });
    const ratio = { name: `${name} / plain`, value: processed / plain, unit: '' };
    figures.push(parsed ? { ...ratio, at_most: IN_KERNEL[writer] } : ratio);
  }
  for (const writer of WRITERS) figures.push(...(await agents(bench, writer)));
  return [...figures, ...(await patternFigures()), ...(await maskFigures())];
}

/** CPU seconds of a million lines: plain, parsed, and with all steps. */
async function agents(bench: Bench, writer: Writer): Promise<Figure[]> {
  const file = join(bench.dir, `${writer}.log`);
  writeLines(file, writer, bench.lines);
  const [parse, ...others] = STEPS[writer];
  const cases: Record<string, object[]> = { plain: [], parsed: [parse] };
  if (others.length > 0) cases['all steps'] = [parse, ...others];
  const runs = new Map(Object.keys(cases).map((name) => [name, [] as number[]]));
  for (let run = 1; run <= bench.runs; run++) {
    for (const [name, process] of Object.entries(cases)) {
      const job = { file, lines: bench.lines, encoding: 'json', codec: 'zstd', options: { process } } as const;
      const { cpu } = await runAgent(bench, job);
      runs.get(name)!.push(cpu / (bench.lines / 1e6));
      progress(`${writer} ${run}/${bench.runs}: ${name} ${runs.get(name)!.at(-1)!.toFixed(2)} CPU-s a million lines`);
    }
  }
  rmSync(file);
  return [...runs].flatMap(([name, all]): Figure[] => {
    const value = median(all);
    const cost = { name: `agent: ${writer}, ${name}`, value, unit: 'CPU-s/M lines', runs: all };
    if (name === 'plain') return [cost];
    const ratio = { name: `agent: ${writer}, ${name} / plain`, value: value / median(runs.get('plain')!), unit: '' };
    return name === 'parsed' ? [cost, { ...ratio, at_most: IN_AGENT[writer] }] : [{ ...cost, at_most: 2 }, ratio];
  });
}
