/** What is left of peers that are gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryObjects } from 'node:v8';
import { textAnswer } from '../../src/http/answer.ts';
import { HttpConnection } from '../../src/http/connection.ts';
import { Peer, serve } from '../support/http-peer.ts';
import { until } from '../support/until.ts';

test('nothing is kept of connections that are gone, however they came and went', async (t) => {
  const server = await serve(t, ({ path }) => {
    if (path === '/stream') return { type: 'text/plain', begin: () => () => undefined };
    return path === '/much' ? { code: 200, body: [Buffer.alloc(16 << 20)] } : textAnswer(200, path);
  });
  const gone: ((peer: Peer) => void)[] = [
    ({ socket }) => socket.destroy(),
    ({ socket }) => socket.resetAndDestroy(),
    ({ socket }) => socket.end(() => socket.destroy()),
  ];
  const asks = [
    'GET /a HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /much',
    '?\r\n',
    '',
  ];
  for (let i = 0; i < 150; i++) {
    const peer = await Peer.of(t, server, i % 2 === 0);
    const ask = asks[i % asks.length]!;
    peer.socket.write(ask === 'GET /much' ? 'GET /much HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20) : ask);
    if (ask.startsWith('GET /a') && i % 2 === 0) await peer.answers(1);
    gone[i % gone.length]!(peer);
  }
  await until('all are gone', () => server.connections === 0);
  assert.equal(server.streams.size, 0);
  // The last ones may still be on their way out of the system's hands.
  const kept = Number(queryObjects(HttpConnection));
  assert.ok(kept < 15, `${kept} of 150 connections`);
});
