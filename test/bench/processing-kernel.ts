/**
 * What `process` costs a line beside packing it plain, reading the file included, in one thread and without compression:
 * CPU time in us a line, the best of some rounds; and the ratio to plain, the median of them. Each batch of the file is
 * packed both ways, one after the other, so what else the machine does, or how fast it is just then, is in both.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Account } from '../../src/core/account.ts';
import { Batch, type Stream } from '../../src/core/batch.ts';
import { MAX_BLOCK_BYTES, Pool } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { READ_BYTES } from '../../src/lines/format.ts';
import { configFrom } from '../../src/options.ts';
import { jsonEnvelope } from '../../src/records/envelope.ts';
import { type Processing, processingOf } from '../../src/transforms/process.ts';
import { type Figure, median, type Wanted } from './bench.ts';
import { STEPS, WRITERS, type Writer, writeLines } from './written-lines.ts';

const LINES = 200_000;
const ROUNDS = 12;
/** Times the plain line. */
const MOST: Record<Writer, number> = { pino: 2, zap: 2, logback: 2, combined: 1.7 };
const pool = new Pool(32 << 20);
const kernel = new Kernel(pool.memory, pool.arenas);
const share = pool.share('bench');
const [slot, fields] = await pool.takeAll(share, 'batch', 2);
const block = await pool.take(share, 'block');
const labels = { env: 'prod' };
const envelope = jsonEnvelope({
  host: 'web-1',
  path: '/var/log/app/a.log',
  id: 'a-1',
  dataset: 'app',
  labels,
  key: 'web-1',
});

interface Cost {
  us: number;
  lines: number;
  bytes: number;
}

/** Reads a batch of the file, of at most so many lines, and packs it. */
function cost(file: number, position: number, processing: Processing | null, most: number | undefined): Cost {
  const before = process.cpuUsage();
  const plan = processing?.fields ?? null;
  const stream: Stream = {
    ...{ name: 'a.log', topic: 'logs', key: 'web-1', account: new Account('logs.app'), replayable: true },
    envelope: () => envelope,
    ...(plan && { fields: plan }),
  };
  const batch = new Batch(slot!, share, stream, fields);
  const read = readSync(file, slot!.bytes, 0, READ_BYTES, position);
  const { bytesAt } = slot!;
  batch.count = kernel.findLines(slot!, bytesAt, bytesAt + read, bytesAt, 0, false, most);
  const bytes = kernel.consumedAt - bytesAt;
  const lines = batch.count;
  batch.time = 1_790_000_000_000;
  for (const step of processing?.steps ?? []) step.apply(batch);
  const to = { outAt: block.bytesAt, limitAt: block.bytesAt + MAX_BLOCK_BYTES, empty: true };
  const job = { envelope, time: batch.time, position, skipped: 0, delta: 0, ...to };
  for (let first = 0; first < batch.count; ) {
    const left = batch.count - first;
    first += plan ? plan.pack(batch, first, left, job) : kernel.pack(slot!, first, left, job);
  }
  const { user, system } = process.cpuUsage(before);
  return { us: user + system, lines, bytes };
}

/** us a line, plain and processed, of all batches of the file in turns. */
function round(file: number, processing: Processing): { plain: number; processed: number } {
  const most = processing.fields?.most;
  const sum = { plain: 0, processed: 0 };
  let lines = 0;
  for (let position = 0, turn = 0; ; turn++) {
    const both = [null, processing].map((one) => [one ? 'processed' : 'plain', one] as const);
    let batch: Cost | null = null;
    for (const [name, one] of turn % 2 ? both : both.toReversed()) {
      batch = cost(file, position, one, most);
      sum[name] += batch.us;
    }
    if (batch!.lines === 0) return { plain: sum.plain / lines, processed: sum.processed / lines };
    lines += batch!.lines;
    position += batch!.bytes;
  }
}

function made(process: object[]): Processing {
  return processingOf(
    configFrom({ logs: [{ name: 'app', include: ['/a'], process }] }, {}).logs[0]!.process,
    kernel,
    'logs',
  )!;
}

/** `npm run bench -- processing-kernel`: each kind of lines, parsed, and with more steps. */
export async function* kernelFigures(wanted: Wanted): AsyncGenerator<Figure> {
  const folder = mkdtempSync(join(tmpdir(), 'runnel-bench-'));
  try {
    for (const writer of WRITERS) {
      const [parse, ...others] = STEPS[writer];
      const name = `kernel: ${writer}, parsed`;
      if (wanted(...namesOf(name))) yield* figuresOf(name, folder, writer, [parse], MOST[writer]);
      if (others.length === 0) continue;
      const all = `kernel: ${writer}, all steps`;
      if (wanted(...namesOf(all))) yield* figuresOf(all, folder, writer, STEPS[writer]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const namesOf = (name: string) => [name, `${name} / plain`] as const;

function* figuresOf(
  name: string,
  folder: string,
  writer: Writer,
  steps: object[],
  at_most?: number,
): Generator<Figure> {
  const path = join(folder, `${writer}.log`);
  writeLines(path, writer, LINES);
  const file = openSync(path, 'r');
  const processing = made(steps);
  const all = Array.from({ length: ROUNDS }, () => round(file, processing));
  processing.close();
  closeSync(file);
  const [cpu, ratio] = namesOf(name);
  yield { name: cpu, value: Math.min(...all.map(({ processed }) => processed)), unit: 'us/line' };
  const ratios = all.map(({ plain, processed }) => processed / plain);
  yield { name: ratio, value: median(ratios), unit: '', runs: ratios, ...(at_most !== undefined && { at_most }) };
}
