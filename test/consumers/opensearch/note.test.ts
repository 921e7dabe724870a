import assert from 'node:assert/strict';
import { test } from 'node:test';
import { topicNumber } from '../../../src/consumers/opensearch/document-id.ts';
import { ChangedAgain, formatNote, isOf, nextNote, parseNote } from '../../../src/consumers/opensearch/note.ts';

const ID = '0f7a2b3c4d5e6f708192a3b4c5d6e7f8';
const at = { topic: 'logs', topicId: ID, offset: 0, turns: { streams: 3, turn: 500 }, window: 1000 };
const first = nextNote(null, at);

test('a note says topic, number, settings and bound, and is read back', () => {
  assert.deepEqual(first, {
    topicId: ID,
    number: topicNumber(ID, 'logs'),
    turns: { streams: 3, turn: 500 },
    change: null,
    bound: 1000,
  });
  const text = formatNote(first, 0);
  assert.equal(text, `{"t":"${ID}","k":"${first.number}","n":3,"b":500,"u":1000}`);
  assert.deepEqual(parseNote(text), first);
});

test('the bound never falls, also where the window is smaller now', () => {
  assert.equal(nextNote(first, { ...at, offset: 400 }).bound, 1400);
  assert.equal(nextNote(first, { ...at, offset: 400, window: 100 }).bound, 1000);
});

test('a changed setting holds from the bound on, and the former one is forgotten when the offset has passed it', () => {
  const turns = { streams: 5, turn: 300 };
  const changed = nextNote(first, { ...at, offset: 700, turns });
  assert.deepEqual(changed.change, { from: 1000, turns });
  assert.deepEqual(changed.turns, first.turns);
  assert.equal(changed.bound, 1700);
  const stored = parseNote(formatNote(changed, 700))!;
  assert.deepEqual(stored, changed);
  // Killed and started again before it is through: the same.
  assert.deepEqual(nextNote(stored, { ...at, offset: 999, turns }).change, { from: 1000, turns });
  const through = parseNote(formatNote({ ...stored, bound: 2000 }, 1000))!;
  assert.deepEqual([through.turns, through.change], [turns, null]);
  // The note may be of before it was through, and the offset behind it.
  assert.deepEqual(nextNote(stored, { ...at, offset: 1000, turns }).turns, turns);
});

test('what is changed again before the change is through is refused, with the remedy', () => {
  const changed = nextNote(first, { ...at, offset: 700, turns: { streams: 5, turn: 300 } });
  for (const turns of [first.turns, { streams: 6, turn: 300 }]) {
    assert.throws(
      () => nextNote(changed, { ...at, offset: 999, turns }),
      (error) =>
        error instanceof ChangedAgain && /streams: 5, turn: 300 until logs has passed offset 1000/.test(error.message),
    );
  }
  const later = nextNote(changed, { ...at, offset: 1000, turns: first.turns });
  assert.deepEqual(later.change, { from: changed.bound, turns: first.turns });
});

test('a note of a topic that was made anew is none of this one', () => {
  assert.ok(isOf(first, ID));
  assert.ok(!isOf(first, `${ID.slice(1)}0`));
  assert.ok(isOf(first, null));
});

test('what other programs commit is no note', () => {
  const others = ['', 'NO_METADATA', '{}', 'null', '3', '{"n":4}', '{"k":"abcdefgh","n":0,"b":1,"u":1}'];
  for (const text of [...others, '{"k":"x","n":1,"b":1,"u":1}', '{"k":"abcdefgh","n":1,"b":1,"u":1,"s":5}']) {
    assert.equal(parseNote(text), null, text);
  }
});
