import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { tokensOf } from '../../../src/kafka/connect/tokens.ts';
import { startTokenServer } from '../../support/token-server.ts';

const CLIENT = { id: 'runnel & co', secret: 'p:ä+ss%' };

function login(url: string, secret = CLIENT.secret) {
  return {
    mechanism: 'oauthbearer',
    token_url: url,
    client_id: CLIENT.id,
    client_secret: secret,
    scope: 'kafka',
  } as const;
}

test('a token is asked for once for all connections, and again before it ends', async () => {
  await using server = await startTokenServer(CLIENT);
  server.answer.seconds = 1;
  const token = tokensOf(login(server.url));
  assert.deepEqual(await Promise.all([token(), token(), token()]), ['token-1', 'token-1', 'token-1']);
  assert.equal(await token(), 'token-1');
  assert.deepEqual(server.asked, ['kafka']);
  await sleep(900);
  assert.equal(await token(), 'token-2');
});

test('why there is no token is said, without the secret', async (t) => {
  await using server = await startTokenServer(CLIENT);
  const token = tokensOf(login(server.url));
  const says = (ask: () => Promise<string>, why: RegExp) =>
    assert.rejects(ask, ({ message }: Error) => {
      assert.match(message, /^no token from http:\/\/127\.0\.0\.1:\d+\/token: /);
      assert.match(message, why);
      assert.ok(!message.includes(CLIENT.secret));
      return true;
    });
  await says(tokensOf(login(server.url, 'wrong')), /it answers 401 invalid_client: who are you\?$/);
  server.answer = { status: 503, body: '<html>down</html>' };
  await says(token, /it answers 503$/);
  server.answer = { body: { access_token: '' } };
  await says(token, /it answers 200$/);
  server.answer = { body: `{"x":"${'x'.repeat(1 << 20)}"}` };
  await says(token, /longer than 65536 bytes$/);
  server.answer = {};
  // Nothing of a failure is kept.
  assert.match(await token(), /^token-\d$/);
  const closed = createServer();
  await once(closed.listen(0, '127.0.0.1'), 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, 'close');
  await says(tokensOf(login(`http://127.0.0.1:${port}/token`)), /ECONNREFUSED/);
  t.diagnostic('done');
});

test('a token file is read each time', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-token-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'token');
  const token = tokensOf({ mechanism: 'oauthbearer', token_file: path });
  await assert.rejects(token, /^Error: kafka\.sasl\.token_file .*token: there is no such file/);
  writeFileSync(path, 'one\n');
  assert.equal(await token(), 'one');
  writeFileSync(path, 'two');
  assert.equal(await token(), 'two');
  writeFileSync(path, ' \n');
  await assert.rejects(token, /token_file .*token: it is empty/);
});

const KEY = { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

function withCredentials(t: TestContext): void {
  const set = { AWS_ACCESS_KEY_ID: KEY.id, AWS_SECRET_ACCESS_KEY: KEY.secret };
  for (const [name, value] of Object.entries(set)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

test("for AWS it is a request to connect, signed with the host's credentials", async (t) => {
  withCredentials(t);
  const token = await tokensOf({ mechanism: 'aws-msk-iam', region: 'eu-central-1' })();
  const url = new URL(Buffer.from(token, 'base64url').toString());
  const of = (name: string) => url.searchParams.get(name) ?? '';
  assert.equal(url.host, 'kafka.eu-central-1.amazonaws.com');
  assert.equal(of('Action'), 'kafka-cluster:Connect');
  assert.equal(of('X-Amz-Expires'), '900');
  const day = of('X-Amz-Date').slice(0, 8);
  const scope = `${day}/eu-central-1/kafka-cluster/aws4_request`;
  assert.equal(of('X-Amz-Credential'), `${KEY.id}/${scope}`);
  // AWS Signature Version 4, of a request with its signature in the query.
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature' && name !== 'User-Agent')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .sort()
    .join('&');
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const request = ['GET', '/', query, `host:${url.host}\n`, 'host', sha256('')].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', of('X-Amz-Date'), scope, sha256(request)].join('\n');
  const sign = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const key = [day, 'eu-central-1', 'kafka-cluster', 'aws4_request'].reduce<string | Buffer>(sign, `AWS4${KEY.secret}`);
  assert.equal(of('X-Amz-Signature'), sign(key, toSign).toString('hex'));
});
