import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textAnswer } from '../../src/http/answer.ts';
import { HeldBody } from '../../src/http/held-body.ts';
import { Peer, serve } from '../support/http-peer.ts';

const bytes = (length: number, seed: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 31 + seed) & 255));

test('what is held is what came, in whatever pieces', () => {
  const sizes = [1, 1, 3, 0, 20_000, 1, 70_000, 5000, 5000, 1, 100_000, 2];
  for (const copy of [false, true]) {
    const held = new HeldBody();
    const came = sizes.map((size, i) => bytes(size, i));
    // Whole ones are kept, slices are copied.
    for (const piece of came)
      held.add(copy ? Buffer.concat([piece, Buffer.alloc(1)]).subarray(0, -1) : Buffer.from(piece));
    assert.deepEqual(Buffer.concat(held.pieces), Buffer.concat(came));
    held.add(bytes(7, 99));
    assert.deepEqual(held.joined(), Buffer.concat([...came, bytes(7, 99)]));
    held.add(bytes(3, 1));
    assert.deepEqual(Buffer.concat(held.pieces), Buffer.concat([...came, bytes(7, 99), bytes(3, 1)]));
  }
});

test('a body that comes byte by byte is no object a byte, and no slice of what else was read', () => {
  const held = new HeldBody();
  const read = bytes(100_000, 0);
  for (let i = 0; i < read.length; i++) held.add(read.subarray(i, i + 1));
  const { pieces } = held;
  assert.ok(pieces.length < 12, `${pieces.length} pieces`);
  const memory = pieces.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  assert.ok(memory < 2 * read.length, `${memory} bytes of memory`);
  assert.deepEqual(Buffer.concat(pieces), read);
});

test('what is let go is gone at once', () => {
  const held = new HeldBody();
  const whole = Buffer.alloc(50_000);
  const inflated = Buffer.allocUnsafeSlow(5001);
  held.add(Buffer.from('small'));
  held.add(whole);
  held.own(inflated.subarray(0, 5000), 5001);
  const pieces = [...held.pieces];
  assert.equal(pieces.length, 3);
  held.letGo();
  assert.deepEqual(
    [...pieces, whole, inflated].map(({ length }) => length),
    [0, 0, 0, 0, 0],
  );
  assert.equal(held.joined().length, 0);
  held.letGo();
});

test('what was refused, or is not needed any more, leaves nothing behind', async (t) => {
  const before: Buffer[] = [];
  const server = await serve(t, async ({ pieces, discard }) => {
    before.push(...(await pieces(100_000)));
    discard();
    return textAnswer(200, `/${before.reduce((sum, { length }) => sum + length, 0)}`);
  });
  for (const size of [10, 90_000]) {
    const peer = await Peer.of(t, server);
    peer.socket.write(`POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
    peer.socket.write(`${'1\r\nx\r\n'.repeat(size)}0\r\n\r\n`);
    assert.deepEqual((await peer.answers(1)).paths, ['/0']);
  }
  assert.equal(server.budget.used, 0);
});
