/** Reads what a configuration is made of: never more than it may hold, and without waiting for what never comes. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const AGAIN_MS = 10;
/** So long somebody may take to begin to write into a pipe. */
const WRITER_MS = 10_000;
const PIECE = 65_536;

/** A regular file of at most `most` bytes. Throws what is wrong with it, in words. */
export function readSmall(path: string, most: number): Buffer {
  const { fd, stat } = open(path);
  try {
    // A device, or a FIFO that nobody writes to, would hang the start.
    if (!stat.isFile()) throw new Error('it is no regular file');
    const content = new Content(most);
    for (let got = content.add(fd); got !== 0; got = content.add(fd)) {
      if (got === null) throw new Error('it has no end');
    }
    return content.bytes;
  } finally {
    closeSync(fd);
  }
}

/** The same of what somebody names: also a pipe, to its end, as shells make them of `<(...)`. */
export async function readNamed(path: string, most: number): Promise<Buffer> {
  const { fd, stat } = open(path);
  try {
    const content = new Content(most);
    const until = stat.isFIFO() ? performance.now() + WRITER_MS : 0;
    for (;;) {
      const got = content.add(fd);
      if (got === 0 && (content.length > 0 || performance.now() >= until)) break;
      if (!got) await sleep(AGAIN_MS);
    }
    if (until > 0 && content.length === 0) throw new Error('nobody writes into this pipe');
    return content.bytes;
  } finally {
    closeSync(fd);
  }
}

function open(path: string): { fd: number; stat: Stats } {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw new Error(reasonOf(error));
  }
  const stat = fstatSync(fd);
  if (!stat.isDirectory()) return { fd, stat };
  closeSync(fd);
  throw new Error(REASONS.EISDIR);
}

class Content {
  readonly #most: number;
  readonly #pieces: Buffer[] = [];
  length = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Bytes that came, 0 at the end; null: there are none yet. */
  add(fd: number): number | null {
    const piece = Buffer.alloc(PIECE);
    try {
      // Files of /proc do not say how long they are.
      const got = readSync(fd, piece);
      this.length += got;
      this.#pieces.push(piece.subarray(0, got));
      if (this.length <= this.#most) return got;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return null;
      throw new Error(reasonOf(error));
    }
    throw new Error(
      `it is larger than ${this.#most >= 1 << 20 ? `${this.#most >> 20} MiB` : `${this.#most >> 10} KiB`}`,
    );
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'there is no such file',
};

/** An error of the file system in words. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? code ?? message;
}
