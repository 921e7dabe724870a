import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heard } from '../../../../src/sources/statsd/receive/heard.ts';

test('datagrams are packed in their order, by listener, and let go of', () => {
  const heard = new Heard();
  const datagram = (text: string) => {
    // In memory of its own, as libuv gives it.
    const bytes = Buffer.alloc(text.length);
    bytes.write(text);
    return bytes;
  };
  const large = 'x'.repeat(200_000);
  const came: [listener: number, text: string][] = [
    [0, 'a:1|c'],
    [0, ''],
    [0, 'b:1|c\nc:2|c'],
    [1, 'd:1|c'],
    [0, large],
    [0, large],
    [0, 'e:1|c'],
  ];
  for (const [listener, text] of came) {
    const bytes = datagram(text);
    heard.keep(listener, bytes);
    assert.equal(bytes.length, 0);
  }
  assert.ok(heard.size > 0);
  const packs = heard.takeAll();
  assert.deepEqual([heard.size, packs.length], [0, 4]);
  const given = packs.flatMap(({ listener, bytes, ends }) =>
    ends.map((end, i) => [listener, Buffer.from(bytes.subarray(ends[i - 1] ?? 0, end)).toString()]),
  );
  assert.deepEqual(given, came);
});
