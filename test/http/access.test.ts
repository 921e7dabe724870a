import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Access } from '../../src/http/access.ts';
import { peerOf } from '../../src/http/connection.ts';
import { Listeners } from '../../src/http/listeners.ts';
import { Peer, portOf, QUICK, serve } from '../support/http-peer.ts';
import { makeCertificates } from '../support/kafka-tls.ts';
import { until } from '../support/until.ts';

async function codeOf(t: TestContext, access: Access, headers: string): Promise<number> {
  const peer = await Peer.of(t, await serve(t, undefined, { access }));
  peer.socket.write(`GET /a HTTP/1.0\r\n${headers}\r\n`);
  return (await peer.answers(1)).codes[0]!;
}

test('a Host header has to be one of ours', async (t) => {
  const names = { listen: 'box:1', hosts: ['web-1.example.com'], option: 'x.hosts' };
  const check = async (host: string, code: number) =>
    assert.equal(await codeOf(t, { names }, host === '' ? '' : `Host: ${host}\r\n`), code, host);
  for (const host of ['', 'box:1', 'BOX', 'localhost', 'a.localhost:9', '127.0.0.1', '[::1]:80', '10.1.2.3:9']) {
    await check(host, 200);
  }
  await check('WEB-1.example.com:9', 200);
  for (const host of ['evil', 'evil:1', 'localhost.evil', '127.0.0.1.evil', 'web-1.example.com.evil', ':1', '[evil]']) {
    await check(host, 421);
  }
  const server = await serve(t, undefined, { access: { names } });
  const peer = await Peer.of(t, server);
  peer.socket.write('GET /a HTTP/1.1\r\nHost: evil\r\n\r\n');
  assert.match((await peer.answers(1)).text, /add it to x\.hosts/);
  assert.deepEqual([...server.refused], [['host', 1]]);
});

test('where there is a token it has to be the right one', async (t) => {
  const access = { names: null, token: 'secret' };
  const check = async (headers: string, code: number) => assert.equal(await codeOf(t, access, headers), code, headers);
  await check('', 401);
  await check('Authorization: Bearer secret\r\n', 200);
  await check('authorization: bearer  secret\r\n', 200);
  for (const wrong of ['Bearer secre', 'Bearer secretx', 'Bearer ', 'Basic secret', 'secret', 'Bearer secret x']) {
    await check(`Authorization: ${wrong}\r\n`, 401);
  }
});

test('a peer is an address, this machine none', () => {
  const check = (remoteAddress: string | undefined, peer: string | null) =>
    assert.equal(peerOf({ remoteAddress } as Parameters<typeof peerOf>[0]), peer);
  for (const local of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1', undefined]) check(local, null);
  for (const other of ['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '1.127.0.0']) check(other, other);
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const tls = { skip: hasOpenssl ? false : 'openssl, which makes the certificates, is not installed' };

async function certificates(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-http-'));
  t.after(() => rmSync(dir, { recursive: true }));
  await makeCertificates(dir);
  const at = (name: string) => join(dir, name);
  const server = { cert_file: at('server-chain.pem'), key_file: at('server-chain.pem') };
  const client = { cert: readFileSync(at('client.pem')), key: readFileSync(at('client.key')) };
  const expired = { server: at('server-expired.pem'), client: readFileSync(at('client-expired.pem')) };
  return { server, client, expired, ca_file: at('ca.pem'), ca: readFileSync(at('ca.pem')) };
}

/** The answer's code and body; the error's code where there is none. */
function ask(port: number, options: RequestOptions): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/a', agent: false, ...options }, (response) => {
      let text = `${response.statusCode} `;
      response.setEncoding('utf8').on('data', (some) => (text += some));
      response.on('end', () => resolve(text.trim()));
    });
    asked.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? ''));
    asked.end();
  });
}

test('over TLS it is the same server: answers, limits, and who does not speak TLS', tls, async (t) => {
  const { server: files, ca } = await certificates(t);
  const server = await serve(t, undefined, { tls: files, limits: QUICK });
  assert.equal(await ask(portOf(server), { ca }), '200 /a');
  const plain = await (await Peer.of(t, server)).send('/a').ended();
  assert.deepEqual(plain.paths, []);
  // It begins to agree on TLS and goes no further.
  const half = await Peer.of(t, server);
  half.socket.write('\x16\x03\x01\x02', 'latin1');
  await half.ended();
  await until('all are gone', () => server.connections === 0);
  assert.equal(server.refused.get('timeout'), 1);
});

test('where there is an authority a client needs its certificate, or the token', tls, async (t) => {
  const { server: files, client, expired, ca, ca_file } = await certificates(t);
  const options = { tls: { ...files, client_ca_file: ca_file }, access: { names: null, certificate: true } };
  const strict = await serve(t, undefined, options);
  assert.match(await ask(portOf(strict), { ca }), /^401 This needs a client certificate\./);
  assert.equal(await ask(portOf(strict), { ca, ...client }), '200 /a');
  const late = await ask(portOf(strict), { ca, ...client, cert: expired.client });
  assert.match(late, /^401 This needs a client certificate\. The client certificate has expired\.$/);

  const either = await serve(t, undefined, { ...options, access: { ...options.access, token: 'secret' } });
  assert.match(await ask(portOf(either), { ca }), /^401 This needs a client certificate or a token\./);
  assert.equal(await ask(portOf(either), { ca, headers: { authorization: 'Bearer secret' } }), '200 /a');
  assert.equal(await ask(portOf(either), { ca, ...client }), '200 /a');
});

test('a certificate whose time is over is said, until it is renewed', tls, async (t) => {
  const { server: files, expired } = await certificates(t);
  const both = readFileSync(files.cert_file);
  for (const file of Object.values(files)) copyFileSync(expired.server, file);
  const listeners = new Listeners('otlp', [
    { address: 'http://127.0.0.1:0', open: () => serve(t, undefined, { tls: files }) },
  ]);
  await listeners.bind(false, new AbortController().signal);
  assert.match(listeners.status()[0]!.error!, /^its certificate ended at 20\S+, no client takes it: renew \S+$/);
  assert.match(listeners.problems().join(), /^otlp http:\S+: its certificate ended/);
  writeFileSync(files.cert_file, both);
  await until('it is seen, though nobody has come', () => listeners.problems().length === 0);
});
