/** Answers of any size, in whatever pieces they come: those that are large are put together as they come. */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { LARGE_ANSWER, letGoOfAnswer } from '../../../src/kafka/connect/gather.ts';
import { type Connection, kafkajs } from '../../../src/kafka/connect/kafkajs.ts';

const FETCH = 1;

/** A connection that has asked for as many answers as it takes; gives what it was answered, by correlation id. */
function connection(asked: number): { connection: Connection; answers: Map<number, Buffer>; ended: () => boolean } {
  kafkajs();
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/connection');
  const inflight = new Map(Array.from({ length: asked }, (_, id) => [id, { entry: { apiKey: FETCH } }]));
  const answers = new Map<number, Buffer>();
  let destroyed = false;
  const requestQueue = {
    inflight,
    fulfillRequest({ correlationId, payload }: { correlationId: number; payload: Buffer }) {
      answers.set(correlationId, payload);
      inflight.delete(correlationId);
    },
  };
  const socket = {
    destroy() {
      destroyed = true;
    },
  };
  const state = { bytesBuffered: 0, bytesNeeded: 4, chunks: [], requestQueue, socket };
  return { connection: Object.assign(Object.create(prototype), state), answers, ended: () => destroyed };
}

function framed(id: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(payload.length + 4);
  head.writeInt32BE(id, 4);
  return Buffer.concat([head, payload]);
}

/** In memory of their own, as a socket gives them. */
function cut(bytes: Buffer, most: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const piece = Buffer.from(new ArrayBuffer(Math.min(randomInt(1, most + 1), bytes.length - at)));
    bytes.copy(piece, 0, at);
    pieces.push(piece);
    at += piece.length;
  }
  return pieces;
}

test('answers are what was sent, however large they are and however they are cut', () => {
  // Four bytes of the length, four of the correlation id.
  const edge = LARGE_ANSWER - 8;
  const sizes = [10, 3 * LARGE_ANSWER, 0, edge - 1, edge, edge + 1, 5, 2 * LARGE_ANSWER, 700_000, 1];
  for (const most of [3, 1000, 65_536, 1 << 20, 1 << 22]) {
    const payloads = sizes.map((size) => randomBytes(most === 3 ? Math.min(size, edge + 1) : size));
    const { connection: to, answers, ended } = connection(sizes.length);
    const sent = Buffer.concat(payloads.map((payload, id) => framed(id, payload)));
    for (const piece of cut(sent, most)) to.processData(piece);
    assert.equal(ended(), false);
    assert.equal(answers.size, sizes.length);
    for (const [id, payload] of payloads.entries()) assert.ok(answers.get(id)!.equals(payload), `${most}: ${id}`);
  }
});

test('the memory of its pieces is given back at once, its own when it is said so, and nobody else loses any', () => {
  const payloads = [100, 4 * LARGE_ANSWER, 100].map((size) => randomBytes(size));
  const { connection: to, answers } = connection(payloads.length);
  const sent = Buffer.concat(payloads.map((payload, id) => framed(id, payload)));
  const pieces = cut(sent, 10_000);
  for (const piece of pieces) to.processData(piece);
  const held = pieces.filter(({ length }) => length > 0);
  // The first has the small answer in front, the last the one behind.
  assert.ok(held.length <= 3, `${held.length} of ${pieces.length} pieces are held`);
  for (const id of [0, 1, 2]) letGoOfAnswer(answers.get(id)!);
  assert.equal(answers.get(1)!.length, 0);
  for (const id of [0, 2]) assert.ok(answers.get(id)!.equals(payloads[id]!));
});

test('an answer of a length that cannot be is not made room for', () => {
  const { connection: to, ended } = connection(1);
  const head = Buffer.alloc(8);
  head.writeInt32BE(2 ** 31 - 1);
  to.processData(head);
  assert.equal(ended(), true);
});
