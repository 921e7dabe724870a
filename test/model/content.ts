/**
 * What a file held from its beginning (or its last truncation) on, and what of it has arrived under an id.
 *
 *   |  settled  |  arrived  |  not arrived  |
 *   0                      next           size
 *
 * A content outlives its file in a copy. An id stands for one content; while what has arrived under it is only what
 * several begin with, nobody can say for which.
 */
import type { Place } from './script.ts';

/** `live`: under the name that is written to. */
export type Where = 'live' | Place | 'deleted';

/** An inode. */
export class PhysicalFile {
  where: Where;
  /** The name it has, or had last. */
  path: string;
  content: Content;

  constructor(where: Where, path: string, content: Content) {
    this.where = where;
    this.path = path;
    this.content = content;
  }
}

export class Content {
  readonly path: string;
  readonly inode: number;
  /** The file that holds it; null: none. */
  file: PhysicalFile | null = null;
  bytes = Buffer.alloc(512);
  size = 0;
  /** The end of the last complete line. */
  complete = 0;
  /** Under which it comes. */
  identity: Identity | null = null;
  /** Where an unfinished line may have been sent as it was: ends of it while its file had lost its first name. */
  readonly cuts = new Set<number>();
  /** The agent that has it open, by number: that one reads it to its end, whatever happens to its names. */
  openIn = -1;
  /**
   * It is in a copy now, its first `size` bytes are. `witness`: the agent, by number, that had read from the original
   * and was running when that was truncated. `settled`: how much was, then. `alike`: it is named after the original,
   * which still has the name that it was known by.
   */
  copied: { witness: number; size: number; settled: number; alike: boolean; of: PhysicalFile } | null = null;
  /**
   * It may come twice: nothing of it had arrived when a copy of it was begun, so the copy may have been seen first, or
   * with it; or a copy of it was renamed to a name that is written to.
   */
  again = false;
  /** Up to here the agent has said that it knows of it, just before it was truncated. */
  seen = 0;
  /** All before it has arrived. */
  next = 0;

  constructor(path: string, inode: number) {
    this.path = path;
    this.inode = inode;
  }

  append(more: Buffer): void {
    if (this.size + more.length > this.bytes.length) {
      const grown = Buffer.alloc(Math.max(this.bytes.length * 2, this.size + more.length));
      this.bytes.copy(grown, 0, 0, this.size);
      this.bytes = grown;
    }
    more.copy(this.bytes, this.size);
    const newline = more.lastIndexOf(10);
    if (newline >= 0) this.complete = this.size + newline + 1;
    this.size += more.length;
  }

  /** True: these bytes are one line, or an unfinished one where that may be sent. */
  isRecord({ offset, length, text }: Arrived, maxLine: number): boolean {
    const end = offset + length;
    if (length === 0 || end > this.size) return false;
    const newline = this.bytes.indexOf(10, offset);
    if (newline >= 0 && newline < end - 1) return false;
    const whole = newline === end - 1 ? end - 1 : end;
    if (whole === end && !this.cuts.has(end)) return false;
    return this.bytes.toString('latin1', offset, Math.min(whole, offset + maxLine)) === text;
  }

  /** In the place of the other, and with the same first bytes. */
  succeeds(other: Content, length: number): boolean {
    if (this.path !== other.path && this.inode !== other.inode) return false;
    if (length > this.size || length > other.size) return false;
    return this.bytes.subarray(0, length).equals(other.bytes.subarray(0, length));
  }
}

/** A record as it came. */
export interface Arrived {
  offset: number;
  length: number;
  text: string;
}

export class Identity {
  readonly id: string;
  readonly path: string;
  /** What it may stand for; one: that is it. */
  candidates: Content[];
  /** All before it has arrived. */
  next = 0;
  /** All before it is settled, and that is stored. */
  settled = 0;
  /** Where the next agent may begin: where the last one ended; after a kill, at what was not settled. */
  from = { least: 0, most: 0 };
  /** The last agent that sent something under it, and where that one goes on. */
  agent = -1;
  at = 0;

  constructor(id: string, path: string, candidates: Content[]) {
    this.id = id;
    this.path = path;
    this.candidates = candidates;
  }

  /** What it stands for, if that is certain. */
  get content(): Content | null {
    return this.candidates.length === 1 ? this.candidates[0]! : null;
  }
}
