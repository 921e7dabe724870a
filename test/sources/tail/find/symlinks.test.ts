/** Files that are matched by a symbolic link, as those of containers are, and rotated where they really lie. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chownSync,
  copyFileSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { descriptors } from '../../../../src/sources/tail/file/descriptors.ts';
import type { TrackedFile } from '../../../../src/sources/tail/file/file.ts';
import { homesOf, placesOf } from '../../../../src/sources/tail/find/symlinks.ts';
import { Bench, numbered, rows } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

/** `containers/web.log` leads to `pods/web/0.log` by way of another link. */
function cluster(t: TestContext): { bench: Bench; path: string; real: string; include: string[] } {
  const bench = new Bench(t);
  for (const dir of ['containers', 'pods', 'disk', 'disk/web']) mkdirSync(bench.path(dir));
  symlinkSync('../disk/web', bench.path('pods/web'));
  symlinkSync('../pods/web/0.log', bench.path('containers/web.log'));
  const include = [bench.path('containers/*.log')];
  return { bench, path: bench.path('containers/web.log'), real: bench.path('disk/web/0.log'), include };
}

const ROTATIONS: Record<string, (real: string) => void> = {
  renamed: (real) => {
    renameSync(real, `${real}.20261125-120000`);
    writeFileSync(real, 'new\n');
  },
  'renamed and not there yet': (real) => renameSync(real, `${real}.20261125-120000`),
  compressed: (real) => {
    writeFileSync(`${real}.20261125-120000.gz`, gzipSync(readFileSync(real)));
    rmSync(real);
    writeFileSync(real, 'new\n');
  },
  'copied and truncated': (real) => {
    copyFileSync(real, `${real}.1`);
    truncateSync(real);
    appendFileSync(real, 'new\n');
  },
};

for (const [how, rotate] of Object.entries(ROTATIONS)) {
  test(`behind a link, ${how} while the agent is down: the rest is read, under the old id`, async (t) => {
    const { bench, path, real, include } = cluster(t);
    writeFileSync(real, numbered(0, 1000));
    let out = await bench.start({ include });
    await out.count(1000);
    const { id } = out.lines[0]!;
    await bench.stop();
    appendFileSync(real, numbered(1000, 3000));
    rotate(real);
    out = await bench.start({ include });
    const fresh = how === 'renamed and not there yet' ? [] : ['new'];
    await out.count(2000 + fresh.length);
    const old = out.lines.filter((line) => line.id === id);
    assert.deepEqual(
      old.map(({ text }) => text),
      rows(numbered(1000, 3000)),
    );
    assert.ok(old.every((line) => line.path === path));
    assert.deepEqual(
      out.lines.filter((line) => line.id !== id).map(({ text }) => text),
      fresh,
    );
    assert.equal(bench.account.losses.size, 0);
  });

  test(`behind a link, closed, ${how} before it is read on: nothing is lost`, async (t) => {
    const { bench, real, include } = cluster(t);
    const keep = t.mock.method(descriptors, 'keep');
    writeFileSync(real, numbered(0, 1000));
    const out = await bench.start({ include });
    await out.count(1000);
    const file = keep.mock.calls[0]!.arguments[0] as TrackedFile;
    await until('idle', () => !file.busy);
    descriptors.close(file);
    // In one go, so that the source sees it when it is done.
    appendFileSync(real, numbered(1000, 3000));
    rotate(real);
    const fresh = how === 'renamed and not there yet' ? [] : ['new'];
    await out.count(3000 + fresh.length);
    assert.deepEqual(
      out.texts().filter((text) => text !== 'new'),
      rows(numbered(0, 3000)),
    );
    const ids = new Set(out.lines.filter(({ text }) => text !== 'new').map(({ id }) => id));
    assert.equal(ids.size, 1);
    assert.equal(bench.account.losses.size, 0);
  });
}

test('where a link leads, also when nothing is there, and where links lead in a circle', (t) => {
  const { bench, path, real } = cluster(t);
  assert.deepEqual(placesOf(path), [path, real]);
  assert.deepEqual(homesOf(path), [bench.path('containers'), bench.path('disk/web')]);
  writeFileSync(real, 'x\n');
  assert.deepEqual(placesOf(path), [path, real]);
  assert.deepEqual(placesOf(real), [real]);
  assert.deepEqual(homesOf(bench.path('pods/web/0.log')), [bench.path('pods/web')]);
  symlinkSync('0.log', bench.path('disk/web/latest'));
  assert.deepEqual(homesOf(bench.path('pods/web/latest')), [bench.path('pods/web')]);
  symlinkSync('b', bench.path('a'));
  symlinkSync('a', bench.path('b'));
  assert.deepEqual(homesOf(bench.path('a')), [bench.logs]);
});

const skip = process.getuid?.() !== 0 && 'NOT TESTED: needs root, to make links of other users';

test('nothing is looked for where a link leads that is not followed', { skip }, (t) => {
  const { bench, path, real } = cluster(t);
  writeFileSync(real, 'x\n');
  lchownSync(path, 65_534, 65_534);
  assert.deepEqual(placesOf(path), [path]);
  chownSync(real, 65_534, 65_534);
  assert.deepEqual(placesOf(path), [path, real]);
  rmSync(real);
  assert.deepEqual(placesOf(path), [path]);
  chownSync(bench.path('disk/web'), 65_534, 65_534);
  assert.deepEqual(placesOf(path), [path, real]);
});
