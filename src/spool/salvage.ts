/**
 * Reads what a medium still gives. A page that it does not give is zeros: no batch that lacks a byte passes its checksum,
 * so from there on it is damage like any other, and what lies before and behind it is read.
 *
 * A disk may take seconds to say that it does not give a page. After PATIENCE_MS of that the rest of what is asked for
 * counts as bad without being tried.
 */
import { type FileHandle, open } from 'node:fs/promises';

const PAGE = 4096;
const PATIENCE_MS = 10_000;
/** EIO, and what a file system says whose own checksums or structures are wrong: EBADMSG, EUCLEAN, EREMOTEIO. */
const BAD_MEDIUM = new Set([-5, -74, -117, -121]);

/** The medium has it and does not give it. What is not there, not allowed or not possible now is another thing. */
export function isBadMedium(error: unknown): boolean {
  return BAD_MEDIUM.has((error as NodeJS.ErrnoException).errno ?? 0);
}

/** For one file. */
export class Salvage {
  /** Pages that were tried, by their place in the file: they are not tried again. */
  readonly #failed = new Set<number>();
  /** These, and the ones that were not tried any more. */
  readonly #bad = new Set<number>();
  #spent = 0;

  /** Some of what was read was not given. */
  get lacking(): boolean {
    return this.#bad.size > 0;
  }

  /** Some of the bytes [from, to) were not given. */
  lacks(from: number, to: number): boolean {
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) if (this.#bad.has(page)) return true;
    return false;
  }

  /** Slow pages are tried again from here on. */
  renew(): void {
    this.#spent = 0;
  }

  /** Fills the buffer from the file's byte `at` on; resolves with how much of it is in the file. */
  async read(file: FileHandle, buffer: Buffer, at: number): Promise<number> {
    const { size } = await file.stat();
    const wanted = Math.max(0, Math.min(buffer.length, size - at));
    for (let done = 0; done < wanted; ) {
      const page = Math.floor((at + done) / PAGE);
      if (!this.#failed.has(page) && this.#spent < PATIENCE_MS) {
        const bytes = await this.#try(file, buffer, done, wanted, at);
        if (bytes === 0) return done; // shorter by now
        if (bytes !== null) {
          done += bytes;
          continue;
        }
        this.#failed.add(page);
      }
      this.#bad.add(page);
      const end = Math.min(wanted, (page + 1) * PAGE - at);
      buffer.fill(0, done, end);
      done = end;
    }
    return wanted;
  }

  /** Null: not given. */
  async #try(file: FileHandle, buffer: Buffer, from: number, to: number, at: number): Promise<number | null> {
    const began = performance.now();
    try {
      return (await file.read(buffer, from, to - from, at + from)).bytesRead;
    } catch (error) {
      if (!isBadMedium(error)) throw error;
      this.#spent += performance.now() - began;
      return null;
    }
  }
}

/** A whole file, with zeros for what is not given; `lacking`: there are such. Rejects when it cannot be opened. */
export async function readWhole(path: string): Promise<{ bytes: Buffer; lacking: boolean }> {
  const file = await open(path, 'r');
  try {
    const salvage = new Salvage();
    const bytes = Buffer.alloc((await file.stat()).size);
    const length = await salvage.read(file, bytes, 0);
    return { bytes: bytes.subarray(0, length), lacking: salvage.lacking };
  } finally {
    await file.close();
  }
}
