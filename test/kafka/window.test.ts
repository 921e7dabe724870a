import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Window } from '../../src/kafka/window.ts';
import { makeBlock } from '../support/blocks.ts';

async function filled(blocks: number): Promise<{ window: Window; settled: number[]; accepted: number[] }> {
  const window = new Window();
  const settled: number[] = [];
  const accepted: number[] = [];
  for (let i = 0; i < blocks; i++) {
    void window.put(await makeBlock('t', ['a', 'b']), () => settled.push(i)).then(() => accepted.push(i));
  }
  return { window, settled, accepted };
}

test('five blocks and two more are accepted, and one for each that settles', async () => {
  const { window, accepted } = await filled(9);
  await new Promise(setImmediate);
  assert.deepEqual(accepted, [0, 1, 2, 3, 4, 5, 6]);
  window.acknowledge(window.packets[0]!);
  await new Promise(setImmediate);
  assert.deepEqual(accepted, [0, 1, 2, 3, 4, 5, 6, 7]);
});

test('blocks settle in order, whatever is acknowledged first', async () => {
  const { window, settled } = await filled(3);
  const [a, b, c] = window.packets;
  assert.equal(window.acknowledge(b!), 0);
  assert.equal(window.acknowledge(c!), 0);
  assert.deepEqual(settled, []);
  assert.equal(window.pending, 2);
  assert.equal(window.acknowledge(a!), 3);
  assert.deepEqual(settled, [0, 1, 2]);
  assert.equal(window.records, 6);
});

test('a block that was split settles with its last part, and its parts share its numbers', async () => {
  const { window, settled } = await filled(2);
  const whole = window.packets[0]!;
  whole.sequence = 0x7fffffff;
  window.replace(whole, [
    { codec: 'none', body: Buffer.from('1'), count: 1 },
    { codec: 'none', body: Buffer.from('2'), count: 1 },
  ]);
  assert.deepEqual(
    window.packets.map((packet) => packet.sequence),
    [0x7fffffff, 0, -1],
  );
  window.acknowledge(window.packets[0]!);
  assert.deepEqual(settled, []);
  window.acknowledge(window.packets[0]!);
  assert.deepEqual(settled, [0]);
});

test('it is drained when all is settled, or the wait ends with its signal', async () => {
  const { window } = await filled(1);
  await assert.rejects(window.drained(AbortSignal.timeout(10)), { name: 'TimeoutError' });
  const drained = window.drained(AbortSignal.timeout(5000));
  window.acknowledge(window.packets[0]!);
  await drained;
  await window.drained(AbortSignal.timeout(10));
});

test('what is kept ends where a position does, and with a whole block', async () => {
  const window = new Window();
  for (const continues of [false, true, true, false, false]) {
    void window.put({ ...(await makeBlock('t', ['a', 'b'])), continues }, () => undefined);
  }
  assert.deepEqual(window.unacknowledged(), [], 'nothing was sent');
  window.packets[0]!.sequence = 0;
  assert.equal(window.unacknowledged().length, 1);
  window.packets[1]!.sequence = 2;
  assert.equal(window.unacknowledged().length, 4);
  const part = { codec: 'none' as const, body: Buffer.from('1'), count: 1 };
  window.replace(window.packets[3]!, [part, part]);
  assert.equal(window.unacknowledged().length, 5);
  window.acknowledge(window.packets[1]!);
  assert.equal(window.unacknowledged().length, 4, 'what is acknowledged needs the rest too');
  window.packets[2]!.sequence = -1;
  window.packets[1]!.sequence = -1;
  window.acknowledge(window.packets[0]!);
  assert.equal(window.unacknowledged().length, 3, 'what is settled needs it too');
});
