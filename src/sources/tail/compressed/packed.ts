/**
 * The compressed side of a tracked file (.gz, .zst). Position, offsets and lengths are those of the decompressed bytes.
 *
 * Its identity: `head` is the hash of its first compressed bytes, so it costs no decompression to see that it is the
 * same file; `whole`, or `damaged`, is its compressed size when it was read to its end, so nothing is decompressed again
 * while it has that size; the marker is that of the decompressed bytes before the position, and is looked at before it is read on.
 */
import { fstatSync } from '../../../mounts/fs.ts';
import { digest, HEAD_BYTES, MARKER_BYTES, type Prefix, same } from '../file/inode.ts';
import type { FileState } from '../file/state.ts';
import { begins, headOf } from '../positions/recognise.ts';
import type { Compression } from './archive.ts';
import { type Ending, Inflated } from './inflate.ts';

/** `later`: more has to be decompressed before. `nothing`: it was read to its end, and has not changed. */
export type Approach = 'ready' | 'later' | 'nothing' | 'restarted';

/** Decompressing to the position goes on for so long at a time, milliseconds; then other files have their turn. */
const SLICE_MS = 20;

export class Packed {
  readonly #inflated: Inflated;
  /** Bytes before `at` that have to be the same before reading goes on. */
  #check: { marker: Prefix; at: number } | null = null;
  /** The marker of the position is not known yet. */
  #unmarked = false;
  /** Its compressed size, as it was seen last. */
  size: number;
  /** How it ends at this size, as far as it is known. */
  ending: Ending = 'open';
  /** Nothing is written to it for a while: find out how it ends. */
  concluding = false;
  /** It was said that it is cut or corrupt. */
  told = false;

  constructor(format: Compression, size: number) {
    this.#inflated = new Inflated(format);
    this.size = size;
  }

  /** True: it takes memory for decompressing. */
  get active(): boolean {
    return !this.#inflated.fresh;
  }

  /** True: all that there is was decompressed. */
  get atEnd(): boolean {
    return this.#inflated.size === this.size;
  }

  /** What is wrong with it, and how many compressed bytes are of no use for that. */
  get damage(): { fault: string; bytes: number } {
    if (this.ending === 'cut')
      return { fault: 'it ends in the middle, as if it were not written to its end', bytes: 0 };
    return { fault: `it is damaged: ${this.#inflated.fault}`, bytes: this.#inflated.lost };
  }

  /** Reading goes on at a stored position, if there still are the bytes before `at` that were there. */
  expect(marker: Prefix, at: number): void {
    this.#check = { marker, at };
    this.#unmarked = true;
  }

  /** Decompressed bytes, as far as they are known; before the end, what the rest would be at the same ratio. */
  expected(file: FileState): number {
    if (this.ending !== 'open' || this.atEnd || this.#known(file)) return file.size;
    const { fed, to } = this.#inflated;
    const ratio = fed > 0 ? to / fed : 1;
    return Math.max(file.size, Math.round(to + Math.max(0, this.size - fed) * ratio));
  }

  /** Brings the decompressor to the file's position, step by step. The file must be open. */
  async approach(file: FileState): Promise<Approach> {
    const fd = file.fd!;
    const { generation } = file.stream;
    const { size } = fstatSync(fd);
    if (size !== this.size) {
      this.size = size;
      this.ending = 'open';
      this.told = false;
      file.grew();
    }
    if (!this.active) {
      if (!begins(fd, generation.head)) return 'restarted';
      if (!file.flush && this.#known(file)) {
        if (this.ending === 'open') this.#recall(file);
        return 'nothing';
      }
    }
    if (generation.head.length < HEAD_BYTES) generation.head = headOf(fd);
    const inflated = this.#inflated;
    if (this.#check) {
      const { marker, at } = this.#check;
      if (!(await inflated.seek(fd, at - marker.length, SLICE_MS))) return 'later';
      if (!same(marker, await this.#bytes(fd, at - marker.length, marker.length))) return 'restarted';
      this.#check = null;
    }
    if (this.#unmarked) {
      const length = Math.min(MARKER_BYTES, file.position);
      if (!(await inflated.seek(fd, file.position - length, SLICE_MS))) return 'later';
      const bytes = await this.#bytes(fd, file.position - length, length);
      if (bytes.length < length) return 'restarted';
      file.mark(digest(bytes));
      this.#unmarked = false;
    }
    if (!(await inflated.seek(fd, file.position - file.marker.length, SLICE_MS))) return 'later';
    if (this.concluding) {
      this.concluding = false;
      this.ending = await inflated.conclude(fd);
      if (this.ending === 'cut') {
        inflated.release();
        return 'nothing';
      }
      if (this.ending === 'whole') file.flush = true;
    }
    return 'ready';
  }

  /** As TrackedFile.read. The beginning of the line at the file's position, `line` bytes, stays at hand. */
  async read(file: FileState, into: Buffer, length: number, position: number, line: number): Promise<number> {
    const keep = file.position - file.marker.length;
    const got = await this.#inflated.read(file.fd!, into, length, position, keep, file.marker.length + line);
    if (this.#inflated.ending !== 'open') this.ending = this.#inflated.ending;
    return got;
  }

  /** Lets memory go; what follows starts from the beginning. */
  release(): void {
    this.#inflated.release();
  }

  /** The file begins anew. */
  restart(): void {
    this.release();
    this.#check = null;
    this.#unmarked = false;
    this.ending = 'open';
    this.concluding = false;
    this.told = false;
  }

  /** True: it was read to its end before, and has not changed. */
  #known(file: FileState): boolean {
    const { whole, damaged } = file.stream.generation;
    return whole === this.size || damaged === this.size;
  }

  /** That was said by a process before. */
  #recall(file: FileState): void {
    this.told = true;
    this.ending = file.stream.generation.whole === this.size ? 'whole' : 'corrupt';
    if (this.ending === 'corrupt') file.say('it is damaged, or ends in the middle: what is good of it was read');
  }

  async #bytes(fd: number, position: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, await this.#inflated.read(fd, bytes, length, position));
  }
}
