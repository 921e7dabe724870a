import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { clean, giveBack } from '../../src/native/memory.ts';

const SMAPS = `00400000-00500000 r--p 00000000 fe:01 1234 /opt/runnel/bin/node
Rss:                1024 kB
Anonymous:             0 kB
00500000-00900000 r-xp 00100000 fe:01 1234                       /opt/runnel/bin/node
Anonymous:             0 kB
00900000-00910000 r--p 00500000 fe:01 1234 /opt/runnel/bin/node
Anonymous:            16 kB
00910000-00920000 rw-p 00510000 fe:01 1234 /opt/runnel/bin/node
Anonymous:             0 kB
00a00000-00b00000 r-xp 00000000 fe:01 99 /usr/lib/libc.so.6
Anonymous:             0 kB
00c00000-00d00000 r--p 00000000 00:00 0
Anonymous:             0 kB
`;

test('only what is in memory as it is in the file is given back', () => {
  assert.deepEqual(clean(SMAPS, '/opt/runnel/bin/node'), [
    { from: 0x400000, to: 0x500000 },
    { from: 0x500000, to: 0x900000 },
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
