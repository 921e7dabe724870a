/**
 * Files that are written anew in place, so that they are as long as before or longer, and end as before: a report of
 * which only some lines differ. What was read is compared: their first bytes, and all of it while that is not much:
 *
 *   something was told, and nothing had come    the first bytes at once, all when it was silent for a second
 *   something comes after some silence          before it is read
 *   it was written to while no agent ran        before anything more is read
 *
 * One that differs may be half written: it is read from 0 when it has stood still for a moment, and not before. What
 * grows line by line, or at full speed, is not compared.
 */
import { crc32 } from 'node:zlib';
import { fstatSync } from '../../../mounts/fs.ts';
import { begins } from '../positions/recognise.ts';
import type { Doubt, TrackedFile } from './file.ts';
import { nulsFrom, PAGE_BYTES } from './nuls.ts';
import { isHeadPunched } from './punched.ts';

const QUIET_MS = 1000;
/** What changes all the time is compared, and read anew, at no more than this speed. */
const BYTES_A_MS = 128;
/** Read at once. */
const PIECE_BYTES = 64 * 1024;
/** One that does not stand still for so long is being written; so long that is waited for at most. */
const STILL_MS = 200;
const LATEST_MS = 3000;

/** `later`: it differs, and may not be whole yet. */
export type Sameness = 'same' | 'other' | 'later';

export class Rewrites {
  /** By `performance.now()`: when it may be compared, or read anew, again. */
  readonly #again = new WeakMap<TrackedFile, number>();
  #piece: Buffer | null = null;

  /** True: it is to be compared before it is read. */
  asks({ packed, doubt, grown, silence }: TrackedFile): boolean {
    if (packed) return false;
    return (
      Math.max(silence, performance.now() - grown) > QUIET_MS ||
      (doubt !== null && (doubt.away || doubt.differs !== null))
    );
  }

  /** Something was told of the file, and nothing had come. It is open. */
  told(file: TrackedFile): void {
    if (file.packed || file.doubt?.differs) return;
    if (headOf(file) !== 'other') {
      if (file.sum !== null && file.position > file.stream.generation.head.length) this.#doubt(file);
    } else if (this.#mayBeCompared(file)) this.#wait(file);
    else this.#doubt(file);
  }

  /** The file that is asked for is open. `other`: it is to be read from 0. */
  async compare(file: TrackedFile): Promise<Sameness> {
    const { doubt } = file;
    if (doubt?.differs) return this.#lookAgain(file, doubt, doubt.differs);
    if (!this.#mayBeCompared(file)) {
      this.#doubt(file);
      return 'same';
    }
    if (await this.#isOther(file)) {
      this.#wait(file);
      return 'later';
    }
    file.doubt = null;
    return 'same';
  }

  /** When it is looked at, by `performance.now()`. */
  dueAt(file: TrackedFile, { differs }: Doubt): number {
    return differs ? differs.due : Math.max(file.grown + QUIET_MS, this.#again.get(file) ?? 0);
  }

  #mayBeCompared(file: TrackedFile): boolean {
    return performance.now() >= (this.#again.get(file) ?? 0);
  }

  #doubt(file: TrackedFile): Doubt {
    file.doubt ??= { size: file.size, away: false, differs: null };
    return file.doubt;
  }

  /** It differs: it is looked at again when it may stand still. */
  #wait(file: TrackedFile): void {
    const { size: stored, mtimeMs: modified } = fstatSync(file.fd!);
    const now = performance.now();
    const doubt = this.#doubt(file);
    if (!doubt.away) doubt.size = file.size;
    doubt.differs = { since: now, due: now + STILL_MS, stored, modified };
  }

  async #lookAgain(file: TrackedFile, doubt: Doubt, differs: NonNullable<Doubt['differs']>): Promise<Sameness> {
    const now = performance.now();
    if (now < differs.due) return 'later';
    const { size: stored, mtimeMs: modified } = fstatSync(file.fd!);
    const stands = stored === differs.stored && modified === differs.modified;
    if (!stands && now - differs.since < LATEST_MS) {
      Object.assign(differs, { due: now + STILL_MS, stored, modified });
      return 'later';
    }
    const other = await this.#isOther(file);
    file.doubt = null;
    if (!other) return 'same';
    this.#again.set(file, now + stored / BYTES_A_MS);
    file.know(doubt.size);
    return 'other';
  }

  async #isOther(file: TrackedFile): Promise<boolean> {
    const head = headOf(file);
    if (head === 'other') return true;
    const { position, sum, stream } = file;
    if (sum === null || position <= stream.generation.head.length) return false;
    let now = 0;
    let nuls = head === 'punched';
    const got = await this.#read(file, (piece) => {
      now = crc32(piece, now);
    });
    if (position > QUIET_MS * BYTES_A_MS) this.#again.set(file, performance.now() + position / BYTES_A_MS);
    // Where less is there it was truncated, which reading it tells.
    if (now === sum || got < position) return false;
    // A part of what was read may have been given back to the system.
    await this.#read(file, (piece) => {
      for (let at = 0; at + PAGE_BYTES <= piece.length && !nuls; at += PAGE_BYTES)
        nuls = nulsFrom(piece, at, at + PAGE_BYTES) === PAGE_BYTES;
    });
    if (nuls) file.sum = null;
    return !nuls;
  }

  /** What was read of the file, piece by piece. Returns how much of it is there. */
  async #read(file: TrackedFile, use: (piece: Buffer) => void): Promise<number> {
    const { position } = file;
    this.#piece ??= Buffer.allocUnsafe(PIECE_BYTES);
    for (let at = 0; at < position; ) {
      const got = await file.read(this.#piece, Math.min(PIECE_BYTES, position - at), at);
      if (got === 0) return at;
      use(this.#piece.subarray(0, got));
      at += got;
    }
    return position;
  }
}

/** What the open file begins with now. */
function headOf({ fd, position, stream }: TrackedFile): 'same' | 'other' | 'punched' {
  const { head } = stream.generation;
  // What was not read yet may be another line by now.
  if (head.length === 0 || head.length > position || begins(fd!, head)) return 'same';
  return isHeadPunched(fd!, head) ? 'punched' : 'other';
}
