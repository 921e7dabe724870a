/** Events that leave nothing to interpret are read by one look; whatever is taken so, reading with care takes, too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainEvent } from '../../src/kernel/plain-event.ts';
import { readCarefully, readEvent } from '../../src/sources/audit/event.ts';
import { eventOf } from '../support/audit-agent.ts';

type Random = (below: number) => number;

function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const NAMES = [
  'id',
  'name',
  'event',
  'service',
  'audit',
  '@timestamp',
  'a',
  'a',
  'b.c',
  'event.id',
  'ä',
  '__proto__',
  'x\\ny',
  '',
];
const TEXTS = ['', 'x', 'ü', '\\u0031', '\\ud83d\\ude00', '\\ud83d', '\\"', '\\\\', '\\x', 'y'.repeat(129)];
const NUMBERS = ['0', '-0', '12.5', '1e9', '-1.25E-3', '01', '1.', '.5', '-', '1e', '9007199254740993'];
const TIMES = [
  ...['2026-12-01T07:00:00.000Z', '2026-02-28T23:59:59.999Z', '2028-02-29T00:00:00.000Z', '2026-02-30T00:00:00.000Z'],
  ...['2100-02-29T00:00:00.000Z', '2000-02-29T00:00:00.000Z', '0000-02-29T00:00:00.000Z', '2026-04-31T00:00:00.000Z'],
  ...['2026-04-31T00:00:00.000Z', '2026-13-01T00:00:00.000Z', '2026-12-01T24:00:00.000Z', '2026-12-01T07:60:00.000Z'],
  ...['2026-12-01T07:00:60.000Z', '2026-12-01T07:00:00Z', '2026-12-01T07:00:00.000+01:00', '2026-00-10T07:00:00.000Z'],
];

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)]!;
}

/** JSON, or nearly, of any shape. */
function anyValue(random: Random, depth: number): string {
  const space = random(8) === 0 ? pick(random, [' ', '\n', '\t', '\r\n ']) : '';
  const kind = random(depth > 5 ? 3 : 5);
  if (kind === 0) return `${space}"${pick(random, TEXTS)}"`;
  if (kind === 1) return `${space}${pick(random, NUMBERS)}`;
  if (kind === 2) return `${space}${pick(random, ['true', 'false', 'null', 'nul'])}${space}`;
  const inside = Array.from({ length: random(4) }, () => anyValue(random, depth + 1));
  if (kind === 3) return `${space}[${inside.join(',')}${space}]`;
  return `${space}{${inside.map((one) => `"${pick(random, NAMES)}"${space}:${one}`).join(',')}${space}}`;
}

function anyEvent(random: Random): Buffer {
  const members = [
    `"@timestamp":"${random(2) === 0 ? TIMES[0] : pick(random, TIMES)}"`,
    `"event":{"id":"i${random(4) === 0 ? pick(random, TEXTS) : ''}"${random(3) === 0 ? `,"n":${anyValue(random, 2)}` : ''}}`,
  ];
  if (random(2) === 0) members.push(`"service":{"name":"s${random(4) === 0 ? pick(random, TEXTS) : ''}"}`);
  for (let i = random(4); i > 0; i--) {
    members.push(`"${random(3) === 0 ? pick(random, NAMES) : `n${i}`}":${anyValue(random, 1)}`);
  }
  const bytes = Buffer.from(`{${members.join(random(9) === 0 ? ' , ' : ',')}}`);
  for (let i = random(4) === 0 ? 1 + random(3) : 0; i > 0; i--) bytes[random(bytes.length)] = random(256);
  return bytes;
}

test('whatever is found plain is taken when it is read with care, as the same event', () => {
  let plain = 0;
  let taken = 0;
  for (let seed = 1; seed <= 30_000; seed++) {
    const bytes = anyEvent(randomOf(seed));
    let careful: ReturnType<typeof readCarefully> | null = null;
    try {
      careful = readCarefully(bytes, []);
      taken++;
    } catch {
      // It is refused.
    }
    let event: ReturnType<typeof readEvent> | null = null;
    try {
      event = readEvent(bytes, []);
    } catch {
      // It is refused.
    }
    assert.deepEqual(event, careful, `seed ${seed}: ${bytes}`);
    if (careful !== null && plainEvent(bytes) !== null) plain++;
  }
  // Neither is all, so both are compared.
  assert.ok(plain > 3000 && plain < taken, `${plain} of ${taken}`);
});

test('what an event before it has left behind its end is none of it', () => {
  const whole = Buffer.from(eventOf('1', { service: { name: 'shop' }, a: [1.5e3, true, false, null, '\u0001'] }));
  for (let end = 0; end < whole.length; end++) {
    assert.notEqual(plainEvent(whole), null);
    assert.equal(plainEvent(whole.subarray(0, end)), null, `its first ${end} bytes`);
  }
});

const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

for (const [what, event, expected] of [
  [
    'as clients send it',
    eventOf('1', { user: { id: 'u', roles: ['a', null, true, 1.5e3] }, service: { name: 'shop' } }),
    true,
  ],
  ['white space', '{ "@timestamp" : "2026-12-01T07:00:00.000Z" ,\n "event" : { "id" : "1" } }', true],
  ['escapes in other texts', eventOf('1', { note: 'a "b"\n\u0001' }), true],
  ['32 deep', eventOf('1').replace('{', `{"a":${deep(31)},`), true],
  ['33 deep', eventOf('1').replace('{', `{"a":${deep(32)},`), false],
  ['an id with an escape', eventOf('a"b'), false],
  ['an id of 129 bytes', eventOf('i'.repeat(129)), false],
  ['an id that is a number', '{"@timestamp":"2026-12-01T07:00:00.000Z","event":{"id":1}}', false],
  ['a name twice', eventOf('1').replace('{', '{"a":1,"b":2,"a":3,'), false],
  ['a name twice, once with an escape', eventOf('1').replace('{', '{"a":1,"\\u0061":3,'), false],
  ['a name with a dot', eventOf('1', { 'service.name': 'shop' }), false],
  ['half of a surrogate pair', eventOf('1').replace('{', '{"a":"\\ud83d",'), false],
  ['a member audit', eventOf('1', { audit: 1 }), false],
  ['the 30th of February', eventOf('1').replace('12-01', '02-30'), false],
  ['something behind it', `${eventOf('1')}x`, false],
  ['its last brace missing', eventOf('1').slice(0, -1), false],
  ['no event', '{"@timestamp":"2026-12-01T07:00:00.000Z"}', false],
] as const) {
  test(`${what}: ${expected ? 'plain' : 'read with care'}`, () => {
    assert.equal(plainEvent(Buffer.from(event)) !== null, expected);
  });
}
