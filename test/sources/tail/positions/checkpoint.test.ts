/** A generation as it goes to Kafka and comes back. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileCheckpoint, fileKeys, generationOf, together } from '../../../../src/sources/tail/positions/checkpoint.ts';
import { blank, type Generation } from '../../../../src/sources/tail/positions/journal.ts';
import { Positions } from '../../../../src/sources/tail/positions/positions.ts';

function generation(id: string, more: Partial<Generation> = {}): Generation {
  const known = {
    device: 2n ** 63n + 5n,
    inode: 2n ** 60n + 1n,
    head: { length: 256, digest: 2n ** 64n - 1n },
    marker: { length: 64, digest: 12345678901234567890n },
    markedAt: 7000,
    position: 7100,
  };
  return { ...blank({ id, input: 'app', path: '/var/log/ü "a".log', base: 100 }), ...known, ...more };
}

/** Written by one process, read by another. */
function overKafka({ key, value }: ReturnType<typeof fileCheckpoint>): Generation | null {
  return generationOf(key, JSON.parse(JSON.stringify({ v: 1, by: 'x', ...value })));
}

function dataDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-checkpoint-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('all that the journal has of a file comes back from Kafka, 64-bit numbers too', () => {
  const { seen: _, ...before } = generation('a', { cut: { at: 7100, streams: 2 } });
  const { seen: __, ...after } = overKafka(fileCheckpoint(generation('a', { cut: { at: 7100, streams: 2 } })))!;
  assert.deepEqual(after, before);
});

test('what is no file, or cannot be understood, is nothing', () => {
  assert.equal(generationOf('spool/runnel.metrics', { acknowledged: 5 }), null);
  assert.equal(generationOf('file/a', {}), null);
  const { key, value } = fileCheckpoint(generation('a'));
  assert.equal(generationOf(key, { ...value, inode: 'x' }), null);
  assert.equal(generationOf(key, { ...value, position: 'x' }), null);
});

test('what is restored is in the journal: a position that is known moves, a file that is not is added', async (t) => {
  const dir = dataDir(t);
  const positions = await Positions.open(dir, ['app']);
  assert.equal(positions.lost, true);
  positions.create(generation('known', { position: 500, markedAt: 400, inode: 7n }));
  const inUse = generation('in use', { position: 500, inode: 8n });
  positions.create(inUse);
  positions.use(inUse);
  positions.restore([generation('known', { inode: 9n }), generation('new', { inode: 10n }), generation('in use')]);
  assert.equal(await positions.sync(), true);
  await positions.close();

  const again = await Positions.open(dir, ['app']);
  assert.equal(again.lost, false);
  const found = again.unclaimed.of('app').map(({ id, position, inode }) => `${id} ${position} ${inode}`);
  assert.deepEqual(found.sort(), ['in use 500 8', 'known 7100 9', 'new 7100 10']);
  assert.equal(again.unclaimed.of('app', 7n).length, 0);
  assert.equal(again.unclaimed.of('app', 9n).length, 1);
  await again.close();
});

test('who wants to know is told of what is forgotten', async (t) => {
  const positions = await Positions.open(dataDir(t), ['app']);
  const forgotten: string[] = [];
  positions.onForget = ({ id }) => forgotten.push(id);
  const one = generation('one');
  positions.create(one);
  positions.forget(one);
  positions.forget(one);
  assert.deepEqual(forgotten, ['one']);
  await positions.close();
});

const at = (position: number, skipped = 0) => ({ position, skipped });

test('each topic has a key, and together they say how far each is, and where the file is read from', () => {
  const topics = new Map([
    ['logs', at(7100)],
    ['errors', at(7100, 50)],
  ]);
  const known = generation('a', { routed: 'x', topics });
  assert.deepEqual(fileKeys(known), ['file/a', 'file/a/logs', 'file/a/errors']);
  const own = { ...known, position: 9000, markedAt: 9000, topics: new Map(topics).set('logs', at(9000)) };
  const other = { ...known, position: 8000, topics: new Map(topics).set('errors', at(8000, 10)) };
  const said = [overKafka(fileCheckpoint(own))!, overKafka(fileCheckpoint(other, 'errors'))!];
  assert.deepEqual(
    said.map(({ id }) => id),
    ['a', 'a'],
  );
  for (const before of [undefined, known, generation('a')]) {
    const all = together(said, before);
    assert.deepEqual(
      [...all.topics!],
      [
        ['logs', at(9000)],
        ['errors', at(8000, 10)],
      ],
    );
    assert.equal(all.routed, 'x');
    // A journal from before routes were used knows of one position, and of no topic that is behind it.
    assert.deepEqual([all.position, all.markedAt], before && !before.topics ? [7100, 7000] : [8000, 7000]);
  }
  const ahead = {
    ...known,
    topics: new Map([
      ['logs', at(9500)],
      ['errors', at(9900)],
    ]),
    position: 9500,
    markedAt: 9400,
  };
  const all = together(said, ahead);
  assert.deepEqual([all.position, all.markedAt], [9500, 9400], 'what data_dir knows better counts');
  assert.deepEqual(all.topics!.get('errors'), at(9900));
});
