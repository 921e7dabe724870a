/** `node --expose-gc heap.ts GLOB FILES`: prints the bytes of heap that the tail source has for each file, all read. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Account } from '../../src/core/account.ts';
import { Batch, type Stream } from '../../src/core/batch.ts';
import type { Output } from '../../src/core/pipeline.ts';
import { Pool } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { Positions } from '../../src/sources/tail/positions/positions.ts';
import { type TailOptions, tailSource } from '../../src/sources/tail/tail.ts';

const [glob, count] = process.argv.slice(2);
const data = mkdtempSync(join(tmpdir(), 'runnel-heap-'));
process.on('exit', () => rmSync(data, { recursive: true, force: true }));
const pool = new Pool(8 << 20);
const settled: [Stream, number][] = [];
const output: Output = {
  async take(stream, signal) {
    const share = pool.share(stream.topic);
    return new Batch(await pool.take(share, 'batch', signal), share, stream);
  },
  async push(batch) {
    settled.push([batch.stream, batch.end]);
    pool.give(batch.share, 'batch', batch.slot);
  },
  discard(batch) {
    pool.give(batch.share, 'batch', batch.slot);
  },
};
const input = {
  name: 'bench',
  include: [glob],
  exclude: [],
  topic: 'logs',
  encoding: 'raw',
  format: 'plain',
  encoding_in: 'utf-8',
  tags: {},
  start_at: 'beginning',
  ignore_older: null,
  max_line: 256 * 1024,
  rotate_wait: 60_000,
  hold_deleted: 1 << 30,
  delete_after: null,
  forget_after: null,
  max_files: 200_000,
} as unknown as TailOptions['input'];

function heap(): number {
  globalThis.gc!();
  return process.memoryUsage().heapUsed;
}

const before = heap();
const positions = await Positions.open(data, ['bench']);
const account = new Account('logs.bench');
const kernel = new Kernel(pool.memory);
const origin = { host: 'web-1', tags: {}, partition_by: 'host' } as const;
const source = tailSource({ input, ...origin, positions, data_dir: data, kernel, account });
const abort = new AbortController();
const running = source.run(output, abort.signal);
while (source.lines < Number(count)) {
  await sleep(20);
  for (const [stream, end] of settled.splice(0)) stream.settled?.(end, 0);
}
// A file that was not written to for a minute keeps less, and each is looked at every ten seconds.
await sleep(75_000);
await positions.written();
process.stdout.write(String(Math.round((heap() - before) / source.files_total)));
abort.abort();
await running;
await positions.close();
