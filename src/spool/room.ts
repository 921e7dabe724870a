/**
 * Room behind the end of a file that is synced block by block: zeros that are on the medium already.
 *
 *   | blocks ...        | zeros ...            |
 *                       ^ the next write       ^ end
 *
 * A write into them changes neither the file's size nor where it lies, so its sync waits for no commit of the file system's
 * journal, which is what others wait for, too. They are made beside the writes, behind the end alone: whoever writes past
 * it waits until they are made. A file that was not closed ends with them; they mean nothing.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { openSynced, writeAll } from './segment-file.ts';

/** So much is made for a file that has as much: one that hardly grows takes little. */
const LEAST = 64 << 10;
const MOST = 1 << 20;
/** Of zeros, in a write. */
const PART = Buffer.alloc(128 << 10);

export class FileRoom {
  readonly #file: FileHandle;
  /** The file gets no longer than this by what is made. */
  readonly #most: number;
  /** Zeros are there, or what was written, up to it. */
  #end: number;
  #making: Promise<void> | null = null;
  /** The disk does not give any: it has no room, or fails, which the writes will say. */
  #refused = false;

  private constructor(file: FileHandle, end: number, most: number) {
    this.#file = file;
    this.#end = end;
    this.#most = most;
  }

  /** Behind a file of `end` bytes. A file of its own: what a sync of zeros is told must not be kept from another one. */
  static async open(path: string, end: number, most: number): Promise<FileRoom> {
    return new FileRoom(await openSynced(path), end, most);
  }

  /** Resolves when nothing is being made before `end`: it may be written to. Null: at once. */
  before(end: number): Promise<void> | null {
    return end > this.#end ? this.#making : null;
  }

  /** The file was written up to `at`: makes more, where little is left. */
  after(at: number): void {
    this.#end = Math.max(this.#end, at);
    const step = Math.min(MOST, Math.max(LEAST, at));
    const to = Math.min(this.#most, at + step);
    if (this.#making || this.#refused || this.#end - at > step / 2 || to <= this.#end) return;
    this.#making = this.#make(to).finally(() => {
      this.#making = null;
    });
  }

  /** Takes it away; the file then has `size` bytes. */
  async close(size: number): Promise<void> {
    try {
      await this.#making;
      if (this.#end > size || this.#refused) await this.#file.truncate(size);
    } finally {
      await this.#file.close();
    }
  }

  /** Never rejects. */
  async #make(to: number): Promise<void> {
    try {
      while (this.#end < to) {
        const part = PART.subarray(0, to - this.#end);
        await writeAll(this.#file, [part], this.#end);
        this.#end += part.length;
      }
    } catch {
      this.#refused = true;
      // What of the last part is there takes the place of what is to be written.
      await this.#file.truncate(this.#end).catch(() => undefined);
    }
  }
}

/** Where what was written to a file ends, at or behind `from`: room is no part of it. */
export async function writtenTo(path: string, from: number): Promise<number> {
  const file = await open(path, 'r');
  try {
    const part = Buffer.allocUnsafe(PART.length);
    let end = from;
    for (let at = from; ; ) {
      const { bytesRead } = await file.read(part, 0, part.length, at);
      if (bytesRead === 0) return end;
      for (let i = bytesRead; i > 0; i--) {
        if (part[i - 1] === 0) continue;
        end = at + i;
        break;
      }
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}
