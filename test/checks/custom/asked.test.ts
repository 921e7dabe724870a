/** What is asked over a unix socket, by TLS, with a token, and name servers. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { addressOf, folder, named, runner } from '../../support/custom-checks.ts';
import { runDeaf } from '../../support/deaf.ts';

const DEADLINE = 10_000;

test('a unix socket is asked by the name and the path of the URL', async (t) => {
  const socket = join(await folder(t), 'app.sock');
  const asked: string[] = [];
  const listening = createServer((request, response) => {
    asked.push(`${request.headers.host} ${request.url}`);
    response.end('a 7\n');
  }).listen(socket);
  await once(listening, 'listening');
  t.after(() => listening.close());
  const url = 'http://app.internal/metrics';
  const metrics = await runner(t, { type: 'openmetrics', url, socket });
  assert.deepEqual(named(await metrics.run(DEADLINE)), [
    ['a', 7],
    ['up', 1],
  ]);
  const http = await runner(t, { type: 'http', url, socket, expect: { body: 'a 7' } });
  await http.run(DEADLINE);
  assert.equal(http.state, 0, http.message ?? '');
  assert.deepEqual(asked, ['app.internal /metrics', 'app.internal /metrics']);
  const nobody = await runner(t, { type: 'openmetrics', url, socket: `${socket}.no` });
  assert.deepEqual(named(await nobody.run(DEADLINE)), [['up', 0]]);
  assert.match(nobody.message!, /app\.sock\.no: there is no such file/);
});

/** Signed by itself, for 127.0.0.1. */
function certificate(dir: string, name: string) {
  const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
  const how = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '20'];
  const who = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', [...how, '-keyout', key, '-out', cert, ...who], { stdio: 'ignore' });
  return { key, cert };
}

test('openmetrics: TLS with a certificate of its own, and a token that is read anew for each run', async (t) => {
  const dir = await folder(t);
  const [server, client] = [certificate(dir, 'server'), certificate(dir, 'client')];
  const seen: string[] = [];
  const read = (file: string) => readFileSync(file);
  const tls = { key: read(server.key), cert: read(server.cert), ca: read(client.cert), requestCert: true };
  const listening = createHttps(tls, (request, response) => {
    const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject;
    seen.push(`${CN} ${request.headers.authorization}`);
    response.end('a 7\n');
  }).listen(0, '127.0.0.1');
  const url = await addressOf(t, listening, 'https');
  const token_file = join(dir, 'token');
  const own = { ca_file: server.cert, cert_file: client.cert, key_file: client.key };
  const check = await runner(t, { type: 'openmetrics', url, token_file, tls: own });
  for (const token of ['first', 'second']) {
    writeFileSync(token_file, `${token}\n`);
    await check.run(DEADLINE);
    assert.equal(check.state, 0, check.message ?? '');
  }
  assert.deepEqual(seen, ['client Bearer first', 'client Bearer second']);
  const stranger = await runner(t, { type: 'openmetrics', url, tls: { ca_file: server.cert } });
  assert.deepEqual(named(await stranger.run(DEADLINE)), [['up', 0]]);
  assert.equal(stranger.state, 2);
});

const [A, AAAA] = [1, 28];
const NO_SUCH_NAME = 3;

/** Answers from a table: addresses, or a code of what went wrong. */
async function nameServer(t: TestContext, answers: Record<string, Partial<Record<number, Buffer>> | number>) {
  const socket = createSocket('udp4');
  socket.on('message', (question, from) => {
    const name = nameIn(question);
    const type = question.readUInt16BE(12 + name.length + 2);
    const known = answers[name];
    const address = typeof known === 'object' ? known[type] : undefined;
    const head = Buffer.from(question.subarray(0, 12 + name.length + 6));
    head.writeUInt16BE(0x8180 | (typeof known === 'number' ? known : 0), 2);
    head.writeUInt16BE(address ? 1 : 0, 6);
    head.fill(0, 8, 12);
    const answer = Buffer.alloc(address ? 12 : 0);
    if (address) {
      // The name of the question, its class and a time to live.
      answer.writeUInt16BE(0xc00c, 0);
      answer.writeUInt16BE(type, 2);
      answer.writeUInt16BE(1, 4);
      answer.writeUInt16BE(address.length, 10);
    }
    socket.send(Buffer.concat([head, answer, address ?? Buffer.alloc(0)]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return `127.0.0.1:${(socket.address() as AddressInfo).port}`;
}

/** Of the first question, with dots. */
function nameIn(question: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; question[at] !== 0; at += question[at]! + 1) {
    labels.push(question.toString('latin1', at + 1, at + 1 + question[at]!));
  }
  return labels.join('.');
}

test('dns: a name with addresses of either kind is fine, one without is critical', async (t) => {
  const server = await nameServer(t, {
    'four.internal': { [A]: Buffer.from([192, 0, 2, 1]) },
    'six.internal': { [AAAA]: Buffer.alloc(16, 1) },
    'none.internal': {},
    'nobody.internal': NO_SUCH_NAME,
  });
  for (const [query, state, said] of [
    ['four.internal', 0, null],
    ['six.internal', 0, null],
    ['none.internal', 2, /^none\.internal: /],
    ['nobody.internal', 2, /^nobody\.internal: no such name$/],
  ] as const) {
    const check = await runner(t, { type: 'dns', query, server });
    const names = named(await check.run(DEADLINE)).map(([name]) => name);
    assert.deepEqual([check.state, check.status.errors], [state, 0], `${query}: ${check.message}`);
    assert.deepEqual(names, state === 0 ? ['dns.check.duration'] : []);
    if (said) assert.match(check.message!, said);
  }
});

/** Six checks, again and again, of names for which nobody answers; then how many of these are being asked for. */
const PROGRAM = `
const { lookup } = await import('node:dns/promises');
const { CustomRunner } = await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../../src/checks/custom/runner.ts')))});
const common = { name: 'x', tags: {}, timeout: 200, max_series: 10, expect: { status: [] } };
const checks = [1, 2, 3, 4, 5, 6].map((i) => {
  const type = i % 2 ? 'tcp' : 'http';
  return new CustomRunner({ ...common, type, address: \`dead\${i}.internal:80\`, url: \`http://dead\${i}.internal/\` });
});
for (let i = 0; i < 6; i++) await Promise.all(checks.map((check) => check.run(200)));
const asking = process.getActiveResourcesInfo().filter((one) => one.includes('GetAddrInfo')).length;
const [{ address }] = await lookup('localhost', { all: true, family: 4 });
process.stdout.write(JSON.stringify({ asking, address, errors: checks.map(({ status }) => status.errors) }));
// An exit waits for what is being asked.
process.kill(process.pid, 'SIGKILL');
`;

test('names for which nobody answers are asked for one at a time, and hold up no others', (t) => {
  const ran = runDeaf(t, PROGRAM);
  if (!ran) return t.skip('NOT TESTED: needs root, unshare and ip');
  const { stdout, stderr } = ran;
  assert.equal(stderr, '');
  const { asking, address, errors } = JSON.parse(stdout) as { asking: number; address: string; errors: number[] };
  assert.deepEqual([asking, address], [1, '127.0.0.1']);
  assert.ok(errors.every((count) => count > 1));
});
