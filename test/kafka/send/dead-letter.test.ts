import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DeadLetters } from '../../../src/kafka/send/dead-letter.ts';
import { compress, decompress } from '../../../src/records/codecs.ts';
import type { Codec } from '../../../src/records/record-batch.ts';
import { frameRecord, HEADER_BYTES, readHeader, records, sealedHeader } from '../../../src/records/record-batch.ts';
import { directory } from '../../support/directory.ts';

test('a disk that is full leaves no part of a batch behind, however often it is tried', async (t) => {
  const dir = directory(t);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', dir]).status !== 0) {
    return t.skip('needs the right to mount');
  }
  try {
    const letters = new DeadLetters(dir, 300_000);
    const [header, body] = [Buffer.alloc(61, 1), Buffer.alloc(100_000, 2)];
    await writeFile(join(dir, 'filler'), Buffer.alloc(200_000));
    for (let i = 0; i < 3; i++) assert.equal(await letters.take('t-0', header, body, 'why'), false);
    await rm(join(dir, 'filler'));
    assert.equal(await letters.take('t-0', header, body, 'why'), true);
    const kept = await readFile(join(dir, 'dead-letter', 't-0', '00000000000000000000.log'));
    assert.equal(kept.length, 100_061);
    assert.equal(kept.readBigInt64BE(0), 0n);
  } finally {
    spawnSync('umount', ['-l', dir]);
  }
});

/** A sealed batch of one record. */
async function letter(value: string, codec: Codec = 'none'): Promise<[header: Buffer, body: Buffer]> {
  const body = await compress(codec, 1, frameRecord({ offsetDelta: 0, key: 'web-1', value }));
  const header = sealedHeader(body, { count: 1, codec, time: Date.now() });
  return [header, body];
}

async function valuesIn(path: string): Promise<string[]> {
  const file = await readFile(path);
  const values: string[] = [];
  for (let at = 0; at < file.length; ) {
    const header = readHeader(file, at)!;
    assert.equal(header.baseOffset, BigInt(at));
    const raw = await decompress(header.codec, file.subarray(at + HEADER_BYTES, at + header.bytes));
    for (const { value } of records(raw)) values.push(String(value));
    at += header.bytes;
  }
  return values;
}

const line = (second: number, offset: number) =>
  `{"@timestamp":"2026-11-23T11:50:0${second}.000Z","message":"x","log":{"file":{"id":"a"},"offset":${offset}}}`;

test('what was kept before a kill and is refused again after it is kept once', async (t) => {
  const dir = directory(t);
  const path = join(dir, 'dead-letter', 't-0', '00000000000000000000.log');
  const take = async (letters: DeadLetters, ...batch: Parameters<typeof letter>) =>
    letters.take('t-0', ...(await letter(...batch)), 'why');
  const before = new DeadLetters(dir);
  assert.equal(await take(before, line(1, 0), 'zstd'), true);
  assert.equal(await take(before, line(1, 10)), true);
  // Killed: the position has not moved. The lines are read again, later.
  const after = new DeadLetters(dir);
  assert.equal(await take(after, line(2, 0)), true);
  assert.equal(await take(after, line(2, 10), 'zstd'), true);
  assert.equal(await take(after, line(2, 20)), true);
  assert.deepEqual(await valuesIn(path), [line(1, 0), line(1, 10), line(2, 20)]);

  // Who has looked at it removes it.
  await rm(path);
  assert.equal(await take(after, line(3, 0)), true);
  assert.deepEqual(await valuesIn(path), [line(3, 0)]);
});

test('half a batch that a kill left is cut off, so that what follows can be read', async (t) => {
  const dir = directory(t);
  const path = join(dir, 'dead-letter', 't-0', '00000000000000000000.log');
  assert.equal(await new DeadLetters(dir).take('t-0', ...(await letter(line(1, 0))), 'why'), true);
  const { size } = await stat(path);
  const [header, body] = await letter(line(1, 10));
  for (const half of [header.subarray(0, 30), Buffer.concat([header, body.subarray(0, 9)])]) {
    await appendFile(path, half);
    const letters = new DeadLetters(dir);
    assert.equal(await letters.take('t-0', ...(await letter(line(2, 0))), 'why'), true);
    assert.equal((await stat(path)).size, size);
  }
  assert.equal(await new DeadLetters(dir).take('t-0', header, body, 'why'), true);
  assert.deepEqual(await valuesIn(path), [line(1, 0), line(1, 10)]);
});
