import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Renderings } from '../../src/admin/renderings.ts';
import { statusJson } from '../../src/report/status-json.ts';
import { statusOf } from '../support/status.ts';

const textOf = (pieces: readonly Buffer[]) => Buffer.concat(pieces).toString();

/** Works for so long. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('all who ask for the same at a time get one rendering, and later a new one', async () => {
  const renderings = new Renderings();
  let made = 0;
  const make = () => {
    work(2);
    return [`rendering ${++made}`];
  };
  const bodies = await Promise.all(Array.from({ length: 100 }, () => renderings.of('a', make)));
  assert.deepEqual(new Set(bodies), new Set([bodies[0]]));
  assert.equal(textOf(bodies[0]!), 'rendering 1');
  assert.equal(textOf(await renderings.of('b', make)), 'rendering 2');
  assert.equal(textOf(await renderings.of('a', make)), 'rendering 3');
});

test('they are made one at a time, in pieces between which others have their turn', async () => {
  const renderings = new Renderings();
  let under_way = 0;
  let turns = 0;
  let most = 0;
  function* make(): Generator<string> {
    most = Math.max(most, ++under_way);
    for (let i = 0; i < 10; i++) yield `${i}`;
    under_way--;
  }
  const turn = () => {
    turns++;
    immediate = setImmediate(turn);
  };
  let immediate = setImmediate(turn);
  const bodies = await Promise.all(['a', 'b', 'c'].map((key) => renderings.of(key, make)));
  clearImmediate(immediate);
  assert.deepEqual(bodies.map(textOf), Array(3).fill('0123456789'));
  assert.equal(most, 1);
  assert.ok(turns >= 27, `${turns} turns`);
});

test('there are pauses: however many things are asked for, most of the time is for others', async () => {
  const renderings = new Renderings();
  const began = performance.now();
  const make = () => {
    work(5);
    return ['x'];
  };
  await Promise.all(Array.from({ length: 10 }, (_, i) => renderings.of(`${i}`, make)));
  assert.ok(performance.now() - began > 10 * 5 * 3);
});

test('one that fails is not kept, and holds up no other', async () => {
  const renderings = new Renderings();
  const failing = () => {
    throw new Error('it broke');
  };
  await assert.rejects(renderings.of('a', failing), /it broke/);
  assert.equal(textOf(await renderings.of('b', () => ['good'])), 'good');
  assert.equal(textOf(await renderings.of('a', () => ['good'])), 'good');
});

test('a status of many files is the same JSON in pieces', () => {
  const status = statusOf();
  const [log] = status.logs;
  const files = Array.from({ length: 2500 }, (_, i) => ({ ...log!.files[0]!, path: `/var/log/"${i}"` }));
  for (const logs of [[], [log!], [{ ...log!, files: [] }], [{ ...log!, files }, log!, { ...log!, files }]]) {
    const whole = { ...status, logs };
    const pieces = [...statusJson(whole)];
    assert.deepEqual(JSON.parse(pieces.join('')), whole);
    assert.equal(pieces.join(''), `${JSON.stringify(whole)}\n`);
  }
  const live = { ...status, logs: [{ ...log!, files }] };
  for (const piece of statusJson(live)) assert.ok(piece.length < 200_000, `${piece.length}`);
});
