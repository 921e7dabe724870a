/**
 * libc. This is the one door to koffi, which is loaded at the first use; where it cannot be loaded `nativeAvailable` is
 * false and callers do without. Numbers and layouts beside it are those of 64-bit Linux (x64 and arm64 agree).
 */
import { createRequire } from 'node:module';
import { getSystemErrorMessage } from 'node:util';

export type Call = (...args: unknown[]) => number;

export interface Libc {
  errno(): number;
  address(view: ArrayBufferView): bigint;
  /** A function of libc by its prototype. */
  call(prototype: string): Call;
  /** One that the program itself exports; null: it does not. */
  own(prototype: string): Call | null;
}

let libc: Libc | null | undefined;

/** Null: it cannot be called here. */
export function loadLibc(): Libc | null {
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
      own(prototype) {
        try {
          return koffi.load(null).func(prototype) as unknown as Call;
        } catch {
          // It was built without: callers have another way.
          return null;
        }
      },
    };
  } catch {
    // No build for this platform, or another libc: callers ask `nativeAvailable` and say what they miss.
    libc = null;
  }
  return libc;
}

export function needLibc(): Libc {
  const found = loadLibc();
  if (!found) throw new Error(`koffi cannot be loaded on ${process.platform} ${process.arch}`);
  return found;
}

export function nativeAvailable(): boolean {
  return loadLibc() !== null;
}

/** What a thread that receives calls: by name, the prototype. */
export const RECEIVING = {
  recvmmsg: 'int recvmmsg(int, void *, uint32_t, int, void *)',
  poll: 'int poll(void *, unsigned long, int)',
  read: 'int64_t read(int, void *, size_t)',
  accept4: 'int accept4(int, void *, void *, int)',
  recv: 'int64_t recv(int, void *, size_t, int)',
  fcntl: 'int fcntl(int, int, int)',
  close: 'int close(int)',
  sendmmsg: 'int sendmmsg(int, void *, uint32_t, int)',
  getsockopt: 'int getsockopt(int, int, int, void *, void *)',
} as const;

/** To be called before such a thread has taken anything: koffi ends the process where it makes a call in a thread that is being ended. */
export function prepareToReceive(): void {
  const c = needLibc();
  for (const prototype of Object.values(RECEIVING)) c.call(prototype);
}

/** What the call said that has just failed. */
export function systemError(c: Libc): Error {
  return new Error(getSystemErrorMessage(-c.errno()));
}
