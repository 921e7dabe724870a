/** Whole blocks in memory, hashed by the OpenSSL in Node: beside `crypto.hash`. */
import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { sha256Blocks } from '../../src/native/sha256.ts';

const STATE = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const FROM = 256;
const LENGTHS = 300;

test('texts of all lengths, padded, have the hashes that crypto.hash says', () => {
  const memory = Buffer.from(new SharedArrayBuffer(4096));
  const blocks = sha256Blocks(memory);
  assert.ok(blocks, 'Node exports SHA256_Update');
  for (let length = 0; length < LENGTHS; length++) {
    const text = randomBytes(length);
    memory.fill(0, FROM);
    text.copy(memory, FROM);
    memory[FROM + length] = 0x80;
    const padded = (length + 9 + 63) & ~63;
    memory.writeUInt32BE(8 * length, FROM + padded - 4);
    for (const [i, word] of STATE.entries()) memory.writeUInt32LE(word, 4 * i);
    blocks(0, FROM, padded);
    const words = Buffer.from(memory.subarray(0, 32)).swap32();
    assert.equal(words.toString('hex'), hash('sha256', text, 'hex'), `${length} bytes`);
  }
});

test('what lies behind a state stays as it was', () => {
  const memory = Buffer.alloc(1024, 0x55);
  memory.fill(0, 0, 128);
  sha256Blocks(memory)?.(0, 512, 256);
  assert.ok(memory.subarray(128).every((byte) => byte === 0x55));
});
