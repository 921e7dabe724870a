/** Files that are written anew in place and end as before: a report of which only the first lines differ. */
import assert from 'node:assert/strict';
import { closeSync, openSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Bench } from '../collect.ts';

const DISKS = Array.from(
  { length: 6 },
  (_, i) => `/dev/sd${i}1   ext4   104857600   52428800   50%   /data/${i}\n`,
).join('');

function overwrite(path: string, text: string): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, text, 0);
  closeSync(fd);
}

for (const [how, write] of [
  ['truncated first', writeFileSync],
  ['without truncation', overwrite],
] as const) {
  test(`a report of the same size, and one that is a line longer, comes each time (${how})`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    const lines: string[] = [];
    const report = (i: number, more = '') => {
      const text = `2026-11-30 10:00:0${i} disk report\n${DISKS}${more}`;
      lines.push(...text.split('\n').slice(0, -1));
      return text;
    };
    writeFileSync(path, report(0));
    const out = await bench.start();
    await out.count(lines.length);
    for (let i = 1; i < 4; i++) {
      write(path, report(i));
      await out.count(lines.length);
    }
    await setTimeout(1100);
    write(path, report(4, 'one more line\n'));
    await out.count(lines.length);
    assert.deepEqual(out.texts(), lines);
    assert.deepEqual([...bench.account.losses], []);
    // Touched, it is the same.
    utimesSync(path, new Date(), new Date());
    await setTimeout(300);
    assert.equal(out.lines.length, lines.length);
  });
}
