import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { passBy, SessionReads } from '../../src/http/grpc/reads.ts';
import { HeldBody } from '../../src/http/held-body.ts';
import { until } from '../support/until.ts';

const WINDOW = 4 << 20;

/** A body for each path, sent over one connection; `taken` is called with each stream. */
async function send(
  t: TestContext,
  bodies: Record<string, Buffer>,
  taken: (stream: ServerHttp2Stream, path: string) => void,
): Promise<void> {
  const reads = new SessionReads();
  const server = createServer({ settings: { initialWindowSize: WINDOW } });
  server.on('session', (session) => session.setLocalWindowSize(2 * WINDOW));
  server.on('stream', (opened, headers) => {
    const stream = opened as ServerHttp2Stream;
    reads.watch(stream);
    taken(stream, headers[':path']!);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    server.close();
  });
  for (const [path, body] of Object.entries(bodies)) {
    const asked = session.request({ ':method': 'POST', ':path': path });
    asked.on('error', () => undefined);
    asked.resume().end(body);
  }
}

const bytes = (length: number, seed: number) => Buffer.alloc(length, Buffer.from([seed, 7, 99, seed + 1, 3]));

test('what was read is given back while more of it comes, and what was copied is whole', async (t) => {
  const bodies = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`/${i}`, bytes(700_001 + i, i)]));
  const memory = new Set<ArrayBufferLike>();
  const held = new Map<string, HeldBody>();
  let ended = 0;
  let most = 0;
  await send(t, bodies, (stream, path) => {
    const body = new HeldBody();
    held.set(path, body);
    stream.on('data', (piece: Buffer) => {
      memory.add(piece.buffer);
      body.copy(piece);
      const kept = [...memory].filter((one) => one instanceof ArrayBuffer && !one.detached);
      most = Math.max(most, kept.length);
    });
    stream.on('end', () => {
      ended++;
      stream.respond({ ':status': 200 }, { endStream: true });
    });
  });
  await until('all bodies are here', () => ended === 8);
  for (const [path, body] of Object.entries(bodies)) assert.ok(held.get(path)!.joined().equals(body), path);
  assert.ok(memory.size > 50, `${memory.size} reads`);
  assert.ok(most < 12, `${most} of them at a time`);
});

test('what nobody wants is given back while more of it comes', async (t) => {
  const bodies = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`/${i}`, bytes(2_000_000, i)]));
  const memory = new Set<ArrayBufferLike>();
  let ended = 0;
  let most = 0;
  await send(t, bodies, (stream) => {
    const { push } = stream;
    stream.push = (piece: Buffer | null) => {
      if (piece !== null) memory.add(piece.buffer);
      const kept = [...memory].filter((one) => one instanceof ArrayBuffer && !one.detached);
      most = Math.max(most, kept.length);
      return push.call(stream, piece);
    };
    passBy(stream);
    stream.on('end', () => {
      ended++;
      stream.respond({ ':status': 200 }, { endStream: true });
    });
  });
  await until('all bodies are over', () => ended === 8);
  assert.ok(memory.size > 100, `${memory.size} reads`);
  assert.ok(most < 12, `${most} of them at a time`);
});

test('what a stream did not take is not given back', async (t) => {
  const bodies = { '/late': bytes(1_000_000, 1), '/soon': bytes(3_000_000, 5) };
  const held = { '/late': new HeldBody(), '/soon': new HeldBody() };
  let ended = 0;
  const take = (stream: ServerHttp2Stream, path: keyof typeof held) => {
    stream.on('data', (piece: Buffer) => held[path].copy(piece));
    stream.on('end', () => {
      ended++;
      stream.respond({ ':status': 200 }, { endStream: true });
    });
  };
  let late: ServerHttp2Stream | null = null;
  await send(t, bodies, (stream, path) => {
    if (path === '/late') late = stream;
    else take(stream, '/soon');
  });
  await until('the other body is here', () => ended === 1);
  assert.ok(late!.readableLength > 0);
  take(late!, '/late');
  await until('both bodies are here', () => ended === 2);
  assert.ok(held['/late'].joined().equals(bodies['/late']));
  assert.ok(held['/soon'].joined().equals(bodies['/soon']));
});
