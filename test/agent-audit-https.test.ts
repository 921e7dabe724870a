/** Audit events over https: a client certificate or a token says who sends, and which stream that may be. */
// Slow: starts agents, and makes certificates
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type RequestOptions, request } from 'node:https';
import { test } from 'node:test';
import { makeHome, runnel } from './support/agent.ts';
import { auditOnDisk, eventOf } from './support/audit-agent.ts';
import { makeCertificates } from './support/kafka-tls.ts';
import { freePort } from './support/ports.ts';

test('over https a certificate or a token is needed, and names the stream', async () => {
  await using home = await makeHome();
  await makeCertificates(home.dir);
  const tls = {
    cert_file: home.path('server-chain.pem'),
    key_file: home.path('server-chain.pem'),
    client_ca_file: home.path('ca.pem'),
  };
  const port = await freePort();
  const tokens = { payroll: createHash('sha256').update('a-token').digest('hex') };
  const streams = { payroll: { allow: [{ token: 'payroll' }] }, others: { allow: [{ certificate: 'client' }] } };
  const agent = await home.start({ audit: { listen: [`https://127.0.0.1:${port}`], tls, tokens, streams } });
  const ca = readFileSync(home.path('ca.pem'));
  const own = { ca, cert: readFileSync(home.path('client.pem')), key: readFileSync(home.path('client.key')) };
  const send = async (id: string, options: RequestOptions, headers: Record<string, string> = {}) => {
    const body = eventOf(id);
    const asked = request({
      ...{ host: '127.0.0.1', port, path: '/v1/audit', method: 'POST', agent: false },
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
      ...options,
    });
    asked.end(body);
    const [answer] = await once(asked, 'response');
    let text = '';
    for await (const piece of answer.setEncoding('utf8')) text += piece;
    return { code: answer.statusCode as number, body: JSON.parse(text) };
  };
  assert.equal((await send('a', { ca })).code, 401);
  const late = await send('a', { ...own, cert: readFileSync(home.path('client-expired.pem')) });
  assert.match(late.body.error, /^this needs a client certificate or a token; the client certificate has expired$/);
  assert.equal((await send('a', { ca }, { authorization: 'Bearer another' })).code, 401);
  const token = await send('a', { ca }, { authorization: 'Bearer a-token' });
  assert.deepEqual([token.code, token.body.stream], [201, 'payroll']);
  const elsewhere = await send('b', { ca }, { authorization: 'Bearer a-token', 'runnel-stream': 'others' });
  assert.equal(elsewhere.code, 403);
  // Its own stream is not one of those that may be written.
  const certificate = await send('c', own);
  assert.equal(certificate.code, 403, JSON.stringify(certificate.body));
  const named = /certificate=(\S+)/.exec(certificate.body.error)?.[1];
  assert.ok(named, certificate.body.error);
  // By the same name, and of another authority.
  await mkdir(home.path('others'));
  await makeCertificates(home.path('others'));
  const [cert, key] = ['client.pem', 'client.key'].map((name) => readFileSync(home.path('others', name)));
  assert.equal((await send('c', { ca, cert, key })).code, 401);
  assert.equal((await send('d', { ca, servername: 'localhost', headers: { host: 'evil.example.com' } })).code, 421);
  await agent.stop();
  const [record] = await auditOnDisk(home.dataDir);
  assert.deepEqual([record!.key, record!.headers.peer], ['payroll', 'token=payroll']);
});

test('a certificate that nobody takes any more is a warning of validate', async () => {
  await using home = await makeHome();
  await makeCertificates(home.dir);
  const [cert_file, client_ca_file] = [home.path('server-expired.pem'), home.path('ca.pem')];
  const tls = { cert_file, key_file: cert_file, client_ca_file };
  const file = await home.configure({ audit: { listen: ['https://127.0.0.1:8689'], tls }, otlp: { http: [], tls } });
  const { code, stderr } = await runnel('validate', '-c', file);
  assert.equal(code, 0);
  for (const name of ['audit', 'otlp']) {
    assert.match(
      stderr,
      new RegExp(`${name}\\.tls\\.cert_file its certificate ended at \\S+, no client takes it: renew `),
    );
  }
});
