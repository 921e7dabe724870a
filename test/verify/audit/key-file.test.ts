/** How a file says which keys are pinned. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publicKey } from '../../../src/audit/seal.ts';
import { pinnedKeys } from '../../../src/verify/audit/key-file.ts';
import { madeKey } from '../../support/audit-records.ts';

const [one, two] = [1, 2].map((n) => madeKey(n).key) as [string, string];

test('lines of hex, JSON, PEM', () => {
  const check = (text: string, expected: string[]) => assert.deepEqual(pinnedKeys(text), expected);
  check(one, [one]);
  check(`# of web-1\n${one.toUpperCase()} # first\r\n\n${two}\n`, [one, two]);
  check(JSON.stringify({ keys: [{ key: one, from: '2026-12-01T00:00:00.000Z', to: null }, { key: two }] }), [one, two]);
  check([one, two].map((key) => publicKey(key).export({ format: 'pem', type: 'spki' })).join(''), [one, two]);
});

test('what holds none says so', () => {
  const check = (text: string, expected: RegExp) => assert.throws(() => pinnedKeys(text), expected);
  check('', /^Error: holds no key$/);
  check('abc', /holds "abc", which is no key: one has 64 hex digits/);
  check('{', /is no JSON/);
  check('{"keys":7}', /has no list `keys`/);
  check('{"keys":[{"name":1}]}', /which is no key/);
  check('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', /cannot be read/);
});
