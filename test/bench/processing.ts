/**
 * What `process` costs: in the kernel beside the same lines packed plain (processing-kernel.ts), and as a whole agent with
 * zstd-1 beside one that sends them plain, in the same round.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, type Figure, median, progress } from './bench.ts';
import { maskFigures } from './mask.ts';
import { patternFigures } from './patterns.ts';
import { costs } from './processing-kernel.ts';
import { loopDelay, runAgent } from './throughput.ts';
import { STEPS, WRITERS, type Writer, writeLines } from './written-lines.ts';

/** Lines of the kernel's files. */
const KERNEL_LINES = 200_000;
/** Times the plain line. */
const IN_KERNEL: Record<Writer, number> = { pino: 2, zap: 2, logback: 2, combined: 1.7 };
const IN_AGENT: Record<Writer, number> = { pino: 1.2, zap: 1.2, logback: 1.2, combined: 1.3 };

/** Each verb once, and some of what is masked; no line is left out, so that each is in Kafka. */
const everyVerb = (routed: string) => ({
  mask: ['card', 'bearer', 'jwt', 'cloud_key', 'email'],
  process: [
    { parse: 'json' },
    { time: 'ts' },
    { level: 'level' },
    { keep: { status: { gte: 100 } } },
    { drop: { msg: { starts: 'health' } } },
    { sample: { limit: '1000000/s' } },
    { rename: { msg: 'message' } },
    { remove: 'caller' },
    { only: ['message', 'status', 'user', 'latency_ms', 'trace_id', 'span_id', 'log.*'] },
    { add: { 'service.name': 'shop' } },
    { set: { user: { lower: true } } },
    { metric: { name: 'requests', count: 'true', by: ['status'] } },
    { route: routed, when: { 'log.level': 'error' } },
  ],
});

/** Lines on which the pattern takes as long as it may: so many that the start is less than a hundredth of the time. */
const HOSTILE = { line: 'ab'.repeat(60), lines: 250_000, process: [{ drop: { line: { matches: '(?:.*a){8}$' } } }] };

export async function processing(bench: Bench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { writer, parsed, plain, processed } of costs(bench.dir, KERNEL_LINES)) {
    const name = `kernel: ${writer}, ${parsed ? 'parsed' : 'all steps'}`;
    figures.push({ name, value: processed, unit: 'us/line' });
    const ratio = { name: `${name} / plain`, value: processed / plain, unit: '' };
    figures.push(parsed ? { ...ratio, at_most: IN_KERNEL[writer] } : ratio);
  }
  for (const writer of WRITERS) figures.push(...(await agents(bench, writer)));
  figures.push(await everyVerbOf(bench), await hostile(bench));
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

async function everyVerbOf(bench: Bench): Promise<Figure> {
  const file = join(bench.dir, 'zap.log');
  writeLines(file, 'zap', bench.lines);
  const runs: number[] = [];
  for (let run = 1; run <= bench.runs; run++) {
    const job = { file, lines: bench.lines, encoding: 'json', codec: 'zstd', options: everyVerb } as const;
    runs.push((await runAgent(bench, job)).cpu / (bench.lines / 1e6));
    progress(`zap ${run}/${bench.runs}: every verb ${runs.at(-1)!.toFixed(2)} CPU-s a million lines`);
  }
  rmSync(file);
  return { name: 'agent: zap, every verb', value: median(runs), unit: 'CPU-s/M lines', runs, at_most: 2 };
}

async function hostile(bench: Bench): Promise<Figure> {
  const file = join(bench.dir, 'hostile.log');
  const { line, lines, process } = HOSTILE;
  writeFileSync(file, `${line}\n`.repeat(lines));
  const figure = await loopDelay(bench, file, { what: 'under hostile lines', lines, options: { process } });
  rmSync(file);
  return figure;
}
