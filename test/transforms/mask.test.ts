import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { trial } from '../../src/cli/trial.ts';
import { readMaskKey } from '../../src/lines/mask-key.ts';
import { configFrom, loadConfig } from '../../src/options.ts';

const folder = mkdtempSync(join(tmpdir(), 'runnel-mask-'));
const file = join(folder, 'key');
const key = randomBytes(40);
writeFileSync(file, key, { mode: 0o600 });
test.after(() => rmSync(folder, { recursive: true }));

const hash = (text: string) => `hmac:${createHmac('sha256', key).update(text).digest('hex').slice(0, 16)}`;

async function recordOf(logs: object, line: object | string, more: object = {}): Promise<Record<string, unknown>> {
  const config = configFrom({ mask_key_file: file, ...more, logs: [{ name: 'a', include: ['/a'], ...logs }] }, {});
  const text = typeof line === 'string' ? line : JSON.stringify(line);
  const told = await trial(config, config.logs[0]!, '/a', [text]);
  if (typeof told === 'string') throw new Error(told);
  return told[0]!.value as Record<string, unknown>;
}

test('fields that a step names, and the message, are looked at behind their escapes too', async () => {
  const process = [{ parse: 'json' }, { rename: { mail: 'user.email' } }, { drop: { url: { contains: 'zzz' } } }];
  const mask = ['bearer', { rule: 'email', with: 'hash' }, { pattern: 'ssn=(\\d+)', with: '[ssn]' }];
  const line =
    '{"mail":"alice\\u0040example.com","url":"https:\\/\\/x.com\\/?u=bob\\u0040example.com&ssn=123","n":1,"message":"\\u0042earer abc"}';
  const { user, url, n, message } = await recordOf({ process, mask }, line);
  assert.deepEqual(
    { user, url, n, message },
    {
      user: { email: hash('alice@example.com') },
      url: `https://x.com/?u=${hash('bob@example.com')}&ssn=[ssn]`,
      n: 1,
      message: 'Bearer ***',
    },
  );
});

test('what is masked for all inputs holds beside that of one, which wins; also without steps, and raw', async () => {
  const line = { a: 'x@example.com', b: 4111111111111111 };
  const more = { mask: ['email', 'card'] };
  const { message } = await recordOf({ mask: [{ rule: 'email', with: '<mail>' }] }, line, more);
  assert.deepEqual(JSON.parse(message as string), { a: '<mail>', b: '************1111' });
  assert.equal(await recordOf({ encoding: 'raw' }, 'x@example.com', more), '*@example.com');
});

test('what is wrong with mask is said with its place', async () => {
  const path = join(folder, 'runnel.yaml');
  const check = async (mask: unknown[], wrong: RegExp) => {
    writeFileSync(path, JSON.stringify({ mask, logs: [{ name: 'a', include: ['/a'] }] }));
    await assert.rejects(loadConfig(path, { env: {} }), wrong);
  };
  await check(['crad'], /mask\[0\].*did you mean card/);
  await check(['card', 'card'], /mask\[1\] is \[0\] once more/);
  await check([{ pattern: '(a)(b)' }], /mask\[0\]\.pattern has 2 groups/);
  await check([{ pattern: '(a*)*' }], /mask\[0\]\.pattern/);
  await check([{ pattern: 'a*' }], /mask\[0\]\.pattern matches nothing/);
  await check([{ rule: 'card', with: 'a"b' }], /mask\[0\]\.with must be without/);
  await check(['card', { rule: 'email', with: 'hash' }], /mask\[1\]\.with hash needs a key.*mask_key_file/);
});

test('the key is a file of at least 32 bytes that others may not read', () => {
  assert.deepEqual(readMaskKey(file), key);
  chmodSync(file, 0o604);
  assert.throws(() => readMaskKey(file), /may be read or written by others: chmod o= /);
  chmodSync(file, 0o600);
  writeFileSync(file, 'short');
  assert.throws(() => readMaskKey(file), /has 5 bytes, at least 32 are needed: make one with/);
  assert.throws(() => readMaskKey(join(folder, 'none')), /there is no .*make one with/);
  assert.throws(() => readMaskKey(folder), /is no file/);
});

test('patterns for which there is no room are refused', async () => {
  const mask = Array.from({ length: 90 }, (_, i) => ({ pattern: `x${i}(?:[a-z]{2}y){200}` }));
  const path = join(folder, 'large.yaml');
  writeFileSync(path, JSON.stringify({ logs: [{ name: 'a', include: ['/a'], mask }] }));
  await assert.rejects(loadConfig(path, { env: {} }), /logs\[0\]\.mask .*patterns need/);
});
