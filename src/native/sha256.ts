/**
 * sha-256 of what lies in one memory, by the OpenSSL that is in Node, or that Node is linked to, called as <openssl/sha.h>
 * has it. `crypto.hash` does the same for 0.6 us more: it looks at what it is given, makes a context, and a string. Not to be
 * used where only approved modules may hash (FIPS): this asks nobody.
 */
import { loadLibc } from './libc.ts';

/** SHA256_CTX: eight words, the count of bits, what waits for a whole block, and how much that is. It has room to grow. */
const STATE_BYTES = 128;
const STATE = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const BLOCK_BYTES = 64;
/** More than a block, and its hash. */
const TRIED = 'The quick brown fox jumps over the lazy dog, block after block after block.';
const TRIED_HASH = '38c0d2961dcef4eeaef51b6e0bb2af7029427675756963ce58ca3b4b4b3622fa';

/**
 * Takes `bytes` bytes at `from`, whole blocks, into the state at `state`: eight words little-endian, and 96 bytes
 * that were zero at first. Both are places in the memory.
 */
export type HashBlocks = (state: number, from: number, bytes: number) => void;

/** Of a memory that stays where it is. Null: it cannot be called here, or is another function than the one that is meant. */
export function sha256Blocks(memory: Uint8Array): HashBlocks | null {
  const libc = loadLibc();
  const update = libc?.own('int SHA256_Update(uintptr_t, uintptr_t, size_t)');
  if (!libc || !update) return null;
  const over = (view: Uint8Array): HashBlocks => {
    const base = Number(libc.address(view));
    return (state, from, bytes) => {
      update(base + state, base + from, bytes);
    };
  };
  return isRight(over) ? over(memory) : null;
}

function isRight(over: (view: Uint8Array) => HashBlocks): boolean {
  const memory = Buffer.alloc(STATE_BYTES + 2 * BLOCK_BYTES);
  for (const [i, word] of STATE.entries()) memory.writeUInt32LE(word, 4 * i);
  const end = STATE_BYTES + memory.write(TRIED, STATE_BYTES);
  memory[end] = 0x80;
  memory.writeUInt32BE(8 * TRIED.length, memory.length - 4);
  over(memory)(0, STATE_BYTES, 2 * BLOCK_BYTES);
  const words = memory.subarray(0, 4 * STATE.length);
  return words.swap32().toString('hex') === TRIED_HASH;
}
