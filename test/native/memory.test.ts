import '../../src/heap.ts';
import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { getHeapSpaceStatistics } from 'node:v8';
import { clean, giveBack, giveBackFor, shrinkHeap } from '../../src/native/memory.ts';
import { until } from '../support/until.ts';

const SMAPS = `00400000-00500000 r--p 00000000 fe:01 1234 /opt/runnel/bin/node
Rss:                1024 kB
Anonymous:             0 kB
00500000-00900000 r-xp 00100000 fe:01 1234                       /opt/runnel/bin/node
Anonymous:             0 kB
00900000-00910000 r--p 00500000 fe:01 1234 /opt/runnel/bin/node
Anonymous:            16 kB
00910000-00920000 rw-p 00510000 fe:01 1234 /opt/runnel/bin/node
Anonymous:             0 kB
00920000-00930000 r-xp 00520000 fe:01 1234                       /opt/runnel/bin/node
Anonymous:             0 kB
7f0000100000-7f0000200000 r-xp 00100000 fe:01 1234               /opt/runnel/bin/node
Anonymous:             0 kB
00a00000-00b00000 r-xp 00000000 fe:01 99 /usr/lib/libc.so.6
Anonymous:             0 kB
00c00000-00d00000 r--p 00000000 00:00 0
Anonymous:             0 kB
`;

test('only what is in memory as it is in the file is given back, where the program was loaded to', () => {
  assert.deepEqual(clean(SMAPS, '/opt/runnel/bin/node'), [
    { from: 0x400000, to: 0x500000 },
    { from: 0x500000, to: 0x900000 },
    { from: 0x920000, to: 0x930000 },
  ]);
});

function programKb(): number {
  const program = readlinkSync('/proc/self/exe');
  let [sum, counts] = [0, false];
  for (const line of readFileSync('/proc/self/smaps', 'latin1').split('\n')) {
    if (/^[0-9a-f]+-/.test(line)) counts = line.endsWith(` ${program}`);
    else if (counts) sum += Number(/^Rss: +(\d+)/.exec(line)?.[1] ?? 0);
  }
  return sum;
}

test('what a start has used of the program is given back, and what is needed comes again', () => {
  const before = programKb();
  giveBack();
  const after = programKb();
  assert.ok(after < before / 2, `${before} kB, then ${after} kB`);
  // JSON, regular expressions and text of another script run as before.
  assert.equal(
    JSON.parse('{"a":"é"}')
      .a.normalize('NFD')
      .replace(/\u0301/u, ''),
    'e',
  );
});

test('for a while it is given back again and again', async () => {
  giveBackFor(2000);
  const little = programKb();
  // Patterns are compiled, which runs through much of the program.
  for (let i = 0; i < 50; i++) new RegExp(`^(?:[a-z]{${i}}|\\p{Lu}+)$`, 'u').test('a'.repeat(i));
  JSON.parse(JSON.stringify(process.report.getReport()));
  const used = programKb();
  assert.ok(used > little * 1.1, `${little} kB, then ${used} kB`);
  await until('what was used is given back', () => programKb() < used * 0.9);
});

test('what a start has left in the heap is given back, and its room for young objects', () => {
  const young = () =>
    getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.physical_space_size;
  const kept: number[][] = [];
  // As heap.ts has it grow.
  while (young() < 4 << 20) kept.push(new Array(128).fill(0));
  kept.length = 0;
  shrinkHeap();
  assert.ok(young() < 2 << 20, `${young()} bytes`);
});
