/**
 * The content of a compressed file, as if it were plain: positions are those of the decompressed bytes.
 *
 *   compressed    |  fed        |  not read  |
 *   decompressed  |  dropped  |  kept  |  dropped  |  window  |
 *                             ^ beginning of a line           ^ to
 *
 * node:zlib decompresses off the main thread, all members and frames one after the other, no further than is asked for:
 * memory is one read, the beginning of a line that is kept, and one step of the decompressor, whatever the file holds.
 * What was dropped costs a start from 0; so does what is asked for after a release.
 *
 * A decompressor that finds damage gives nothing of the piece that it was fed last. So that all that is good is read,
 * the piece is fed again in small ones, after a start from 0.
 */

import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { fstatSync, read } from '../../../mounts/fs.ts';
import type { Compression } from './archive.ts';

/** `open`: more may follow. `cut`: it ends within a member. `corrupt`: from some place on it is not what it should be. */
export type Ending = 'open' | 'whole' | 'cut' | 'corrupt';

const PIECE_BYTES = 32 * 1024;
const SMALL_BYTES = 16;
const STEP_BYTES = 128 * 1024;

interface Chunk {
  at: number;
  bytes: Buffer;
}

export class Inflated {
  readonly #format: Compression;
  #stream: Gunzip | ZstdDecompress | null = null;
  #chunks: Chunk[] = [];
  #to = 0;
  /** Compressed bytes that were fed, and where the piece fed last begins. */
  #fed = 0;
  #pieceAt = 0;
  #feeding = false;
  #error: Error | null = null;
  #wake: () => void = () => undefined;
  /** From this compressed byte on, small pieces. */
  #careful = Number.POSITIVE_INFINITY;
  ending: Ending = 'open';
  /** What is wrong with a corrupt file. */
  fault = '';
  /** Compressed bytes of the file when its end was reached last; -1: it was not. */
  size = -1;

  constructor(format: Compression) {
    this.#format = format;
  }

  /** True: everything before is decompressed from the beginning again. */
  get fresh(): boolean {
    return this.#stream === null;
  }

  /** Decompressed bytes so far. */
  get to(): number {
    return this.#to;
  }

  /** Compressed bytes they came from. */
  get fed(): number {
    return this.#fed;
  }

  /** Compressed bytes from the damage on. */
  get lost(): number {
    return Math.max(0, this.size - this.#pieceAt);
  }

  /**
   * Copies up to `length` bytes from `position` on; fewer at the end of what there is. The bytes [keep, keep + kept)
   * stay at hand, if they were read.
   */
  async read(fd: number, into: Buffer, length: number, position: number, keep = position, kept = 0): Promise<number> {
    if (!this.#has(position)) this.release();
    while (this.#to < position + length) {
      this.#drop(position, keep, keep + kept);
      if (!(await this.#pull(fd))) break;
    }
    let copied = 0;
    for (const { at, bytes } of this.#chunks) {
      const from = position + copied - at;
      if (from < 0 || from >= bytes.length || copied === length) continue;
      copied += bytes.copy(into, copied, from, Math.min(bytes.length, from + length - copied));
    }
    return copied;
  }

  /** Decompresses up to `position`, for so long at most; false: it is not there yet. */
  async seek(fd: number, position: number, time_ms: number): Promise<boolean> {
    if (!this.#has(position)) this.release();
    const start = performance.now();
    while (this.#to < position) {
      if (performance.now() - start > time_ms) return false;
      this.#drop(position, position, position);
      if (!(await this.#pull(fd))) break;
    }
    return true;
  }

  /** All was read and nothing is written any more: says how it ends. */
  async conclude(fd: number): Promise<Ending> {
    const stream = this.#stream;
    if (this.ending !== 'open' || !stream || this.#fed === 0) return this.ending;
    // Only with all of its output taken: what `end` brings forth is not bounded by a reader.
    const { size } = fstatSync(fd);
    if (size !== this.#fed || size !== this.size) return 'open';
    stream.end();
    while (!this.#error && !stream.readableEnded) {
      const more = stream.read() as Buffer | null;
      if (more) this.#add(more);
      else if (!this.#error && !stream.readableEnded) await this.#event();
    }
    this.ending = this.#error ? 'cut' : 'whole';
    return this.ending;
  }

  /** Lets memory go. */
  release(): void {
    this.#start();
    this.#careful = Number.POSITIVE_INFINITY;
  }

  #start(): void {
    const stream = this.#stream;
    this.#stream = null;
    stream?.removeAllListeners();
    // What is under way may still fail.
    stream?.on('error', () => undefined);
    stream?.destroy();
    this.#chunks = [];
    this.#to = 0;
    this.#fed = 0;
    this.#pieceAt = 0;
    this.#feeding = false;
    this.#error = null;
    this.ending = 'open';
    this.size = -1;
  }

  /** True if `position` is at hand, or still to come. */
  #has(position: number): boolean {
    return position >= this.#to || this.#chunks.some(({ at, bytes }) => position >= at && position < at + bytes.length);
  }

  #drop(position: number, keep: number, kept: number): void {
    this.#chunks = this.#chunks.filter(({ at, bytes }) => {
      const end = at + bytes.length;
      return end > position || (end > keep && at < kept);
    });
  }

  #add(bytes: Buffer): void {
    this.#chunks.push({ at: this.#to, bytes });
    this.#to += bytes.length;
  }

  /** Decompresses some more; false: there is no more for now. */
  async #pull(fd: number): Promise<boolean> {
    for (;;) {
      if (this.ending !== 'open') {
        if (fstatSync(fd).size === this.size) return false;
        this.release();
      }
      this.#stream ??= this.#open();
      const stream = this.#stream;
      const bytes = this.#error ? null : (stream.read() as Buffer | null);
      if (bytes) {
        this.#add(bytes);
        return true;
      }
      if (this.#error) {
        if (this.#careful === Number.POSITIVE_INFINITY) {
          const at = this.#pieceAt;
          this.#start();
          this.#careful = at;
        } else this.#end(fd, 'corrupt', this.#error.message);
        continue;
      }
      if (this.#feeding) {
        await this.#event();
        continue;
      }
      if (stream.bytesWritten < this.#fed) {
        // It takes no more: what follows the last member are zeros, or is not its to read.
        const rest = await onlyZeros(fd, stream.bytesWritten);
        this.#pieceAt = stream.bytesWritten;
        this.#end(fd, rest ? 'whole' : 'corrupt', 'what follows its end is neither compressed nor zeros');
        continue;
      }
      if (!(await this.#feed(fd, stream))) return false;
    }
  }

  async #feed(fd: number, stream: Gunzip | ZstdDecompress): Promise<boolean> {
    const near = this.#careful - this.#fed;
    const careful = near <= 0 && near > -PIECE_BYTES;
    const length = careful ? SMALL_BYTES : near > 0 ? Math.min(PIECE_BYTES, near) : PIECE_BYTES;
    const piece = Buffer.allocUnsafe(length);
    const got = await readAt(fd, piece, this.#fed);
    if (got === 0) {
      this.size = fstatSync(fd).size;
      if (this.size < this.#fed) this.release();
      return false;
    }
    this.#pieceAt = this.#fed;
    this.#fed += got;
    this.#feeding = true;
    stream.write(piece.subarray(0, got), (error) => {
      if (stream !== this.#stream) return;
      if (error) this.#error = error;
      this.#feeding = false;
      this.#wake();
    });
    return true;
  }

  #end(fd: number, ending: Ending, fault: string): void {
    this.size = fstatSync(fd).size;
    this.ending = ending;
    this.fault = fault;
  }

  #open(): Gunzip | ZstdDecompress {
    const stream = this.#format === 'gzip' ? createGunzip({ chunkSize: STEP_BYTES }) : createZstd();
    const wake = () => this.#wake();
    stream.on('readable', wake);
    stream.on('end', wake);
    stream.on('error', (error) => {
      if (stream === this.#stream) this.#error = error;
      wake();
    });
    return stream;
  }

  #event(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function createZstd(): ZstdDecompress {
  return createZstdDecompress({ chunkSize: STEP_BYTES });
}

function readAt(fd: number, into: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, got) => (error ? reject(error) : resolve(got)));
  });
}

async function onlyZeros(fd: number, from: number): Promise<boolean> {
  const bytes = Buffer.allocUnsafe(PIECE_BYTES);
  for (let at = from; ; ) {
    const got = await readAt(fd, bytes, at);
    if (got === 0) return true;
    for (let i = 0; i < got; i++) if (bytes[i] !== 0) return false;
    at += got;
  }
}
