/** Requests that are read without node:http, beside the same ones read by it. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Refusal, textAnswer } from '../../src/http/answer.ts';
import { readPlainHead } from '../../src/http/plain-head.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { Peer, QUICK, serve } from '../support/http-peer.ts';
import { until } from '../support/until.ts';

/** Answers with what it was asked; `plain` has the paths of those that node:http, which marks its sockets, did not read. */
async function echo(t: TestContext, plain: string[]): Promise<HttpServer> {
  return serve(t, async ({ method, path, query, headers, socket, body, discard }) => {
    if (!('parser' in socket)) plain.push(path);
    if (path === '/refused') throw new Refusal(409, 'told', 'not so: ü', { 'Retry-After': '7' });
    if (path === '/failed') throw new TypeError('a mistake');
    const bytes = await body(4000);
    const text = JSON.stringify({ method, path, query: [...query], headers: { ...headers }, body: bytes.toString() });
    discard();
    if (path === '/pieces') return { code: 200, type: 'a/b', body: [Buffer.from(text), Buffer.alloc(200_000, 'x')] };
    return { ...textAnswer(201, text), headers: { 'X-More': 'yes' } };
  });
}

const post = (path: string, body: string, more = '', length = Buffer.byteLength(body)) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${length}\r\n\r\n${body}`;

/** What the server says to these bytes, sent in one piece, or with the first byte alone, which is never plain. */
async function said(t: TestContext, server: HttpServer, request: string, whole: boolean): Promise<string> {
  const peer = await Peer.of(t, server);
  peer.socket.setNoDelay(true);
  if (whole) peer.socket.write(request);
  else {
    peer.socket.write(request.slice(0, 1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    peer.socket.write(request.slice(1));
  }
  peer.socket.end();
  await until('it is closed', () => peer.closed);
  return peer.text.replaceAll(/Date: [^\r]*/g, 'Date: now');
}

test('what is read without node:http is answered, byte by byte, as what is read by it', async (t) => {
  const plain: string[] = [];
  const server = await echo(t, plain);
  const json = '{"a":"ü"}';
  const requests = [
    post('/v1/audit', json),
    post('/v1/audit', json, 'Content-Type: application/json\r\nX-Empty: \r\nX-Some:  more\r\n'),
    post('/v1/audit', json, 'Connection: keep-alive\r\nAccept: */*\r\n'),
    post('/v1/audit', json, 'Connection: Keep-Alive\r\n'),
    post('/v1/audit', json, 'Connection: close\r\n'),
    post('/v1/audit', json, 'X-Twice: 1\r\nX-Twice: 2\r\n'),
    post('/v1/audit', json, 'Host: y\r\n'),
    post('/v1/audit', json, 'Content-Length: 3\r\n'),
    post('/v1/audit', json, 'Transfer-Encoding: chunked\r\n'),
    post('/v1/audit', json, 'Expect: 100-continue\r\n'),
    post('/v1/audit', json, 'Upgrade: websocket\r\nConnection: upgrade\r\n'),
    post('/v1/audit', json, 'Content-Encoding: gzip\r\n'),
    post('/v1/audit', json, 'Bad Name: 1\r\n'),
    post('/v1/audit', json, 'X-Bad: \u0001\r\n'),
    post('/v1/audit', json, 'X-Folded: 1\r\n 2\r\n'),
    post('/v1/audit', json, '__proto__: 1\r\nconstructor: 2\r\n'),
    post('/v1/audit', ''),
    post('/v1/audit', json, '', 3),
    post('/v1/audit', json, '', 30),
    post('/v1/audit?a=b', json),
    post('/v1/../audit', json),
    post('http://x/v1/audit', json),
    post('/refused', json),
    post('/failed', json),
    post('/pieces', json),
    post('/v1/audit', 'x'.repeat(4000)),
    post('/v1/audit', 'x'.repeat(4001)),
    post('/v1/audit', json).replace('HTTP/1.1', 'HTTP/1.0'),
    post('/v1/audit', json).replace('Host: x\r\n', ''),
    post('/v1/audit', json).replace(/Content-Length: \d+\r\n/, ''),
    post('/v1/audit', json).replaceAll('\r\n', '\n'),
    post('/v1/audit', json).replace('POST', 'GET'),
    post('/v1/audit', json).replace('POST', 'post'),
    post('/a', json) + post('/b', json),
    `${post('/a', json)}?\r\n\r\n`,
    `${post('/a', json, 'Transfer-Encoding: chunked\r\n')}0\r\n\r\n`,
  ];
  for (const request of requests) {
    const [one, other] = [await said(t, server, request, true), await said(t, server, request, false)];
    assert.equal(one, other, request);
    assert.ok(request.includes('30\r\n') || one !== '', request);
  }
  assert.equal(plain.filter((path) => path === '/v1/audit').length, 6);
  assert.deepEqual(new Set(plain), new Set(['/v1/audit', '/refused', '/failed', '/pieces']));
});

test('a connection goes on plainly, and then otherwise, in the order of what it sent', async (t) => {
  const first = Promise.withResolvers<void>();
  let begun = 0;
  const server = await serve(t, async ({ path, body }) => {
    begun++;
    const bytes = await body(100);
    if (path === '/first') await first.promise;
    return textAnswer(200, `${path} ${bytes}`);
  });
  const peer = await Peer.of(t, server);
  for (let i = 0; i < 5; i++) {
    peer.socket.write(post('/one', `${i}`));
    await until('it is answered', () => peer.text.includes(`/one ${i}\n`));
  }
  peer.socket.write(post('/first', 'a'));
  await until('it is begun', () => begun === 6);
  // Sent ahead of the answer, in two pieces.
  peer.socket.write(post('/second', 'b'));
  peer.send('/third');
  first.resolve();
  await until('all are answered', () => peer.text.includes('/third'));
  const bodies = [...peer.text.matchAll(/\r\n\r\n(.*)\n/g)].map(([, body]) => body);
  assert.deepEqual(bodies.slice(5), ['/first a', '/second b', '/third ']);
  assert.equal(server.requests, 8);
});

test('a peer that has said all that it has to say gets its answer; one that is gone is forgotten', async (t) => {
  const gate = Promise.withResolvers<void>();
  const server = await serve(t, async ({ body }) => {
    await body(100);
    await gate.promise;
    return textAnswer(200, 'yes');
  });
  const [ended, gone] = [await Peer.of(t, server), await Peer.of(t, server)];
  ended.socket.end(post('/a', 'a'));
  gone.socket.write(post('/a', 'a'));
  await until('both are asked', () => server.requests === 2);
  gone.socket.resetAndDestroy();
  await until('one is forgotten', () => server.connections === 1);
  gate.resolve();
  await until('it is closed', () => ended.closed);
  assert.match(ended.text, /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nyes\n$/s);
  assert.equal(server.budget.used, 0);
});

test('answers leave at once as long as the peer takes them, then the last one is waited for', async (t) => {
  const some = 'x'.repeat(60_000);
  const server = await serve(t, () => textAnswer(200, some), { limits: QUICK });
  const peer = await Peer.of(t, server, false);
  const most = 1000;
  for (let i = 0; i < most && !peer.closed && server.refused.size === 0; i++) {
    peer.socket.write(post('/a', 'a'));
    await until('it is begun, or the one before is not over', () => server.requests > i || server.refused.size > 0);
  }
  assert.ok(server.requests > 1);
  assert.ok(server.requests < most, 'what nobody takes is held without end');
  assert.deepEqual([...server.refused], [['timeout', 1]]);
  await until('nothing of it is held', () => server.connections === 0);
});

test('a body that has come with its head is there at once', async (t) => {
  const server = await serve(t, async ({ body }) => {
    const came = body(100);
    return textAnswer(200, came instanceof Promise ? `later ${await came}` : `now ${came}`);
  });
  assert.match(await said(t, server, post('/a', 'b'), true), /now b\n$/);
  assert.match(await said(t, server, post('/a', 'b'), false), /later b\n$/);
});

test('a body for which there is no room is refused, and what was held is given back', async (t) => {
  const gate = Promise.withResolvers<void>();
  const handler = async ({ body }: { body(max: number): Buffer | Promise<Buffer> }) => {
    const bytes = await body(100);
    await gate.promise;
    return textAnswer(200, `${bytes.length}`);
  };
  const server = await serve(t, handler, { limits: { bodies: 100 } });
  const [one, other] = [await Peer.of(t, server), await Peer.of(t, server)];
  one.socket.write(post('/a', 'x'.repeat(60)));
  await until('it is held', () => server.budget.used === 60);
  other.socket.write(post('/a', 'x'.repeat(60)));
  await until('it is refused', () => other.text.startsWith('HTTP/1.1 503'));
  gate.resolve();
  await until('it is answered', () => one.text.startsWith('HTTP/1.1 200'));
  assert.equal(server.budget.used, 0);
});

test('a head is plain, or it is not', () => {
  const plain = (...lines: string[]) => readPlainHead(`${lines.join('\r\n')}\r\n`);
  const [line, host, length] = ['POST /v1/audit HTTP/1.1', 'Host: x', 'Content-Length: 7'];
  const head = plain(line, host, 'Runnel-Stream: orders', length)!;
  assert.deepEqual([head.path, head.body], ['/v1/audit', 7]);
  assert.deepEqual({ ...head.headers }, { host: 'x', 'runnel-stream': 'orders', 'content-length': '7' });
  const not: string[][] = [
    ['GET /v1/audit HTTP/1.1', host, length],
    ['POST /v1/audit HTTP/1.0', host, length],
    ['POST /v1/%61udit HTTP/1.1', host, length],
    ['POST  /v1/audit HTTP/1.1', host, length],
    [line, length],
    [line, host],
    [line, host, 'Content-Length: +7'],
    [line, host, 'Content-Length: 7 7'],
    [line, host, length, length],
    [line, host, length, 'content-length: 8'],
    [line, host, length, 'Transfer-Encoding: identity'],
    [line, host, length, 'Connection: close'],
    [line, host, length, 'Content-Encoding: identity'],
    [line, host, length, 'X : 1'],
    [line, host, length, ' X: 1'],
    [line, host, length, 'X:\t1'],
    [line, host, length, 'X: a\rb'],
    [line, host, length, 'X: a\nContent-Length: 8'],
    [line, host, length, 'X: \u00fc'],
    [line, host, length, ...Array.from({ length: 40 }, (_, i) => `X-${'a'.repeat(i + 1)}: 1`)],
  ];
  for (const lines of not) assert.equal(plain(...lines), null, lines.join(' | '));
});
