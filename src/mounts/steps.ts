/**
 * Work of several file calls, written once for both ways of calling: as a generator that yields what to call, and is given
 * what came of it. `atOnce` calls here and now; what may hang is called elsewhere, one after the other.
 */
import { type BigIntStats, closeSync, fstatSync, openSync, readlinkSync, statfsSync, statSync } from 'node:fs';
import { readLinkOf } from '../native.ts';

export interface Calls {
  open(path: string | Buffer, flags: number): number;
  close(fd: number): void;
  fstat(fd: number): BigIntStats;
  /** Undefined: nothing is there. */
  stat(path: string): BigIntStats | undefined;
  readlink(path: string): string;
  /** What a link says, in bytes: it need not be UTF-8. By its descriptor where that can be had, else by its place. */
  linkText(fd: number, place: Buffer): Buffer;
  /** The number of the file system's kind. */
  kind(path: Buffer): number;
}

type Call = { [K in keyof Calls]: [K, ...Parameters<Calls[K]>] }[keyof Calls];

export type Steps<T> = Generator<Call, T, unknown>;

/** `const fd = yield* call('open', path, flags)` */
export function* call<K extends keyof Calls>(name: K, ...args: Parameters<Calls[K]>): Steps<ReturnType<Calls[K]>> {
  return (yield [name, ...args] as unknown as Call) as ReturnType<Calls[K]>;
}

const HERE: Calls = {
  open: openSync,
  close: closeSync,
  fstat: (fd) => fstatSync(fd, { bigint: true }),
  stat: (path) => statSync(path, { bigint: true, throwIfNoEntry: false }),
  readlink: (path) => readlinkSync(path),
  linkText: (fd, place) => readLinkOf(fd) ?? readlinkSync(place, { encoding: 'buffer' }),
  kind: (path) => statfsSync(path).type,
};

export function atOnce<T>(steps: Steps<T>): T {
  let next = steps.next();
  while (!next.done) {
    const [name, ...args] = next.value;
    let result: unknown;
    try {
      result = (HERE[name] as (...args: unknown[]) => unknown)(...args);
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(result);
  }
  return next.value;
}
