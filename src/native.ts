/**
 * What Node does not have, called in libc: file locks, datagrams by the batch, forced socket buffers, notifications to
 * systemd. The one door to koffi, which is loaded at the first use; where it cannot be loaded `nativeAvailable` is false
 * and callers do without. Numbers and layouts are those of 64-bit Linux (x64 and arm64 agree); flock works on macOS too.
 */
import { createRequire } from 'node:module';
import { getSystemErrorMessage } from 'node:util';

type Call = (...args: unknown[]) => number;

interface Libc {
  errno(): number;
  address(view: ArrayBufferView): bigint;
  /** A function of libc by its prototype. */
  call(prototype: string): Call;
}

let libc: Libc | null | undefined;

function load(): Libc | null {
  if (libc !== undefined) return libc;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const library = koffi.load(process.platform === 'darwin' ? '/usr/lib/libSystem.dylib' : 'libc.so.6');
    const calls = new Map<string, Call>();
    libc = {
      errno: () => koffi.errno(),
      address: (view) => BigInt(koffi.address(view) as unknown as bigint | number),
      call(prototype) {
        let call = calls.get(prototype);
        if (!call) {
          call = library.func(prototype) as unknown as Call;
          calls.set(prototype, call);
        }
        return call;
      },
    };
  } catch {
    // No build for this platform, or another libc: callers ask `nativeAvailable` and say what they miss.
    libc = null;
  }
  return libc;
}

function need(): Libc {
  const found = load();
  if (!found) throw new Error(`koffi cannot be loaded on ${process.platform} ${process.arch}`);
  return found;
}

export function nativeAvailable(): boolean {
  return load() !== null;
}

const LOCK_EX = 2;
const LOCK_NB = 4;

/** flock(2), exclusive: false when another process holds it. The lock ends with the descriptor. */
export function tryLock(fd: number): boolean {
  const c = need();
  if (c.call('int flock(int, int)')(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const errno = c.errno();
  if (errno === (process.platform === 'darwin' ? 35 : 11)) return false;
  throw new Error(`cannot lock: ${getSystemErrorMessage(-errno)}`);
}
