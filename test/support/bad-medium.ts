/** A disk that does not give some bytes: reads of them fail with EIO, as the kernel does it, until it is mended. */

import { readlinkSync } from 'node:fs';
import fs, { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { TestContext } from 'node:test';

const PAGE = 4096;

export class BadMedium {
  /** Reads that failed. */
  failures = 0;
  readonly #bad: { path: string; from: number; to: number }[] = [];

  /** From here on the pages of the file that have one of the bytes [from, to) cannot be read. */
  spoil(path: string, from = 0, to = Number.POSITIVE_INFINITY): void {
    this.#bad.push({ path, from: from - (from % PAGE), to: Math.ceil(to / PAGE) * PAGE });
  }

  mend(): void {
    this.#bad.length = 0;
  }

  /** Where a read of `length` bytes at `at` meets a bad page; null: nowhere. */
  #hit(path: string, at: number, length: number): number | null {
    const hits = this.#bad.filter((bad) => bad.path === path && bad.from < at + length && bad.to > at);
    return hits.length === 0 ? null : Math.max(at, Math.min(...hits.map(({ from }) => from)));
  }

  static async in(t: TestContext): Promise<BadMedium> {
    const medium = new BadMedium();
    const any = await open(import.meta.filename);
    const prototype = Object.getPrototypeOf(any) as FileHandle;
    await any.close();
    const read = prototype.read as (...args: unknown[]) => Promise<{ bytesRead: number; buffer: Buffer }>;
    t.mock.method(
      prototype,
      'read',
      function (this: FileHandle, buffer: Buffer, from: number, length: number, at: number) {
        const bad = medium.#hit(readlinkSync(`/proc/self/fd/${this.fd}`), at, length);
        if (bad === null) return read.call(this, buffer, from, length, at);
        if (bad > at) return read.call(this, buffer, from, bad - at, at);
        medium.failures++;
        return Promise.reject(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5 }));
      },
    );
    return medium;
  }

  /** From here on these cannot be opened, nor even looked at. */
  static refuse(t: TestContext, paths: string[]): void {
    for (const name of ['open', 'stat'] as const) {
      const original = fs[name] as (...args: unknown[]) => Promise<unknown>;
      t.mock.method(fs, name, (...args: unknown[]) => {
        if (!paths.includes(String(args[0]))) return original(...args);
        return Promise.reject(Object.assign(new Error(`EIO: i/o error, ${name}`), { code: 'EIO', errno: -5 }));
      });
    }
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
  }
}
