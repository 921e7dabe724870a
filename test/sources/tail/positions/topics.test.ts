/** Positions in several topics: in the journal, and when the steps change that decide where a line goes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setRouting } from '../../../../src/sources/tail/file/topics.ts';
import { blank, type Generation, journalFormat } from '../../../../src/sources/tail/positions/journal.ts';
import { Positions } from '../../../../src/sources/tail/positions/positions.ts';
import { directory } from '../../../support/directory.ts';

const at = (position: number, skipped = 0) => ({ position, skipped });
const LONG = `logs.${'x'.repeat(240)}`;

test('the journal has format 3 once routes are used, and not before: an older version would lose what it says', async (t) => {
  const data = directory(t);
  const format = () => journalFormat(readFileSync(join(data, 'positions')));
  const positions = await Positions.open(data);
  const file = blank({ id: 'a', input: 'app', path: '/a.log', base: 0 });
  positions.create(file);
  file.position = 100;
  positions.moved(file);
  await positions.written();
  assert.equal(format(), 2);
  file.routed = 'x';
  file.topics = new Map([
    ['logs', at(100)],
    [LONG, at(100, 100)],
  ]);
  positions.described(file);
  await positions.written();
  assert.equal(format(), 3);
  file.topics = new Map(file.topics).set(LONG, at(2 ** 40, 2 ** 39));
  positions.placed(file);
  await positions.close();
  let again = await Positions.open(data);
  const [read] = again.all();
  assert.deepEqual(
    [...read!.topics!],
    [
      ['logs', at(100)],
      [LONG, at(2 ** 40, 2 ** 39)],
    ],
  );
  assert.deepEqual([read!.routed, read!.position], ['x', 100]);
  setRouting(read!, null, 'logs');
  again.described(read!);
  await again.close();
  again = await Positions.open(data);
  assert.deepEqual([again.all()[0]!.topics, again.all()[0]!.routed], [undefined, undefined], 'routes are gone');
  await again.close();
});

/** How far topics are when these steps decide from now on. */
function routed(before: Partial<Generation>, topics: readonly string[] | null): object {
  const file = { ...blank({ id: 'a', input: 'app', path: '/a.log', base: 10 }), ...before };
  setRouting(file, topics && { topics, sum: 'new' }, 'own');
  return {
    position: file.position,
    skipped: file.skipped,
    routed: file.routed,
    ...Object.fromEntries(file.topics ?? []),
  };
}

test('where steps change all topics go on from the lowest, and nothing that was read is unexplained', () => {
  const now = { position: 500, skipped: undefined, routed: 'new' };
  const even = new Map([
    ['own', at(500, 20)],
    ['gone', at(500)],
    ['other', at(500, 90)],
  ]);
  const apart = new Map([
    ['own', at(900, 20)],
    ['other', at(500, 90)],
  ]);
  for (const [what, before, topics, after] of [
    ['the first time', { position: 500 }, ['own', 'other'], { own: at(500), other: at(500, 490) }],
    [
      'after filtered lines',
      { position: 500, skipped: { to: 500, bytes: 7 } },
      ['own', 'b'],
      { own: at(500, 7), b: at(500, 490) },
    ],
    [
      'another topic',
      { position: 500, routed: 'x', topics: even },
      ['own', 'b'],
      { own: at(500, 20), b: at(500, 490) },
    ],
    [
      'one is behind',
      { position: 500, routed: 'x', topics: apart },
      ['own', 'other'],
      { own: at(500), other: at(500, 90) },
    ],
  ] as const) {
    assert.deepEqual(routed(before as Partial<Generation>, topics), { ...now, ...after }, what);
  }
  const none = { position: 500, routed: undefined };
  assert.deepEqual(routed({ position: 500, routed: 'x', topics: even }, null), {
    ...none,
    skipped: { to: 500, bytes: 20 },
  });
  assert.deepEqual(routed({ position: 500, routed: 'x', topics: apart }, null), { ...none, skipped: undefined });
  const same = { position: 500, routed: 'new', topics: apart };
  assert.deepEqual(routed(same, ['own', 'other']), { ...now, own: at(900, 20), other: at(500, 90) }, 'the same steps');
});
