/**
 * The benchmark: `npm run bench -- [NAME ...] [--only NAME] [--lines N] [--files N] [--runs N] [--idle SECONDS]`.
 * Starts a Kafka of its own, builds the agent as it is published, measures, prints one table beside the targets, and keeps it in bench-results/.
 * `throughput`, `consume` and `sink` need kcat, which they are compared with. What else runs on the machine shows in the figures.
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
import type { Bench, Case, Figure } from './bench.ts';
import { progress } from './bench.ts';
import { checks } from './checks.ts';
import { consume } from './consume.ts';
import { exactlyOnce } from './exactly-once.ts';
import { backlog, hotAndQuiet, lineWrites, many, quietFiles } from './files.ts';
import { cri, multiline } from './formats.ts';
import { maskFigures } from './mask.ts';
import { patternFigures } from './patterns.ts';
import { processing } from './processing.ts';
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

const CASES: Record<string, Case> = {
  throughput,
  multiline,
  cri,
  patterns: patternFigures,
  mask: maskFigures,
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
    lines: { type: 'string', default: '2000000' },
    files: { type: 'string', default: '100000' },
    runs: { type: 'string', default: '3' },
    idle: { type: 'string', default: '60' },
  },
});
const named = [...(values.only ?? []), ...positionals];
const chosen = named.length > 0 ? named : Object.keys(CASES);
for (const name of chosen) {
  if (!CASES[name]) throw new Error(`there is no ${name}; --only takes ${Object.keys(CASES).join(', ')}`);
}
if (noKafka) throw new Error(noKafka);
if (!hasKcat && chosen.some((name) => ['throughput', 'consume', 'sink'].includes(name)))
  throw new Error('kcat is not installed');

const dir = mkdtempSync(join(tmpdir(), 'runnel-bench-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));

const lines = Number(values.lines);
const main = buildAgent(dir);
if (chosen.some((name) => ['throughput', 'recovery', 'exactly-once'].includes(name)))
  writeAccessLog(join(dir, 'access.log'), lines);
const figures: Figure[] = [];
const kafka = await startKafka({ heapMb: 512, properties: { 'log.segment.delete.delay.ms': 1000 } });
try {
  const [runs, idleSeconds, size] = [values.runs, values.idle, values.files].map(Number) as [number, number, number];
  const bench: Bench = { kafka, main, dir, lines, runs, idleSeconds, files: size };
  for (const name of chosen) {
    progress(`${name} ...`);
    figures.push(...(await CASES[name]!(bench)));
  }
} finally {
  await kafka.stop();
}
for (const figure of figures) process.stdout.write(`${row(figure)}\n`);
save();

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
