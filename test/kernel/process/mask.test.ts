import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import type { MaskRule } from '../../../src/kernel/process/mask-rules.ts';
import { ALL_RULES, MaskLab, maskedByTwin, maskLine } from '../../support/mask-twin.ts';
import { random as randomOf } from '../../support/regex-fuzz.ts';

const lab = await MaskLab.make();
const KEY = Buffer.alloc(32, 7);
function unit(seed: number): () => number {
  const below = randomOf(seed);
  return () => below(1 << 30) / (1 << 30);
}

const stars = (text: string) => '*'.repeat(text.length);
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

test('secrets become as many stars, and what is none stays', () => {
  const check = (line: string, masked: string) => assert.deepEqual(lab.mask(ALL_RULES, [line]), [masked]);
  check('card 4111 1111 1111 1111 12/29', 'card **** **** **** 1111 12/29');
  check('4111-1111-1111-1111', '****-****-****-1111');
  check(
    '4111111111111112 0.4111111111111111 a4111111111111111',
    '4111111111111112 0.4111111111111111 a4111111111111111',
  );
  check('41111111-1111-1111-8111-111111111111', '41111111-1111-1111-8111-111111111111');
  check('Authorization: Bearer abc', 'Authorization: Bearer ***');
  check('BASIC dXNlcjpwYXNz, Basic authentication', `BASIC ${stars('dXNlcjpwYXNz')}, Basic authentication`);
  check(`jwt ${JWT}.`, `jwt ${stars(JWT)}.`);
  check('AKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLEX', `${'*'.repeat(20)} AKIAIOSFODNN7EXAMPLEX`);
  check('to alice@example.com.', 'to *****@example.com.');
  check('q=alice%40example.com&x=jörg@exämple.de', 'q=*****%40example.com&x=*****@exämple.de');
  check('*****@example.com a@b react@18.2.0', '*****@example.com a@b react@18.2.0');
  check('DE89370400440532013000 GB82 WEST 1234 5698 7654 32', `${'*'.repeat(22)} ${'*'.repeat(27)}`);
  check('DE00370400440532013000', 'DE00370400440532013000');
  check("db_password='a b' token: x; api_key => y", "db_password='***' token: *; api_key => *");
  // Nearly a scheme: it is the secret.
  check('pwd=beare7 x token: basi4 y', 'pwd=****** x token: ***** y');
  check('pwd=Bearer x token: BASIC y', 'pwd=Bearer * token: BASIC *');
  check('PWD=/root secretary: x tokens=5', 'PWD=/root secretary: x tokens=5');
});

test('JSON stays JSON: a bare number becomes a string, escapes stay whole', () => {
  const check = (line: string, masked: unknown) => {
    assert.deepEqual(JSON.parse(lab.mask(ALL_RULES, [line])[0]!), masked);
  };
  check('{"card":4111111111111111,"n":1}', { card: '************1111', n: 1 });
  check('{"cards":[ 4111111111111111 , 5500005555555559]}', { cards: ['************1111', '************5559'] });
  check('{"m":"[4111111111111111,5500005555555559]"}', { m: '[************1111,************5559]' });
  check('{"card":-4111111111111111}', { card: '-************1111' });
  check('{"m":"to\\nalice@example.com\\tAKIAIOSFODNN7EXAMPLE"}', { m: `to\n*****@example.com\t${'*'.repeat(20)}` });
  check('{"password":"a\\"b\\\\","token":null,"secret":{"x":1},"api_key":12}', {
    password: '******',
    token: null,
    secret: { x: 1 },
    api_key: '**',
  });
  check('{"m":"{\\"token\\":\\"a\\\\\\"b\\",\\"n\\":1}"}', { m: '{"token":"******","n":1}' });
  const digits: MaskRule[] = [{ rule: 'pattern', pattern: '\\d+|n', with: null }];
  assert.deepEqual(JSON.parse(lab.mask(digits, ['{"a":12,"b":1.5,"c":"\\u00e9\\n7"}'])[0]!), {
    a: '**',
    b: '*.*',
    c: '*'.repeat(9),
  });
});

test('a text or a hash takes the place, also where lines become longer or shorter', () => {
  const hash = (text: string) => `hmac:${createHmac('sha256', KEY).update(text).digest('hex').slice(0, 16)}`;
  const rules: MaskRule[] = [
    { rule: 'email', with: 'hash' },
    { rule: 'card', with: '[card]' },
    { rule: 'bearer', with: '' },
    { rule: 'pattern', pattern: 'ssn=(\\d{3}-\\d\\d-\\d{4})', with: '[ssn]' },
    { rule: 'pattern', pattern: '#', with: '<number sign>' },
  ];
  const lines = Array.from({ length: 6000 }, (_, i) => {
    return [
      `plain ${i}`,
      `a${i}@b.cc # 4111111111111111`,
      `{"c":4111111111111111,"s":"ssn=123-45-6789"}`,
      'Bearer a1b2c3 x',
    ][i % 4]!;
  });
  const masked = lab.mask(rules, lines, KEY, 'behind');
  assert.equal(masked.length, lines.length);
  for (const [i, line] of masked.entries()) {
    const wanted = [
      `plain ${i}`,
      `${hash(`a${i}@b.cc`)} <number sign> [card]`,
      '{"c":"[card]","s":"ssn=[ssn]"}',
      'Bearer  x',
    ];
    assert.equal(line, wanted[i % 4]);
  }
});

test('where there is no room for longer texts there are stars', () => {
  const rules: MaskRule[] = [{ rule: 'pattern', pattern: 'a', with: 'x'.repeat(64) }];
  const line = 'a'.repeat(900_000);
  assert.deepEqual(lab.mask(rules, [line])[0]!.replaceAll(/x{64}/g, 'a').replaceAll('*', 'a').length, line.length);
});

test('a private key: as a part of a record, or every line of it', () => {
  const key = '-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----';
  assert.deepEqual(lab.mask(ALL_RULES, [`{"k":"${key}\\n","x":1}`]), [`{"k":"${stars(key)}\\n","x":1}`]);
  const lines = [
    'before',
    'key: -----BEGIN PRIVATE KEY-----',
    'MIIEpA==',
    'anything',
    ' -----END PRIVATE KEY----- x',
    'after',
  ];
  assert.deepEqual(lab.mask(ALL_RULES, lines), ['before', ...lines.slice(1, 5).map(stars), 'after']);
  const others = ['-----BEGIN CERTIFICATE-----', 'MIIE', '-----END CERTIFICATE-----'];
  assert.deepEqual(lab.mask(ALL_RULES, others), others);
  const never = Array.from({ length: 2000 }, () => 'x'.repeat(99));
  const masked = lab.mask(ALL_RULES, ['-----BEGIN PRIVATE KEY-----', ...never]);
  assert.equal(masked.indexOf(never[0]!), 1 + Math.ceil(65536 / 100));
});

test('random lines of secrets, and what is nearly one, are masked as the twin masks them', () => {
  const random = unit(42);
  const rules = ALL_RULES.filter(({ rule }) => rule !== 'iban' && rule !== 'private_key');
  for (let round = 0; round < 20; round++) {
    const lines = Array.from({ length: 300 }, () => maskLine(random));
    for (const [i, masked] of lab.mask(rules, lines, null, 'Bearer 4111@1111.com').entries()) {
      assert.equal(masked, maskedByTwin(lines[i]!), lines[i]!);
    }
  }
});

test('a secret is found at each place of a line, whatever else is wanted', () => {
  const secrets: [rule: string, before: string, secret: string, masked: string][] = [
    ['card', ' ', '4111111111111111', '************1111'],
    ['bearer', ' Bearer ', 'abc', '***'],
    ['bearer', ' basic ', 'dXNlcjpwYXNz', stars('dXNlcjpwYXNz')],
    ['jwt', ' ', JWT, stars(JWT)],
    ['email', ' ', 'a@b.cc', '*@b.cc'],
    ['iban', ' ', 'DE89370400440532013000', '*'.repeat(22)],
    ['password', ' pwd=', 'x', '*'],
    ['password', ' api_key=', 'x', '*'],
    ['private_key', ' ', '-----BEGIN PRIVATE KEY-----x-----END PRIVATE KEY-----', '*'.repeat(53)],
    ...['AKIAIOSFODNN7EXAMPLE', `AIza${'x'.repeat(35)}`, `ghp_${'x'.repeat(36)}`, `gha_${'x'.repeat(36)}`].map(cloud),
    ...[`glpat-${'x'.repeat(20)}`, `github_pat_${'x'.repeat(30)}`, `xoxb-${'x'.repeat(20)}`].map(cloud),
    ...[`ya29.${'x'.repeat(30)}`, `sk_live_${'x'.repeat(24)}`, `rk_live_${'x'.repeat(24)}`].map(cloud),
  ];
  for (const [name, before, secret, masked] of secrets) {
    const alone = ALL_RULES.filter(({ rule }) => rule === name);
    const others = ALL_RULES.filter(({ rule }) => rule === name || rule === 'email' || rule === 'bearer');
    for (const rules of [alone, others, ALL_RULES]) {
      const pads = Array.from({ length: 40 }, (_, i) => '-'.repeat(i));
      const lines = pads.map((pad) => `${pad}${before}${secret}`);
      const wanted = pads.map((pad) => `${pad}${before}${masked}`);
      assert.deepEqual(lab.mask(rules, lines, null, secret), wanted, `${name} ${secret}`);
    }
  }

  function cloud(secret: string): [string, string, string, string] {
    return ['cloud_key', ' ', secret, stars(secret)];
  }
});

test('random hex ids and times are no secrets', () => {
  const random = unit(7);
  const hex = () => Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('');
  const lines = Array.from({ length: 4000 }, (_, i) => {
    const id = hex();
    const uuid = id.replace(/(.{8})(.{4}).(.{3}).(.{3})(.{12})/, '$1-$2-4$3-a$4-$5');
    return `${1_764_543_210_123 + i * 977} ${1_764_543_210_123_456 + i} trace=${id} id=${uuid} 0.${Math.floor(random() * 1e16)}`;
  });
  const wrong = lab.mask(ALL_RULES, lines).filter((line, i) => line !== lines[i]);
  assert.ok(wrong.length <= 2, `${wrong.length}: ${wrong[0]}`);
});

test('no line takes long, whatever it holds', () => {
  const units = [
    'eyJ',
    'eyJ-',
    'a@',
    '@',
    'eyJ.',
    '-----BEGIN PRIVATE KEY',
    'password=',
    'Bearer ',
    '4111 ',
    '4111-',
    'DE89',
    'a.b@c.d',
    '"token":[',
    '\\\\',
    'secret_key: \\"',
  ];
  for (const unit of units) {
    for (const text of [null, 'longer text']) {
      const line = unit.repeat(65536 / unit.length);
      const rules = ALL_RULES.map((rule) => ({ ...rule, with: text }));
      lab.mask(rules, [line]);
      const before = process.cpuUsage();
      lab.mask(rules, [line]);
      const { user } = process.cpuUsage(before);
      assert.ok(user < 60_000, `${unit} takes ${user} us`);
    }
  }
});
