/** One event at a time, to an agent that is there, or not, or has no room. */
// Slow: has openssl make certificates.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { AuditError, emit } from '../../src/client/audit.ts';
import { AuditPeer } from '../support/audit-peer.ts';
import { directory } from '../support/directory.ts';
import { makeCertificates } from '../support/kafka-tls.ts';
import { until } from '../support/until.ts';

test('an event is taken, and its receipt has its numbers', async (t) => {
  await using peer = await AuditPeer.start(join(directory(t), 'audit.sock'));
  const receipt = await emit({ event: { id: 'one', action: 'login' } }, { socket: peer.socket, stream: 'shop' });
  const { id, stream, first, last, durable, duplicate } = receipt;
  assert.deepEqual([id, stream, first, last, durable, duplicate], ['one', 'shop', 1, 1, 'spool', false]);
  const [{ headers, lines }] = peer.requests as [(typeof peer.requests)[0]];
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(JSON.parse(lines[0]!).event.action, 'login');
});

test('without an answer, without room and without an agent the same event is sent again', async (t) => {
  await using peer = await AuditPeer.start(join(directory(t), 'audit.sock'));
  const faults = ['lost', { status: 503, headers: { 'retry-after': '0' } }, { status: 429 }, { status: 500 }] as const;
  peer.fault = () => faults[peer.requests.length - 1] ?? null;
  await peer.close();
  const emitted = emit({ event: { id: 'one' } }, { socket: peer.socket });
  await peer.listen();
  await emitted;
  assert.equal(peer.requests.length, faults.length + 1);
  assert.equal(new Set(peer.requests.map(({ lines }) => lines.join())).size, 1);
});

test('what the agent refuses is refused at once, with its words', async (t) => {
  await using peer = await AuditPeer.start(join(directory(t), 'audit.sock'));
  for (const status of [400, 401, 403, 409, 413, 415, 422]) {
    peer.fault = () => ({ status, body: { error: 'no', missing: ['user.id'] } });
    await assert.rejects(emit({ event: { id: 'one' } }, { socket: peer.socket }), (error: AuditError) => {
      assert.ok(error instanceof AuditError);
      assert.deepEqual([error.status, error.answer], [status, { error: 'no', missing: ['user.id'] }]);
      assert.equal(error.message, `the agent refuses event one: ${status} (no) {"missing":["user.id"]}`);
      return true;
    });
  }
  assert.equal(peer.requests.length, 7);
});

test('patience ends, and the signal ends it', async (t) => {
  const socket = join(directory(t), 'audit.sock');
  await assert.rejects(emit({ event: { id: 'one' } }, { socket, timeout_ms: 200 }), {
    name: 'AuditError',
    status: null,
    message: new RegExp(`^no agent at ${socket} has taken event one within 200 ms: connect ENOENT`),
  });
  await using peer = await AuditPeer.start(socket);
  peer.fault = () => 'silent';
  await assert.rejects(emit({}, { socket, timeout_ms: 100 }), /within 100 ms: it does not answer/);
  const stop = new AbortController();
  const emitted = emit({}, { socket, signal: stop.signal });
  await until('it was asked', () => peer.requests.length === 2);
  stop.abort();
  await assert.rejects(emitted, { name: 'AbortError' });
});

test('ten thousand at once wait here, not in as many connections', async (t) => {
  await using peer = await AuditPeer.start(join(directory(t), 'audit.sock'));
  let [open, most] = [0, 0];
  peer.onConnection = (socket) => {
    most = Math.max(most, ++open);
    socket.once('close', () => open--);
  };
  await Promise.all(
    Array.from({ length: 10_000 }, (_, i) => emit({ event: { id: `e-${i}` } }, { socket: peer.socket })),
  );
  assert.equal(new Set(peer.ids).size, 10_000);
  assert.ok(most <= 16, `${most} connections`);
});

test('over https with a token', async (t) => {
  const dir = directory(t);
  await makeCertificates(dir);
  const [own, ca] = ['server-chain.pem', 'ca.pem'].map((name) => readFileSync(join(dir, name), 'utf8'));
  const server = createServer({ cert: own!, key: own! }, (request, response) => {
    response.writeHead(request.headers.authorization === 'Bearer secret' ? 201 : 401);
    response.end(JSON.stringify({ stream: 'shop', first: 1, last: 1 }));
    request.resume();
  });
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  assert.equal((await emit({}, { url, token: 'secret', ca: ca! })).first, 1);
  await assert.rejects(emit({}, { url, token: 'wrong', ca: ca! }), { name: 'AuditError', status: 401 });
  await assert.rejects(emit({}, { url, token: 'secret', timeout_ms: 2000 }), /self-signed|unable to (verify|get)/);
});

test('an address is a socket or an https URL', async () => {
  await assert.rejects(emit({}, {}), /one of the two/);
  await assert.rejects(emit({}, { socket: '/a', url: 'https://b' }), /one of the two/);
  await assert.rejects(emit({}, { url: 'http://b:1' }), /audit goes by https, not to http:\/\/b:1/);
  await assert.rejects(emit({}, { socket: '/a', stream: 'A B' }), /a stream is named by/);
});
