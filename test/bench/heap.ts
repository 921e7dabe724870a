/** `node --expose-gc heap.ts GLOB FILES`: prints the bytes of heap that the tail source has for each file, all read. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Account } from '../../src/core/account.ts';
import type { Stream } from '../../src/core/batch.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { Positions } from '../../src/sources/tail/positions/positions.ts';
import { tailSource } from '../../src/sources/tail/tail.ts';
import { TestOutput } from '../support/output.ts';
import { tailInput } from '../support/tail-input.ts';

const [glob, count] = process.argv.slice(2);
const data = mkdtempSync(join(tmpdir(), 'runnel-heap-'));
process.on('exit', () => rmSync(data, { recursive: true, force: true }));
const settled: [Stream, number][] = [];
const output = new TestOutput((batch) => void settled.push([batch.stream, batch.end]));
const input = tailInput({ name: 'bench', include: [glob!], forget_after: null });

function heap(): number {
  globalThis.gc!();
  return process.memoryUsage().heapUsed;
}

const before = heap();
const positions = await Positions.open(data, ['bench']);
const account = new Account('logs.bench');
const kernel = new Kernel(output.pool.memory);
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
