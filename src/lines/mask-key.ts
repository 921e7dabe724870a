/** `mask_key_file`: the key of the hashes that take the place of secrets. Who has it can try out what a hash was made of. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { HASH, type MaskRule } from '../kernel/process/mask-rules.ts';

const LEAST_BYTES = 32;
const MOST_BYTES = 4096;
const OTHERS = 0o007;
const MAKE = 'make one with: head -c 32 /dev/urandom';

export function wantsKey(rules: readonly MaskRule[]): boolean {
  return rules.some((rule) => rule.with === HASH);
}

/** All bytes of the file. Throws a sentence with the remedy, which goes on from the name of the option. */
export function readMaskKey(path: string): Buffer {
  // A FIFO would be waited for.
  const fd = openedForKey(path);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error(`${path} is no file`);
    if (stat.mode & OTHERS) {
      throw new Error(`${path} may be read or written by others: chmod o= ${path}`);
    }
    if (stat.size < LEAST_BYTES)
      throw new Error(`${path} has ${stat.size} bytes, at least ${LEAST_BYTES} are needed: ${MAKE} > ${path}`);
    if (stat.size > MOST_BYTES) throw new Error(`${path} has ${stat.size} bytes, which is no key: ${MAKE} > ${path}`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openedForKey(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new Error(`there is no ${path}: ${MAKE} > ${path} && chmod 600 ${path}`);
    throw new Error(`${path} cannot be read: ${message}`);
  }
}
