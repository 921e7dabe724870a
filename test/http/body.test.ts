import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { textAnswer } from '../../src/http/answer.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { Peer, QUICK, serve } from '../support/http-peer.ts';
import { until } from '../support/until.ts';

const MAX = 100_000;

/** Answers with the length and the beginning of what it was sent. */
function receiver(t: TestContext, limits = {}): Promise<HttpServer> {
  return serve(
    t,
    async ({ body }) => {
      const bytes = await body(MAX);
      return textAnswer(200, `/${bytes.length}/${bytes.subarray(0, 5)}`);
    },
    { limits },
  );
}

const head = (more: string) => `POST / HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

async function post(t: TestContext, server: HttpServer, body: Buffer, encoding?: string): Promise<Peer> {
  const peer = await Peer.of(t, server);
  peer.socket.write(head(`Content-Length: ${body.length}\r\n${encoding ? `Content-Encoding: ${encoding}\r\n` : ''}`));
  peer.socket.write(body);
  return peer.answers(1);
}

function chunked(pieces: readonly Buffer[]): Buffer {
  const parts = pieces.flatMap((piece) => [
    Buffer.from(`${piece.length.toString(16)}\r\n`),
    piece,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

test('a body is read as it is, in chunks, and inflated', async (t) => {
  const server = await receiver(t);
  const body = Buffer.from('hello '.repeat(10_000));
  const expected = [`/${body.length}/hello`];
  assert.deepEqual((await post(t, server, body)).paths, expected);
  assert.deepEqual((await post(t, server, Buffer.alloc(0))).paths, ['/0/']);
  for (const [encoding, packed] of [
    ['gzip', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['zstd', zstdCompressSync(body)],
    ['GZIP', gzipSync(body)],
  ] as const) {
    assert.deepEqual((await post(t, server, packed, encoding)).paths, expected, encoding);
  }
  const peer = await Peer.of(t, server);
  const packed = gzipSync(body);
  peer.socket.write(head('Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n'));
  peer.socket.write(chunked([packed.subarray(0, 7), packed.subarray(7)]));
  assert.deepEqual((await peer.answers(1)).paths, expected);
  assert.equal(server.budget.used, 0);
});

test('what is too large is refused, as it comes or inflated, and the connection goes on', async (t) => {
  const server = await receiver(t);
  const large = Buffer.alloc(MAX + 1);
  for (const [body, encoding] of [
    [large, undefined],
    [gzipSync(Buffer.alloc(50 << 20)), 'gzip'],
    [zstdCompressSync(Buffer.alloc(50 << 20)), 'zstd'],
    [deflateSync(large), 'deflate'],
  ] as const) {
    const peer = await post(t, server, body, encoding);
    peer.socket.write(head('Content-Length: 2\r\n'));
    peer.socket.write('ok');
    await peer.answers(2);
    assert.deepEqual([peer.codes, peer.paths], [[413, 200], ['/2/ok']]);
  }
  const peer = await Peer.of(t, server);
  peer.socket.write(head('Transfer-Encoding: chunked\r\n'));
  peer.socket.write(chunked([large.subarray(0, MAX), large]));
  assert.deepEqual((await peer.answers(1)).codes, [413]);
  assert.equal(server.refused.get('too_large'), 5);
  assert.equal(server.budget.used, 0);
});

test('who closes behind its request reads why it is refused, though it is still sending it', async (t) => {
  const server = await receiver(t);
  const large = Buffer.alloc(MAX + 1);
  const errors: Error[] = [];
  for (const more of [`Content-Length: ${large.length}\r\n`, 'Transfer-Encoding: chunked\r\n']) {
    const peer = await Peer.of(t, server);
    peer.socket.on('error', (error) => errors.push(error));
    const body = more.startsWith('T') ? chunked([large, Buffer.from('x')]) : large;
    peer.socket.write(head(`Connection: close\r\n${more}`));
    peer.socket.write(body.subarray(0, -6));
    await peer.answers(1);
    for (const byte of body.subarray(-6)) await new Promise((resolve) => peer.socket.write(Buffer.of(byte), resolve));
    await peer.ended();
    assert.deepEqual([peer.codes, errors], [[413], []]);
  }
  const waits = await Peer.of(t, server);
  waits.socket.write(head(`Connection: close\r\nExpect: 100-continue\r\nContent-Length: ${large.length}\r\n`));
  await waits.ended();
  assert.deepEqual(waits.codes, [413]);
  assert.equal(server.budget.used, 0);
});

test('what is no such encoding, or none that is known, is refused', async (t) => {
  const server = await receiver(t);
  const packed = gzipSync('x'.repeat(1000));
  const check = async (body: Buffer, encoding: string, code: number) =>
    assert.deepEqual((await post(t, server, body, encoding)).codes, [code], `${encoding} ${code}`);
  await check(Buffer.from('plain'), 'gzip', 400);
  await check(packed.subarray(0, -9), 'gzip', 400);
  await check(packed, 'deflate', 400);
  // The rest of a body that was damaged on its way must not be missing without a word.
  for (const [encoding, pack] of Object.entries({ gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync })) {
    await check(Buffer.concat([pack('x'), Buffer.from('garbage')]), encoding, 400);
  }
  const zstd = [zstdCompressSync('x'), zstdCompressSync('y')];
  await check(Buffer.concat(zstd), 'zstd', 200);
  zstd[1]![0]! ^= 1;
  await check(Buffer.concat(zstd), 'zstd', 400);
  await check(packed, 'br', 415);
  await check(packed, 'constructor', 415);
  await check(packed, 'gzip, gzip', 415);
  assert.equal(server.budget.used, 0);
});

test('all bodies together have one budget from the first byte on; who goes away gives his part back', async (t) => {
  const server = await receiver(t, { bodies: 150_000, slow_ms: 60_000 });
  const first = await Peer.of(t, server);
  first.socket.write(head('Content-Length: 90000\r\n'));
  first.socket.write(Buffer.alloc(80_000));
  await until('it has come', () => server.budget.used === 80_000);
  const refused = await post(t, server, Buffer.alloc(90_000));
  assert.deepEqual(refused.codes, [503]);
  assert.match(refused.text, /Retry-After: 1/);
  // Little on its way, much inside.
  assert.deepEqual((await post(t, server, gzipSync(Buffer.alloc(90_000)), 'gzip')).codes, [503]);
  assert.deepEqual((await post(t, server, Buffer.alloc(60_000))).codes, [200]);
  first.socket.destroy();
  await until('its part is given back', () => server.budget.used === 0);
  assert.deepEqual((await post(t, server, Buffer.alloc(90_000))).codes, [200]);
  assert.deepEqual([...server.refused], [['memory', 2]]);
});

test('bodies that take long make room for others, the oldest first, and no more of them than is needed', async (t) => {
  const server = await receiver(t, { bodies: 150_000, slow_ms: 50 });
  const slow: Peer[] = [];
  for (let i = 0; i < 3; i++) {
    const peer = await Peer.of(t, server);
    peer.socket.write(head('Content-Length: 60000\r\n'));
    peer.socket.write(Buffer.alloc(40_000));
    await until('it has come', () => server.budget.used === 40_000 * (i + 1));
    slow.push(peer);
  }
  await sleep(60);
  assert.deepEqual((await post(t, server, Buffer.alloc(50_000))).codes, [200]);
  assert.deepEqual((await slow[0]!.answers(1)).codes, [503]);
  assert.equal(server.budget.used, 80_000);
  // Its own size sends nobody away who is younger than it, nor itself.
  for (const peer of slow.slice(1)) peer.socket.write(Buffer.alloc(20_000));
  for (const peer of slow.slice(1)) assert.deepEqual((await peer.answers(1)).codes, [200]);
  await until('all is given back', () => server.budget.used === 0);
  assert.deepEqual([...server.refused], [['memory', 1]]);
});

test('a body that does not come is ended in time, and its part given back', async (t) => {
  const server = await receiver(t, QUICK);
  const peer = await Peer.of(t, server);
  peer.socket.write(head('Content-Length: 1000\r\n'));
  peer.socket.write('some');
  await until('it has come', () => server.budget.used === 4);
  await peer.ended();
  await until('its part is given back', () => server.budget.used === 0);
  assert.deepEqual([...server.refused], [['timeout', 1]]);
});

test('a body whose chunks are none is answered so', async (t) => {
  const server = await receiver(t);
  const peer = await Peer.of(t, server);
  peer.socket.write(head('Transfer-Encoding: chunked\r\n'));
  peer.socket.write('5\r\nhello\r\nnonsense\r\n');
  assert.deepEqual((await peer.ended()).codes, [400]);
  peer.socket.end();
  await until('its part is given back', () => server.budget.used === 0);
});

test('a peer that asks whether to send is told to when the body is wanted', async (t) => {
  const server = await receiver(t);
  const peer = await Peer.of(t, server);
  peer.socket.write(head('Content-Length: 2\r\nExpect: 100-continue\r\n'));
  await peer.answers(1);
  assert.deepEqual(peer.codes, [100]);
  peer.socket.write('ok');
  await peer.answers(2);
  assert.deepEqual([peer.codes, peer.paths], [[100, 200], ['/2/ok']]);

  const large = await Peer.of(t, server);
  large.socket.write(head(`Content-Length: ${MAX + 1}\r\nExpect: 100-continue\r\n`));
  assert.deepEqual((await large.answers(1)).codes, [413]);
});
