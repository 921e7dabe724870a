import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { timeoutOf } from '../../src/http/grpc/message.ts';
import { type GrpcOptions, GrpcServer, type Method } from '../../src/http/grpc/server.ts';
import { GrpcError, percentEncoded, statusMessage } from '../../src/http/grpc/status.ts';
import { call, frameOf, sessionTo } from '../support/grpc-peer.ts';
import { Peer, QUICK } from '../support/http-peer.ts';
import { until } from '../support/until.ts';

const MAX = 100_000;
const ECHO = '/test.Echo/Say';

async function open(t: TestContext, options: Partial<GrpcOptions> = {}, echo?: Method): Promise<GrpcServer> {
  const method: Method = echo ?? (async ({ message }) => Buffer.concat(await message(MAX)));
  const server = await GrpcServer.open({
    where: { host: '127.0.0.1', port: 0 },
    access: { names: null },
    methods: new Map([[ECHO, method]]),
    elsewhere: 'HTTP is spoken at :4318',
    ...options,
  });
  t.after(() => server.close());
  return server;
}

test('a message is answered with one, behind it the trailers', async (t) => {
  const server = await open(t);
  const session = sessionTo(t, server.address);
  for (const text of ['', 'hello', 'x'.repeat(MAX)]) {
    const { code, status, trailers, headers, body } = await call(session, ECHO, frameOf(Buffer.from(text)));
    assert.deepEqual([code, status, headers['content-type']], [200, 0, 'application/grpc']);
    assert.deepEqual(body, frameOf(Buffer.from(text)));
    assert.equal(trailers?.['grpc-status'], '0');
  }
  const packed = frameOf(gzipSync('hello '.repeat(1000)), 1);
  const { body } = await call(session, ECHO, packed, { 'grpc-encoding': 'gzip' });
  assert.equal(body.length, 5 + 6000);
  // Many at once, over one connection.
  const many = await Promise.all(
    Array.from({ length: 300 }, (_, i) => call(session, ECHO, frameOf(Buffer.from(`${i}`)))),
  );
  assert.deepEqual(
    many.map(({ body }) => Number(body.toString('utf8', 5))),
    many.map((_, i) => i),
  );
  assert.deepEqual([server.requests, server.budget.used, server.refused.size], [304, 0, 0]);
});

test('what cannot be served is said in one frame of headers', async (t) => {
  const server = await open(t);
  const session = sessionTo(t, server.address);
  const check = async (path: string, body: Buffer, more: Record<string, string>, status: number, message: RegExp) => {
    const answer = await call(session, path, body, more);
    assert.deepEqual(
      [answer.code, answer.status, answer.trailers, answer.body.length],
      [200, status, null, 0],
      answer.message,
    );
    assert.match(answer.message, message);
    return answer;
  };
  const hello = Buffer.from('hello');
  await check('/test.Echo/Shout', frameOf(hello), {}, 12, /there is no \/test\.Echo\/Shout here/);
  await check(ECHO, Buffer.alloc(0), {}, 3, /there is no message/);
  await check(ECHO, frameOf(hello).subarray(0, 8), {}, 3, /not exactly one message/);
  await check(ECHO, Buffer.concat([frameOf(hello), frameOf(hello)]), {}, 3, /not exactly one message/);
  await check(ECHO, frameOf(hello, 2), {}, 13, /2 is no flag/);
  await check(ECHO, frameOf(gzipSync(hello), 1), {}, 13, /grpc-encoding does not say how/);
  const unknown = await check(ECHO, frameOf(hello, 1), { 'grpc-encoding': 'snappy' }, 12, /identity,gzip, not snappy/);
  assert.equal(unknown.headers['grpc-accept-encoding'], 'identity,gzip');
  await check(ECHO, frameOf(hello, 1), { 'grpc-encoding': 'gzip' }, 3, /not gzip/);
  // A bomb, and what says at once that it is too large: neither is sent again as it is.
  for (const body of [frameOf(gzipSync(Buffer.alloc(50 << 20)), 1), frameOf(Buffer.alloc(MAX + 1))]) {
    const large = await check(ECHO, body, { 'grpc-encoding': 'gzip' }, 8, /at most 100000 bytes/);
    assert.equal(large.headers['grpc-status-details-bin'], undefined);
  }
  const plain = await call(session, ECHO, hello, { 'content-type': 'application/json' });
  assert.deepEqual([plain.code, plain.status], [415, null]);
  assert.equal((await call(session, ECHO, hello, { ':method': 'PUT' })).code, 405);
  assert.equal((await call(session, ECHO, frameOf(hello))).status, 0, 'the connection goes on');
  assert.equal(server.budget.used, 0);
});

test('a large body is refused while it comes, and only that call ends', async (t) => {
  const server = await open(t);
  const session = sessionTo(t, server.address);
  const { status } = await call(session, ECHO, Buffer.alloc(100 << 20));
  assert.equal(status, 8);
  assert.equal((await call(session, ECHO, frameOf(Buffer.from('a')))).status, 0);
});

test('a message that takes long makes room for others', async (t) => {
  const server = await open(t, { limits: { bodies: 100_000, slow_ms: 50 } });
  const session = sessionTo(t, server.address);
  const stream = session.request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc' });
  stream.on('error', () => undefined);
  const headers = once(stream, 'response');
  stream.write(frameOf(Buffer.alloc(90_000)).subarray(0, 80_000));
  await until('it has come', () => server.budget.used === 80_000);
  await sleep(60);
  assert.equal((await call(session, ECHO, frameOf(Buffer.alloc(50_000)))).status, 0);
  const [slow] = await headers;
  assert.equal(slow['grpc-status'], '14');
  stream.close();
  await until('all is given back', () => server.budget.used === 0);
});

test('who is to come again is told when', async (t) => {
  const server = await open(t, {}, () => Promise.reject(new GrpcError('UNAVAILABLE', 'full', 'später: 100 %', 1500)));
  const { status, message, headers } = await call(sessionTo(t, server.address), ECHO, frameOf(Buffer.alloc(0)));
  assert.deepEqual([status, message], [14, 'später: 100 %']);
  assert.equal(headers['grpc-message'], 'sp%C3%A4ter: 100 %25');
  const details = Buffer.from(String(headers['grpc-status-details-bin']), 'base64');
  // status.proto: code 14, the message, and RetryInfo of 1 s and 500,000,000 ns.
  assert.deepEqual([...details.subarray(0, 2)], [8, 14]);
  assert.ok(details.includes(Buffer.from('type.googleapis.com/google.rpc.RetryInfo')));
  assert.deepEqual([...details.subarray(-8)], [8, 1, 16, 0x80, 0xca, 0xb5, 0xee, 1]);
  assert.deepEqual([...server.refused], [['full', 1]]);
  assert.equal(statusMessage(3, 'x', null).toString('hex'), '0803120178');
  assert.equal(percentEncoded('a%\n'), 'a%25%0A');
});

test('how long a client waits', () => {
  const check = (header: string | undefined, ms: number | null) => assert.equal(timeoutOf(header), ms, `${header}`);
  check('9952m', 9952);
  check('10S', 10_000);
  check('9992550u', 9992.55);
  check('1H', 3_600_000);
  check('2M', 120_000);
  check('5n', 5e-6);
  for (const none of [undefined, '', '10', 'S', '123456789S', '-1S', '1x']) check(none, null);
});

test('health is told, and watched until the end', async (t) => {
  const server = await open(t);
  const session = sessionTo(t, server.address);
  const check = (service: string) => {
    const name = Buffer.from(service);
    const message = service === '' ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a, name.length), name]);
    return call(session, '/grpc.health.v1.Health/Check', frameOf(message));
  };
  for (const service of ['', 'test.Echo']) assert.deepEqual((await check(service)).body, frameOf(Buffer.of(8, 1)));
  assert.equal((await check('test.Other')).status, 5);
  const watching = call(session, '/grpc.health.v1.Health/Watch', frameOf(Buffer.alloc(0)));
  await check('');
  await server.close();
  const { body, status } = await watching;
  assert.deepEqual([body, status], [Buffer.concat([frameOf(Buffer.of(8, 1)), frameOf(Buffer.of(8, 2))]), 0]);
});

test('who speaks HTTP/1.1 is told where that is spoken', async (t) => {
  const server = await open(t);
  const peer = await Peer.of(t, server as never);
  peer.socket.write('POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  await peer.ended();
  assert.match(peer.text, /^HTTP\/1\.1 400 .*\r\n\r\nHTTP is spoken at :4318\n$/s);
  assert.deepEqual([...server.refused], [['protocol', 1]]);
  const random = await Peer.of(t, server as never);
  random.socket.write(Buffer.from([0, 1, 2, 3, 4]));
  await random.ended();
});

test('who does not get on is ended', async (t) => {
  const server = await open(t, { limits: QUICK });
  const silent = await Peer.of(t, server as never);
  const half = await Peer.of(t, server as never);
  half.socket.write('PRI * HT');
  const session = sessionTo(t, server.address);
  const stuck = call(session, ECHO, null);
  await silent.ended();
  assert.equal((await stuck.catch(() => ({ status: null }))).status, null);
  assert.equal(server.refused.get('timeout')! >= 2, true);
  session.destroy();
  half.socket.destroy();
  await until('all are gone', () => server.connections === 0);
  assert.equal(server.budget.used, 0);
});

test('there are at most so many calls at a time, and who has many of them goes', async (t) => {
  const server = await open(t, { limits: { calls: 20 } });
  const modest = sessionTo(t, server.address);
  const waiting = [call(modest, ECHO, null)];
  const greedy = Array.from({ length: 4 }, () => sessionTo(t, server.address));
  const lost = greedy.map(async (session) => {
    await Promise.allSettled(Array.from({ length: 15 }, () => call(session, ECHO, null)));
  });
  await until('some are gone', () => (server.refused.get('calls') ?? 0) >= 3);
  await Promise.race(lost);
  assert.ok(!modest.destroyed);
  const { status } = await call(modest, ECHO, frameOf(Buffer.from('x')));
  assert.equal(status, 0);
  modest.destroy();
  await Promise.allSettled(waiting);
});

test('there are at most so many connections, and those that work stay', async (t) => {
  const held = Promise.withResolvers<void>();
  const server = await open(t, { limits: { connections: 10 } }, async ({ message }) => {
    await message(MAX);
    await held.promise;
    return Buffer.alloc(0);
  });
  const working = call(sessionTo(t, server.address), ECHO, frameOf(Buffer.alloc(0)));
  await until('it works', () => server.requests === 1);
  const idle = await Promise.all(Array.from({ length: 30 }, () => Peer.of(t, server as never)));
  await until(
    'those that do nothing are closed',
    () => idle.filter((peer) => peer.closed || peer.socket.readableEnded).length >= 20,
  );
  assert.ok(server.connections <= 10);
  held.resolve();
  assert.equal((await working).status, 0);
});

test('a token is wanted where there is one, and a name of ours', async (t) => {
  const names = { listen: 'box:1', hosts: [], option: 'otlp.hosts' };
  const server = await open(t, { access: { names, token: 'secret' } });
  const session = sessionTo(t, server.address);
  assert.equal((await call(session, ECHO, frameOf(Buffer.alloc(0)))).status, 16);
  const authorization = 'Bearer secret';
  assert.equal((await call(session, ECHO, frameOf(Buffer.alloc(0)), { authorization })).status, 0);
  const evil = await call(session, ECHO, frameOf(Buffer.alloc(0)), { authorization, ':authority': 'evil:1' });
  assert.equal(evil.status, 7);
  assert.match(evil.message, /add it to otlp\.hosts/);
});
