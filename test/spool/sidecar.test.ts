import assert from 'node:assert/strict';
import { rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type BlockNote, NoteReader, noteLine } from '../../src/spool/sidecar.ts';
import { directory } from '../support/directory.ts';
import { block, openSpool, TOPIC } from '../support/spool-blocks.ts';

function noteOf(offset: number, items: number, records = 1): BlockNote {
  return { offset, records, bytes: 100, time: 1, rawBytes: 90, key: 'web-1', weights: new Map([['audit', items]]) };
}

test('the note of a write that has failed is not taken for the one that comes in its place', async (t) => {
  const path = join(directory(t), 'weights');
  const good = noteLine(noteOf(0, 1)) + noteLine(noteOf(1, 1));
  await writeFile(path, good + noteLine(noteOf(2, 7777)));
  const reader = new NoteReader(path);
  assert.deepEqual(await reader.take(0, 2), noteOf(0, 1));
  await truncate(path, good.length);
  await writeFile(path, noteLine(noteOf(2, 3)) + noteLine(noteOf(3, 4)), { flag: 'a' });
  assert.deepEqual(await reader.take(1, 4), noteOf(1, 1));
  assert.deepEqual(await reader.take(2, 4), noteOf(2, 3));
  assert.deepEqual(await reader.takeRange(3, 4, 4), [noteOf(3, 4)]);
  await reader.close();
});

test('who reads along has the notes without a look into the sidecar, and from there what is older', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  for (let n = 0; n < 40; n++) await partition.append(await block([`${n}`], { weight: n + 1 }));
  const itemsOf = async () => {
    const stop = new AbortController();
    const items: (number | undefined)[] = [];
    for await (const { note } of partition.read(0, { signal: stop.signal, follow: false })) {
      items.push(note?.weights.get('statsd'));
    }
    return items;
  };
  const all = Array.from({ length: 40 }, (_, n) => n + 1);
  assert.deepEqual(await itemsOf(), all);
  // Once more: what is known is forgotten.
  assert.deepEqual(await itemsOf(), all);
  for (let n = 40; n < 50; n++) await partition.append(await block([`${n}`], { weight: n + 1 }));
  const sidecar = join(dir, `${TOPIC}-0`, `${'0'.repeat(20)}.weights`);
  await rename(sidecar, `${sidecar}.away`);
  assert.deepEqual(await itemsOf(), [...Array(40).fill(undefined), ...all.slice(30).map((n) => n + 10)]);
  await spool.close();
});
