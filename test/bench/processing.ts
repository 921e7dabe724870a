/**
 * What `process` costs: in the kernel beside the same lines packed plain (processing-kernel.ts), and as a whole agent with
 * zstd-1 beside one that sends them plain, in the same round.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, type Figure, median, progress, type Wanted } from './bench.ts';
import { maskFigures } from './mask.ts';
import { patternFigures } from './patterns.ts';
import { kernelFigures } from './processing-kernel.ts';
import { loopDelay, runAgent } from './throughput.ts';
import { STEPS, WRITERS, type Writer, writeLines } from './written-lines.ts';

/** Times the plain line. */
const MOST: Record<Writer, number> = { pino: 1.2, zap: 1.2, logback: 1.2, combined: 1.3 };

/** Each verb once, and some of what is masked; no line is left out, so that each is in Kafka. */
const EVERY_VERB = 'agent: zap, every verb';
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

export async function* processing(bench: Bench, wanted: Wanted): AsyncGenerator<Figure> {
  yield* kernelFigures(wanted);
  for (const writer of WRITERS) yield* agents(bench, writer, wanted);
  if (wanted(EVERY_VERB)) yield await everyVerbOf(bench);
  if (wanted('event loop delay under hostile lines, p99')) yield await hostile(bench);
  yield* patternFigures(wanted);
  yield* maskFigures(wanted);
}

/** CPU seconds of a million lines: plain, parsed, and with all steps. */
async function* agents(bench: Bench, writer: Writer, wanted: Wanted): AsyncGenerator<Figure> {
  const file = join(bench.dir, `${writer}.log`);
  const [parse, ...others] = STEPS[writer];
  const processed: Record<string, object[]> = { parsed: [parse] };
  if (others.length > 0) processed['all steps'] = STEPS[writer];
  const nameOf = (what: string) => `agent: ${writer}, ${what}`;
  const cases: Record<string, object[]> = { plain: [] };
  for (const [what, process] of Object.entries(processed)) {
    if (wanted(nameOf(what), nameOf(`${what} / plain`))) cases[what] = process;
  }
  if (Object.keys(cases).length === 1 && !wanted(nameOf('plain'))) return;
  writeLines(file, writer, bench.lines);
  const runs = new Map(Object.keys(cases).map((what) => [what, [] as number[]]));
  for (let run = 1; run <= bench.runs; run++) {
    for (const [what, process] of Object.entries(cases)) {
      const job = { file, lines: bench.lines, encoding: 'json', codec: 'zstd', options: { process } } as const;
      const { cpu } = await runAgent(bench, job);
      runs.get(what)!.push(cpu / (bench.lines / 1e6));
      progress(`${writer} ${run}/${bench.runs}: ${what} ${runs.get(what)!.at(-1)!.toFixed(2)} CPU-s a million lines`);
    }
  }
  rmSync(file);
  for (const [what, all] of runs) {
    const value = median(all);
    const cost = { name: nameOf(what), value, unit: 'CPU-s/M lines', runs: all };
    const ratio = { name: nameOf(`${what} / plain`), value: value / median(runs.get('plain')!), unit: '' };
    if (what === 'plain') yield cost;
    else if (what === 'parsed') yield* [cost, { ...ratio, at_most: MOST[writer] }];
    else yield* [{ ...cost, at_most: 2 }, ratio];
  }
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
  return { name: EVERY_VERB, value: median(runs), unit: 'CPU-s/M lines', runs, at_most: 2 };
}

async function hostile(bench: Bench): Promise<Figure> {
  const file = join(bench.dir, 'hostile.log');
  const { line, lines, process } = HOSTILE;
  writeFileSync(file, `${line}\n`.repeat(lines));
  const figure = await loopDelay(bench, file, { what: 'under hostile lines', lines, options: { process } });
  rmSync(file);
  return figure;
}
