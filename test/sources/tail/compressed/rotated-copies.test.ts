/** Files that were compressed after they were read, or half read: nothing is lost, nothing comes twice. */
// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { descriptors } from '../../../../src/sources/tail/file/descriptors.ts';
import type { TrackedFile } from '../../../../src/sources/tail/file/file.ts';
import { Bench, numbered, rows } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

const PACKS = [
  ['gz', gzipSync],
  ['zst', zstdCompressSync],
] as const;

for (const [ending, pack] of PACKS) {
  const compress = (path: string) => {
    writeFileSync(`${path}.${ending}`, pack(readFileSync(path)));
    rmSync(path);
  };

  test(`rotated and compressed to .${ending} while the agent is down: the rest is read, under the old id`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path('app.log');
    writeFileSync(path, numbered(0, 2000));
    let out = await bench.start();
    await out.count(2000);
    const { id } = out.lines[0]!;
    await bench.stop();
    appendFileSync(path, numbered(2000, 100_000));
    renameSync(path, bench.path('app.log.1'));
    compress(bench.path('app.log.1'));
    writeFileSync(path, 'new\n');
    // One that begins alike, and goes on otherwise.
    writeFileSync(bench.path(`app.log.2.${ending}`), pack(`${numbered(0, 1000)}other\n${numbered(1000, 9000)}`));
    utimesSync(bench.path(`app.log.2.${ending}`), 1, 1);
    const old: string[] = [];
    const others: string[] = [];
    for (let turn = 0; old.length < 98_000; turn++) {
      assert.ok(turn < 1000);
      out = await bench.start();
      await out.count(1);
      await until('some', () => out.lines.some((l) => l.id === id) || turn > 0);
      await bench.stop();
      for (const line of out.lines) {
        if (line.text === 'new') {
          others.push(line.text);
          continue;
        }
        assert.equal(line.id, id);
        assert.equal(line.path, path);
        old.push(line.text);
      }
    }
    assert.deepEqual(old, rows(numbered(2000, 100_000)));
    assert.equal(bench.account.losses.size, 0);
    out = await bench.start();
    appendFileSync(path, 'newer\n');
    // The new file may have had no turn before.
    await out.count(2 - others.length);
    await setTimeout(300);
    assert.deepEqual([...others, ...out.texts()], ['new', 'newer']);
  });

  test(`rotated and compressed to .${ending}, which is read too: nothing comes twice`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path('app.log');
    const input = { include: [`${bench.logs}/*.log`, `${bench.logs}/*.${ending}`], rotate_wait: 500 };
    writeFileSync(path, numbered(0, 1000));
    let out = await bench.start(input);
    await out.count(1000);
    let number = 1000;
    for (let turn = 1; turn <= 3; turn++) {
      renameSync(path, bench.path(`app.log.${turn}`));
      writeFileSync(path, numbered(number, number + 1000));
      number += 1000;
      // Before, and long after, the old file was let go.
      if (turn === 2) await until('let go', () => bench.source.files().length === turn, 30_000);
      compress(bench.path(`app.log.${turn}`));
      await out.count(number);
      // Everything is decided: a file that is written now comes last.
      await until('decided', () => bench.source.files().filter((f) => f.lag_bytes > 0).length === 0, 30_000);
      await setTimeout(turn === 1 ? 3000 : 100);
    }
    await bench.stop();
    assert.deepEqual(out.texts(), rows(numbered(0, number)));
    renameSync(path, bench.path('app.log.4'));
    appendFileSync(bench.path('app.log.4'), 'while away\n');
    compress(bench.path('app.log.4'));
    writeFileSync(path, 'new\n');
    out = await bench.start(input);
    await out.count(2);
    await setTimeout(3000);
    assert.deepEqual(out.texts().sort(), ['new', 'while away']);
    // One that was not read before is.
    writeFileSync(bench.path(`other.${ending}`), pack(`${numbered(0, 500)}not the same\n${numbered(500, 900)}`));
    await out.count(903);
    assert.equal(bench.account.losses.size, 0);
  });

  test(`compressed to .${ending} after it was closed: what was not read is read on there`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path('app.log');
    const keep = t.mock.method(descriptors, 'keep');
    writeFileSync(path, numbered(0, 1000));
    const out = await bench.start();
    await out.count(1000);
    const file = keep.mock.calls[0]!.arguments[0] as TrackedFile;
    await until('idle', () => !file.busy);
    descriptors.close(file);
    // In one go, so that the source sees it when it is done.
    appendFileSync(path, numbered(1000, 3000));
    renameSync(path, bench.path('app.log.1'));
    writeFileSync(path, 'new\n');
    compress(bench.path('app.log.1'));
    await out.count(3001);
    assert.deepEqual(
      out.texts().filter((line) => line !== 'new'),
      rows(numbered(0, 3000)),
    );
    const ids = new Set(out.lines.filter((l) => l.text !== 'new').map((l) => l.id));
    assert.equal(ids.size, 1);
    assert.equal(bench.account.losses.size, 0);
  });
}

test('a compressed file that begins with the header that was read of another one is read', async (t) => {
  const bench = new Bench(t);
  const input = { include: [`${bench.logs}/*.log`, `${bench.logs}/*.gz`], rotate_wait: 500 };
  const header = `${'#Fields: date time '.padEnd(299, 'x')}\n`;
  for (const name of ['app.log', 'web.log']) writeFileSync(bench.path(name), header);
  const out = await bench.start(input);
  await out.count(2);
  // Of this one more is there than was read, but it has another name.
  const release = out.block();
  appendFileSync(bench.path('web.log'), numbered(0, 5));
  await until('it waits', () => bench.source.files().some((file) => file.lag_bytes > 0));
  writeFileSync(bench.path('app.log.1.gz'), gzipSync(header + numbered(100, 200)));
  await until('it is decided', () => bench.source.files().filter((file) => file.lag_bytes > 0).length === 2, 30_000);
  release();
  await out.count(108);
  assert.deepEqual(out.texts(bench.path('app.log.1.gz')), [header.trimEnd(), ...rows(numbered(100, 200))]);
});
