/** Who gets which partition: evenly, with as few moved as possible. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  assign,
  decodeSays,
  encodeSays,
  type GroupMemberInfo,
  type MemberSays,
} from '../../../src/kafka/read/assignor.ts';

const member = (id: string, says: Partial<MemberSays> = {}, topics = ['t']): GroupMemberInfo => ({
  id,
  topics,
  says: { generation: 1, owned: {}, partitions: { t: 8 }, ...says },
});

/** `a: t 0 1, b: t 2 3` */
function given(members: GroupMemberInfo[]): string {
  return [...assign(members)]
    .map(([id, topics]) => `${id}:${[...topics].map(([topic, list]) => ` ${topic} ${list.join(' ')}`).join('')}`)
    .join(', ');
}

const CASES: [what: string, members: GroupMemberInfo[], expected: string][] = [
  ['one has all', [member('a')], 'a: t 0 1 2 3 4 5 6 7'],
  ['two begin with half each', [member('b'), member('a')], 'a: t 0 2 4 6, b: t 1 3 5 7'],
  [
    'who has something keeps it, but for what is above its part',
    [member('a', { owned: { t: [0, 1, 2, 3, 4, 5, 6, 7] } }), member('b')],
    'a: t 0 1 2 3, b: t 4 5 6 7',
  ],
  [
    'what one leaves behind is shared by the others',
    [member('a', { owned: { t: [0, 1, 2] } }), member('c', { owned: { t: [6, 7] } })],
    'a: t 0 1 2 4, c: t 3 5 6 7',
  ],
  [
    'of two claims the newer one holds',
    [member('a', { generation: 4, owned: { t: [0, 1] } }), member('b', { generation: 5, owned: { t: [1, 2] } })],
    'a: t 0 3 4 6, b: t 1 2 5 7',
  ],
  [
    'more members than partitions: some have nothing',
    [member('a', { partitions: { t: 1 } }), member('b', { partitions: { t: 1 }, owned: { t: [0] } })],
    'a:, b: t 0',
  ],
  [
    'new partitions are those that anybody sees; what is gone is given to nobody',
    [member('a', { owned: { t: [0, 9] }, partitions: { t: 1 } }), member('b', { partitions: { t: 3 } })],
    'a: t 0 2, b: t 1',
  ],
  [
    'a topic goes to who wants it, and all partitions of a member count',
    [
      member('a', { partitions: { t: 2, u: 2 } }, ['t', 'u']),
      member('b', { partitions: { t: 2 }, owned: { u: [0] } }, ['t']),
    ],
    'a: u 0 1, b: t 0 1',
  ],
];

for (const [what, members, expected] of CASES) {
  test(what, () => {
    assert.equal(given(members), expected);
    assert.equal(given([...members].reverse()), expected);
  });
}

test('over many joins and leaves each partition has one member, parts differ by one, and no more is moved than must be', () => {
  let seed = 7;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  let owned = new Map<string, readonly number[]>();
  for (let generation = 1; generation < 200; generation++) {
    const ids = new Set(owned.keys());
    if (ids.size > 1 && random(2) === 0) ids.delete([...ids][random(ids.size)]!);
    else ids.add(`m${random(1e9)}`);
    const says = (id: string) => ({ generation, owned: { t: owned.get(id) ?? [] }, partitions: { t: 48 } });
    const next = assign([...ids].map((id) => member(id, says(id))));
    const lists = [...next].map(([id, topics]) => [id, topics.get('t') ?? []] as const);
    assert.deepEqual(
      lists.flatMap(([, list]) => list).sort((a, b) => a - b),
      Array.from({ length: 48 }, (_, i) => i),
    );
    const sizes = lists.map(([, list]) => list.length);
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, sizes.join());
    // What a member had may only go where it is above its part.
    for (const [id, list] of lists) {
      const had = owned.get(id) ?? [];
      const kept = had.filter((p) => list.includes(p)).length;
      assert.ok(kept >= Math.min(had.length, Math.floor(48 / ids.size)), `${id} kept ${kept} of ${had.length}`);
    }
    owned = new Map(lists);
  }
});

test('what a member says is read again; words of others are taken for nothing', () => {
  const says = { generation: 3, owned: { t: [1, 2] }, partitions: { t: 8 } };
  assert.deepEqual(decodeSays(encodeSays(says)), says);
  const nothing = { generation: -1, owned: {}, partitions: {} };
  for (const words of ['', 'null', '[]', '{"generation":1}', '{"generation":1,"owned":{"t":[-1]},"partitions":{}}']) {
    assert.deepEqual(decodeSays(Buffer.from(words)), nothing, words);
  }
  const huge = '{"generation":1,"owned":{},"partitions":{"t":1e12}}';
  assert.deepEqual(decodeSays(Buffer.from(huge)), nothing);
  assert.deepEqual(decodeSays(null), nothing);
});
