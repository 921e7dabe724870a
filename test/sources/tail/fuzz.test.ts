/** Seeded random bytes through the source: whatever a file holds, its records take its bytes without a gap. */
// Slow: goes through many random cases.
import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { Bench, type Line } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const SEEDS = (process.env.RUNNEL_SEEDS ?? '1,2,3,4,5,6').split(',').map(Number);
const MAX_LINE = 300;
const ODD = [0, 9, 13, 0x1b, 0x80, 0xbf, 0xc3, 0xe2, 0xed, 0xef, 0xbb, 0xf0, 0xff];

for (const seed of SEEDS) {
  test(`random bytes: records cover the file, and hold its bytes (seed ${seed})`, async (t) => {
    const random = generator(seed);
    const bench = new Bench(t);
    const contents = new Map<string, Buffer>();
    for (let i = 0; i < 6; i++) contents.set(bench.path(`${i}.${['log', 'log.gz', 'log.zst'][i % 3]}`), noise(random));
    // One line that is not finished, so that the last record is not that of the last byte.
    for (const [path, bytes] of contents) if (path.endsWith('.log')) bytes[bytes.length - 1] = 0x61;
    const written = new Map<string, number>();
    for (const [path, bytes] of contents) {
      if (path.endsWith('.gz')) writeFileSync(path, gzipSync(bytes));
      else if (path.endsWith('.zst')) writeFileSync(path, zstdCompressSync(bytes));
      else {
        writeFileSync(path, '');
        written.set(path, 0);
      }
    }
    const include = ['log', 'log.gz', 'log.zst'].map((ending) => `${bench.logs}/*.${ending}`);
    let got: Line[] = [];
    let out = await bench.start({ include, max_line: MAX_LINE });
    while (written.size > 0) {
      for (const [path, at] of [...written]) {
        const bytes = contents.get(path)!;
        const to = Math.min(bytes.length, at + 1 + random(random(4) === 0 ? 3_000_000 : 9000));
        appendFileSync(path, bytes.subarray(at, to));
        if (to === bytes.length) written.delete(path);
        else written.set(path, to);
      }
      if (random(3) === 0) await setTimeout(random(20));
      if (random(40) === 0) {
        await bench.stop();
        got = got.concat(out.lines);
        out = await bench.start({ include, max_line: MAX_LINE });
      }
    }
    const covered = (path: string) => {
      const line = out.lines.findLast((l) => l.path === path) ?? got.findLast((l) => l.path === path);
      return line ? line.offset + line.length : 0;
    };
    for (const [path, bytes] of contents) {
      const size = path.endsWith('.log') ? bytes.lastIndexOf(10) + 1 : bytes.length;
      await until(`all of ${path}`, () => covered(path) >= size, 60_000);
    }
    await bench.stop();
    got = got.concat(out.lines);
    for (const [path, bytes] of contents) {
      let end = 0;
      for (const line of got.filter((l) => l.path === path)) {
        assert.equal(line.offset, end, path);
        end += line.length;
        const raw = bytes.toString('latin1', line.offset, end).replace(/\r?\n$/, '');
        const whole = raw.replace(/^(?:\xef\xbb\xbf)+/, '');
        assert.ok(line.text.length <= MAX_LINE, path);
        if (line.flags === 0) assert.equal(line.text, whole, `${path} at ${line.offset}`);
        else assert.ok(whole.startsWith(line.text) && line.text.length > MAX_LINE - 7, `${path} at ${line.offset}`);
      }
      assert.equal(end, path.endsWith('.log') ? bytes.lastIndexOf(10) + 1 : bytes.length, path);
    }
    assert.deepEqual([...bench.account.losses], []);
  });
}

/** Up to some megabytes: stretches of any bytes, of odd ones, of few newlines and of many. */
function noise(random: (below: number) => number): Buffer {
  const parts: Buffer[] = [Buffer.from(random(2) === 0 ? '\xef\xbb\xbf' : '', 'latin1')];
  for (let i = 3 + random(12); i > 0; i--) {
    const part = Buffer.alloc(1 + random([100, 5000, 700_000][random(3)]!));
    const kind = random(5);
    for (let k = 0; k < part.length; k++) {
      if (kind === 0) part[k] = random(256);
      else if (kind === 1) part[k] = ODD[random(ODD.length)]!;
      else if (kind === 2) part[k] = random(4) === 0 ? 10 : ODD[random(ODD.length)]!;
      else if (kind === 3) part[k] = random(40_000) === 0 ? 10 : 0x78;
      else part[k] = random(10) === 0 ? 10 : 13;
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Park and Miller's generator: the same numbers for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = seed * 7919 + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return Math.floor((state / 2_147_483_647) * below);
  };
}
