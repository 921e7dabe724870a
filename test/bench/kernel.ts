/** What the kernel costs a line, reading the file included: `node test/bench/kernel.ts [lines]`. Prints CPU time in us. */
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAX_BLOCK_BYTES, Pool, SLOT_CAPACITY, type Slot } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { Needles } from '../../src/kernel/needles.ts';
import { type Envelope, jsonEnvelope, rawEnvelope, valueEnvelope } from '../../src/records/envelope.ts';
import { writeAccessLog } from './access-log.ts';

const ROUNDS = 3;
const ORIGIN = {
  host: 'web-1',
  path: '/var/log/nginx/access.log',
  id: 'fd00-12345-a1b2c3d4',
  dataset: 'nginx',
  labels: { env: 'prod' },
  key: 'web-1',
};

const pool = new Pool(32 << 20);
const share = pool.share('bench');
const batch = await pool.take(share, 'batch');
const block = await pool.take(share, 'block');
const kernel = new Kernel(pool.memory);

interface Work {
  envelope?: Envelope;
  needles?: Needles;
}

/** Reads the file batch by batch, drops lines that hold a literal, and packs each into blocks, as far as that is asked for. */
function run(file: number, { envelope, needles }: Work): number {
  let position = 0;
  let lines = 0;
  for (;;) {
    const read = readSync(file, batch.bytes, 0, SLOT_CAPACITY, position);
    const count = kernel.findLines(batch, batch.bytesAt, batch.bytesAt + read, batch.bytesAt, 0);
    const consumed = kernel.consumedAt - batch.bytesAt;
    if (count === 0) return lines;
    const kept = needles ? kernel.select(batch, count, kernel.find(batch, count, 'contains', needles), 0) : count;
    if (envelope) packAll(batch, kept, envelope, position);
    position += consumed;
    lines += count;
  }
}

function packAll(slot: Slot, count: number, envelope: Envelope, position: number): void {
  const [outAt, limitAt] = [block.bytesAt, block.bytesAt + MAX_BLOCK_BYTES];
  const job = { envelope, time: Date.now(), position, skipped: 0, delta: 0, outAt, limitAt, empty: true };
  for (let first = 0; first < count; ) first += kernel.pack(slot, first, count - first, job);
}

const folder = mkdtempSync(join(tmpdir(), 'runnel-bench-'));
try {
  const path = join(folder, 'access.log');
  writeAccessLog(path, Number(process.argv[2] ?? 500_000));
  const file = openSync(path, 'r');
  const needles = (...texts: string[]) => new Needles(texts.map((text) => Buffer.from(text)));
  const many = Array.from({ length: 64 }, (_, i) => `word-${i * 7919}`);
  const cases: Record<string, Work> = {
    find: {},
    'find, 3 literals, no hit': { needles: needles('kube-probe', ' /health ', 'ELB-HealthChecker') },
    'find, 8 literals, no hit': { needles: needles(...many.slice(0, 8)) },
    'find, 64 literals, no hit': { needles: needles(...many) },
    'find, 3 literals, some hit': { needles: needles('"POST ', 'Chrome', 'kube-probe') },
    value: { envelope: valueEnvelope('web-1') },
    raw: { envelope: rawEnvelope(ORIGIN) },
    json: { envelope: jsonEnvelope(ORIGIN) },
    'json, 3 literals, no hit': {
      envelope: jsonEnvelope(ORIGIN),
      needles: needles('kube-probe', ' /health ', 'ELB-HealthChecker'),
    },
  };
  for (const [name, work] of Object.entries(cases)) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = process.cpuUsage();
      const lines = run(file, work);
      const used = process.cpuUsage(before);
      times.push((used.user + used.system) / lines);
    }
    console.log(`${name.padEnd(28)}${Math.min(...times).toFixed(3)} us/line (best of ${ROUNDS})`);
  }
  closeSync(file);
} finally {
  rmSync(folder, { recursive: true });
}
