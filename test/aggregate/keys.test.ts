import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Keys } from '../../src/aggregate/keys.ts';

test('texts have their numbers through any order of coming and going', () => {
  const keys = new Keys(3000);
  const held = new Map<string, number>();
  const free = Array.from({ length: 3000 }, (_, i) => 2999 - i);
  let state = 7;
  const random = (below: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 300; i++) {
      const text = `${[...'é\u{1f600}"x'].slice(0, random(5)).join('')}${random(5000)}${'-'.repeat(random(300))}`;
      const known = held.get(text);
      assert.equal(keys.look(text), known ?? -1);
      const number = known ?? free.pop();
      if (number === undefined || known !== undefined) continue;
      keys.put(number);
      held.set(text, number);
    }
    for (const [text, number] of held) {
      if (random(3) > 0) continue;
      keys.remove(number);
      held.delete(text);
      free.push(number);
    }
    keys.tidy();
    assert.equal(keys.size, held.size);
    for (const [text, number] of held) {
      assert.equal(keys.look(text), number);
      assert.equal(keys.bytes.toString('utf8', keys.from(number), keys.to(number)), text);
    }
  }
});

test('what went gives its memory back', () => {
  const keys = new Keys(20_000);
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 20_000; i++) {
      keys.look(`${round} ${i} ${'x'.repeat(50)}`);
      keys.put(i);
    }
    assert.ok(keys.bytes.length <= 4 << 20, `${keys.bytes.length}`);
    for (let i = 0; i < 20_000; i++) if (round < 4 || i > 10) keys.remove(i);
    keys.tidy();
  }
  assert.equal(keys.size, 11);
  assert.ok(keys.bytes.length <= 8192, `${keys.bytes.length}`);
  assert.equal(keys.look(`4 10 ${'x'.repeat(50)}`), 10);
});

test('bytes grow where they are: no copy of them waits to be collected', () => {
  const keys = new Keys(20_000);
  const { buffer } = keys.bytes;
  for (let i = 0; i < 20_000; i++) {
    keys.look(`${i} ${'x'.repeat(100)}`);
    keys.put(i);
  }
  assert.equal(keys.bytes.buffer, buffer);
  assert.equal(keys.look(`19999 ${'x'.repeat(100)}`), 19_999);
});

test('texts that are longer than was reckoned with have room as well', () => {
  const keys = new Keys(100);
  const text = (i: number) => `${i} ${'y'.repeat(10_000)}`;
  for (let i = 0; i < 100; i++) {
    keys.look(text(i));
    keys.put(i);
  }
  for (let i = 0; i < 100; i++) assert.equal(keys.look(text(i)), i);
});
