/** What is secret in an event is masked before anything else sees it, however it is written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaskRule } from '../../../src/kernel/process/mask-rules.ts';
import { MOST_EVENT_BYTES } from '../../../src/sources/audit/event.ts';
import { EventMask } from '../../../src/sources/audit/mask.ts';

const CARD = '4111111111111111';
const RULES: MaskRule[] = [
  { rule: 'card', with: null },
  { rule: 'bearer', with: '[token]' },
  { rule: 'private_key', with: null },
  { rule: 'password', with: null },
  { rule: 'pattern', pattern: 'pass\\s+(\\w+)', with: null },
];

async function masked(text: string): Promise<string> {
  const mask = await EventMask.of(RULES, null);
  return mask!.mask(Buffer.from(text)).toString();
}

const escaped = (text: string) => [...text].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

test('as it lies there, and behind escapes', async () => {
  const check = async (value: string, expected: string) => {
    const around = (text: string) => `{"a\\n":"\\"b\\"","c":"${text}","d":[1]}`;
    assert.equal(await masked(around(value)), around(expected));
  };
  const stars = '*'.repeat(12);
  await check(CARD, `${stars}1111`);
  await check(`4111\\u0031${CARD.slice(5)}`, `${stars}1111`);
  await check(escaped(CARD), `${stars}1111`);
  await check(`\\u0034${CARD.slice(1)} and ${escaped(CARD)}`, `${stars}1111 and ${stars}1111`);
  await check('Authorization: Bearer abcdefgh\\u0069jklmnopqrst', 'Authorization: Bearer [token]');
  await check('pass\\tsecret', 'pass\\t******');
  await check('pass\\nsecret', 'pass\\n******');
  await check('a\\\\u0034b \\ud83d\\ude00', 'a\\\\u0034b \\ud83d\\ude00');
  await check('password=a\\u0062c; x', 'password=***; x');
  await check(`\\ud83d\\ude00 ${escaped(CARD)} \\"`, `😀 ${stars}1111 \\"`);
});

test('what a key says is secret, also where that has escapes', async () => {
  assert.equal(await masked('{"p\\u0061ssword":"se\\u0063ret\\"x","b":"\\u0062"}'), '{"password":"*********","b":"b"}');
});

test('keys, too', async () => {
  assert.equal(await masked(`{"${escaped(CARD)}":1}`), `{"${'*'.repeat(12)}1111":1}`);
});

test('what has nothing secret in it keeps its bytes, and what is no JSON is left to be refused', async () => {
  for (const text of ['{"a":"\\u0041\\/b"}', '{"a":"\\', '{"a":"\\x"}', '"', '\\'])
    assert.equal(await masked(text), text);
  const mask = await EventMask.of(RULES, null);
  const broken = Buffer.from('{"a":"\\n\xff"}', 'latin1');
  assert.deepEqual(mask!.mask(broken), broken, 'no UTF-8');
});

test('an id that is a secret is refused: others would be taken for it', async () => {
  const mask = await EventMask.of(RULES, null);
  const check = (text: string) => {
    const expected = { message: /has an event\.id that mask would hide/, told: { line: 3, field: 'event.id' } };
    assert.throws(() => mask!.mask(Buffer.from(text), 3), expected);
  };
  check(`{"event":{"id":"${CARD}"},"a":1}`);
  check(`{"a":"\\n","event":{"id":"${escaped(CARD)}"}}`);
  check(`{"event.id":"e ${CARD}"}`);
  assert.equal(
    await masked(`{"event":{"id":"e-1"},"a":"${CARD}"}`),
    `{"event":{"id":"e-1"},"a":"${'*'.repeat(12)}1111"}`,
  );
  assert.equal(await masked(`["${CARD}"]`), `["${'*'.repeat(12)}1111"]`, 'it is refused later');
});

test('where a pattern is not through with an event that is said, and nothing else of it is hidden', async () => {
  const mask = await EventMask.of([{ rule: 'pattern', pattern: 'a(b|c)*d', with: null }], null);
  for (const text of ['a1 '.repeat(30_000), `\\n${'a1 '.repeat(30_000)}`]) {
    assert.throws(() => mask!.mask(Buffer.from(`{"a":"${text}"}`)), /takes a pattern of mask too many steps/);
  }
  assert.equal(mask!.mask(Buffer.from('{"a":"abcd"}')).toString(), '{"a":"ab*d"}');
});

test('what is too large is not looked at: it is refused', async () => {
  const mask = await EventMask.of(RULES, null);
  const large = (bytes: number) => Buffer.from(`{"c":"${CARD}","a":"`.padEnd(bytes - 2, 'x').concat('"}'));
  const isKept = (event: Buffer) => mask!.mask(event).equals(event);
  assert.ok(!isKept(large(MOST_EVENT_BYTES)));
  // The second is larger than what the kernel has for one.
  for (const bytes of [MOST_EVENT_BYTES + 1, 3 << 20]) assert.ok(isKept(large(bytes)));
});
