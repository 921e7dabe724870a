import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type BlockNote, NoteReader, noteLine } from '../../src/spool/sidecar.ts';
import { directory } from '../support/directory.ts';

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
