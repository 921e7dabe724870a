import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Accounts } from '../../../src/core/account.ts';
import { Window } from '../../../src/kafka/send/window.ts';
import { makeBlock } from '../../support/blocks.ts';

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
    { codec: 'none', body: Buffer.from('1'), count: 1, rawBytes: 1 },
    { codec: 'none', body: Buffer.from('2'), count: 1, rawBytes: 1 },
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
  const part = { codec: 'none' as const, body: Buffer.from('1'), count: 1, rawBytes: 1 };
  window.replace(window.packets[3]!, [part, part]);
  assert.equal(window.unacknowledged().length, 5);
  window.acknowledge(window.packets[1]!);
  assert.equal(window.unacknowledged().length, 4, 'what is acknowledged needs the rest too');
  window.packets[2]!.sequence = -1;
  window.packets[1]!.sequence = -1;
  window.acknowledge(window.packets[0]!);
  assert.equal(window.unacknowledged().length, 3, 'what is settled needs it too');
});

/** A window with a block of `a:1`, split into two packets, and what is handed over of it. */
async function splitBlock() {
  const window = new Window();
  const settled: string[] = [];
  const account = new Accounts().of('logs.app');
  const stream = { name: 'a', topic: 't', key: 'k', account, replayable: true, envelope: () => assert.fail() };
  const block = await makeBlock('t', ['a', 'b', 'c']);
  void window.put(
    { ...block, marks: [{ stream, end: 9, skipped: 0, weight: 3, ticket: null }] },
    (where = 'there', refused = 0) => settled.push(`${where} ${refused}`),
  );
  const [packet] = window.packets;
  const part = (count: number) => ({ codec: 'none' as const, body: Buffer.from('x'), count, rawBytes: 1 });
  window.replace(packet!, [part(1), part(2)]);
  return { window, settled, part };
}

test('what is handed over settles when all of it is safe, and is kept where some of it is', async () => {
  const { window, settled } = await splitBlock();
  let arrived = 0;
  const hand = (i: number, partitions: number[]) => window.handOver(window.packets[i]!, partitions, () => arrived++);
  const [one] = hand(0, [0]);
  const [two, three] = hand(1, [0, 1]);
  assert.ok(window.moving);
  // The items go with the piece that is kept last.
  const items = () => [one, two, three].map((piece) => [...piece!.weights().values()]);
  assert.deepEqual(items(), [[], [], [3]]);
  three!.settled('there', 1);
  assert.deepEqual(items().slice(0, 2), [[], [2]]);
  one!.settled('kept');
  assert.deepEqual([settled, arrived], [[], 1]);
  two!.settled('there');
  assert.deepEqual([settled, arrived, window.moving], [['kept 1'], 2, false]);
  assert.deepEqual([window.pending, window.passed, window.records], [0, 3, 0]);
});

test('where a part of a block has left, the rest is kept at a stop although it was not sent, with the items', async () => {
  const { window } = await splitBlock();
  assert.deepEqual(window.unacknowledged(), []);
  const [piece] = window.handOver(window.packets[0]!, [0], () => undefined);
  assert.deepEqual([...piece!.weights()], []);
  assert.deepEqual(window.unacknowledged(), window.packets);
  piece!.settled('kept');
  assert.equal(window.packets.length, 1);
  assert.deepEqual(window.unacknowledged(), window.packets);
  const header = Buffer.alloc(61);
  assert.deepEqual([...window.saved(Object.assign(window.packets[0]!, { header })).weights], [['logs.app', 3]]);
});

test('what was adopted is kept at a stop, sent or not, and does not part blocks that belong together', async () => {
  const window = new Window();
  const settled: string[] = [];
  const put = async (continues: boolean) =>
    void window.put({ ...(await makeBlock('t', ['v'])), continues }, (where) => settled.push(`own ${where}`));
  const custody = { weights: () => new Map([['logs.app', 1]]), settled: (where = 'there') => settled.push(where) };
  const adopt = () => void window.adopt({ codec: 'none', body: Buffer.from('x'), count: 1, rawBytes: 1 }, 1, custody);
  await put(true);
  window.packets[0]!.sequence = 0;
  adopt();
  await put(false);
  await put(false);
  assert.deepEqual(window.unacknowledged(), window.packets.slice(0, 3));
  window.acknowledge(window.packets[0]!);
  window.acknowledge(window.packets[0]!);
  assert.deepEqual(window.unacknowledged(), window.packets.slice(0, 1));
  adopt();
  const kept = window.unacknowledged();
  assert.equal(kept.length, 3);
  window.keep(kept);
  assert.deepEqual(settled, ['own there', 'there', 'own kept', 'own kept', 'kept']);
});
