/**
 * The benchmark: `npm run bench -- [NAME ...] [--only NAME] [--row TEXT ...] [--lines N] [--files N] [--runs N] [--idle SECONDS]`.
 * Starts a Kafka of its own, builds the agent as it is published, measures, prints each figure beside its target, and keeps all in bench-results/.
 * `throughput`, `consume` and `sink` need kcat, which they are compared with. What else runs on the machine shows in the figures.
 *
 * `--row`: only figures whose names have one of the texts: `processing --row 'agent: pino'`, `processing-kernel --row zap`,
 * `patterns --row nine`. Of `processing` and what it is made of, others are not measured at all; what measures in this
 * process (`processing-kernel`, `patterns`, `mask`) needs no Kafka and takes seconds.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { noKafka, startKafka } from '../support/kafka.ts';
import { hasKcat } from '../support/kcat.ts';
import { writeAccessLog } from './access-log.ts';
import { buildAgent, packageVersion } from './agent.ts';
import { alertFigures } from './alerts.ts';
import { auditFigures } from './audit.ts';
import { auditVerify } from './audit-verify.ts';
import type { Bench, Case, Figure, Figures, OwnCase, Wanted } from './bench.ts';
import { progress } from './bench.ts';
import { checks } from './checks.ts';
import { consume } from './consume.ts';
import { exactlyOnce } from './exactly-once.ts';
import { backlog, hotAndQuiet, lineWrites, many, quietFiles } from './files.ts';
import { cri, multiline } from './formats.ts';
import { maskFigures } from './mask.ts';
import { patternFigures } from './patterns.ts';
import { processing } from './processing.ts';
import { kernelFigures } from './processing-kernel.ts';
import { idle, latency, start } from './quiet.ts';
import { away, recovery } from './recovery.ts';
import { sink } from './sink.ts';
import { spanFigures } from './spans.ts';
import { statsd } from './statsd-figures.ts';
import { throughput } from './throughput.ts';
import { topk } from './topk.ts';
import { tracesFigures } from './traces.ts';
import { besideFile, tracesFlood, tracesStorm } from './traces-load.ts';
import { verify } from './verify.ts';

const OWN: Record<string, OwnCase> = {
  'processing-kernel': kernelFigures,
  patterns: patternFigures,
  mask: maskFigures,
};
const CASES: Record<string, Case> = {
  throughput,
  multiline,
  cri,
  processing,
  spans: spanFigures,
  start,
  latency,
  idle,
  statsd,
  recovery,
  away,
  verify,
  consume,
  'exactly-once': exactlyOnce,
  'quiet-files': quietFiles,
  'hot-and-quiet': hotAndQuiet,
  backlog,
  many,
  'line-writes': lineWrites,
  checks,
  alerts: alertFigures,
  traces: tracesFigures,
  'traces-beside': besideFile,
  'traces-flood': tracesFlood,
  'traces-storm': tracesStorm,
  audit: auditFigures,
  'audit-verify': auditVerify,
  sink,
  topk,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true },
    row: { type: 'string', multiple: true },
    lines: { type: 'string', default: '2000000' },
    files: { type: 'string', default: '100000' },
    runs: { type: 'string', default: '3' },
    idle: { type: 'string', default: '60' },
  },
});
const named = [...(values.only ?? []), ...positionals];
const all = [...Object.keys(OWN), ...Object.keys(CASES)];
const chosen = named.length > 0 ? named : all;
for (const name of chosen) {
  if (!all.includes(name)) throw new Error(`there is no ${name}; --only takes ${all.join(', ')}`);
}
const wanted: Wanted = (...names) =>
  names.some((name) => !values.row || values.row.some((text) => name.includes(text)));
const lines = Number(values.lines);
const figures: Figure[] = [];
const cases = chosen.filter((name) => CASES[name]);
for (const name of chosen.filter((name) => OWN[name])) await measure(name, OWN[name]!(wanted));
if (cases.length > 0) await measureCases();
save();

async function measureCases(): Promise<void> {
  if (noKafka) throw new Error(noKafka);
  if (!hasKcat && cases.some((name) => ['throughput', 'consume', 'sink'].includes(name)))
    throw new Error('kcat is not installed');
  const dir = mkdtempSync(join(tmpdir(), 'runnel-bench-'));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  const main = buildAgent(dir);
  if (cases.some((name) => ['throughput', 'recovery', 'exactly-once'].includes(name)))
    writeAccessLog(join(dir, 'access.log'), lines);
  const kafka = await startKafka({ heapMb: 512, properties: { 'log.segment.delete.delay.ms': 1000 } });
  try {
    const [runs, idleSeconds, files] = [values.runs, values.idle, values.files].map(Number) as [number, number, number];
    const bench: Bench = { kafka, main, dir, lines, runs, idleSeconds, files };
    for (const name of cases) await measure(name, CASES[name]!(bench, wanted));
  } finally {
    await kafka.stop();
  }
}

/** Prints each figure as soon as it is measured: a run that is cut off has said what it found. */
async function measure(name: string, measured: Figures): Promise<void> {
  progress(`${name} ...`);
  for await (const figure of await measured) {
    if (!wanted(figure.name)) continue;
    figures.push(figure);
    process.stdout.write(`${row(figure)}\n`);
  }
}

function row({ name, value, unit, at_most, at_least }: Figure): string {
  const target = at_most !== undefined ? `at most ${at_most}` : at_least !== undefined ? `at least ${at_least}` : '';
  const met = at_most !== undefined ? value <= at_most : value >= (at_least ?? Number.NEGATIVE_INFINITY);
  const digits = Math.abs(value) >= 100 ? 0 : 2;
  return `${name.padEnd(44)}${value.toFixed(digits).padStart(8)} ${unit.padEnd(14)} ${target.padEnd(14)} ${target === '' ? '' : met ? 'yes' : 'NO'}`.trimEnd();
}

function save(): void {
  const folder = new URL('../../bench-results/', import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  const time = new Date().toISOString();
  const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version };
  const file = join(folder, `${time.replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify({ time, version: packageVersion(), machine, lines, figures }, null, 2)}\n`);
  progress(`kept in ${file}`);
}
