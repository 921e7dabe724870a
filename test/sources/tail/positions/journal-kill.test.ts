/** A kill while positions are written: whatever part of a write reached the file, what was stored before it counts. */
// Slow: starts processes and kills them.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { blank, type Generation, readJournal, UNIT } from '../../../../src/sources/tail/positions/journal.ts';
import { Positions } from '../../../../src/sources/tail/positions/positions.ts';
import { directory } from '../../../support/directory.ts';

type Stored = Map<string, number>;

function positionsIn(generations: Iterable<Generation>): Stored {
  return new Map([...generations].map(({ id, position }) => [id, position]));
}

/** The journal after each of so many writes, and what it says then. */
async function written(dir: string, steps: number): Promise<{ bytes: Buffer; stored: Stored }[]> {
  const positions = await Positions.open(dir, ['app']);
  const files: Generation[] = [];
  const states: { bytes: Buffer; stored: Stored }[] = [];
  for (let step = 0; step < steps; step++) {
    if (step % 3 === 0) {
      const path = `/var/log/${'d'.repeat(step * 5)}/${step}.log`;
      const generation = blank({ id: `id-${step}`, input: 'app', path, base: 0 });
      positions.create(generation);
      positions.use(generation);
      files.push(generation);
    }
    for (const generation of files) {
      generation.position += 1 + (step % 7);
      positions.moved(generation);
    }
    if (step % 8 === 7) positions.forget(files.shift()!);
    await positions.written();
    states.push({ bytes: readFileSync(join(dir, 'positions')), stored: positionsIn(positions.all()) });
  }
  await positions.close();
  return states;
}

/** Each file is where it was before the write or where it is after it; none that was there before is missing. */
function assertBetween(got: Stored, before: Stored, after: Stored, where: string): void {
  for (const [id, position] of before) {
    const now = got.get(id);
    if (now === undefined) assert.ok(!after.has(id), `${where}: ${id} is missing`);
    else assert.ok(now === position || now === after.get(id), `${where}: ${id} is at ${now}`);
  }
  for (const id of got.keys()) assert.ok(before.has(id) || after.has(id), `${where}: nobody stored ${id}`);
}

test('cut off at any byte of any write, the journal says what was stored before it', async (t) => {
  const states = await written(directory(t), 24);
  let cuts = 0;
  for (const [i, { bytes, stored }] of states.entries()) {
    const before = states[i - 1];
    const from = before?.bytes.length ?? UNIT;
    assert.ok(before === undefined || bytes.subarray(0, from).equals(before.bytes), 'it is appended to');
    for (let cut = from; cut <= bytes.length; cut++, cuts++) {
      const { files } = readJournal(bytes.subarray(0, cut));
      assertBetween(positionsIn(files.values()), before?.stored ?? new Map(), stored, `write ${i}, byte ${cut}`);
    }
    assert.deepEqual(positionsIn(readJournal(bytes).files.values()), stored);
  }
  assert.ok(cuts > 5000, `${cuts} cuts`);
});

test('units of one write that reach the disk in any order leave what was stored before them', async (t) => {
  const states = await written(directory(t), 24);
  for (const [i, { bytes, stored }] of states.entries()) {
    const before = states[i - 1];
    if (!before) continue;
    // What a power cut may leave: the file has its length, and some of its units are zeros.
    for (let at = before.bytes.length; at < bytes.length; at += UNIT) {
      const torn = Buffer.from(bytes);
      torn.fill(0, at, at + UNIT);
      assertBetween(positionsIn(readJournal(torn).files.values()), before.stored, stored, `write ${i}, unit ${at}`);
    }
  }
});

test('killed while the journal is written anew: the old one counts until the new one is whole', async (t) => {
  const dir = directory(t);
  const { bytes, stored } = (await written(dir, 24)).at(-1)!;
  for (let cut = 0; cut <= bytes.length; cut += 997) {
    writeFileSync(join(dir, 'positions'), bytes);
    writeFileSync(join(dir, 'positions.new'), bytes.subarray(0, cut));
    const positions = await Positions.open(dir, ['app']);
    assert.deepEqual(positionsIn(positions.all()), stored);
    await positions.close();
  }
  assert.deepEqual(
    readdirSync(dir).filter((name) => name.includes('damaged')),
    [],
  );
});
