/** What is captured, on its way to the main thread: bounded, and what finds no room is counted, in its place. */
import { DATAGRAM, LEFT_OUT, OF_CONNECTION, RECORD_HEAD_BYTES, writeHead } from './captured.ts';

const ROOM = 1 << 20;
/** Pieces that the main thread did not take yet. */
const MOST_UNDERWAY = 8;

export class Capture {
  readonly #memory: Buffer;
  readonly #post: (bytes: Uint8Array) => void;
  #buffer: Buffer | null = null;
  #used = 0;
  #leftOut = 0;
  #underway = 0;

  constructor(memory: Buffer, post: (bytes: Uint8Array) => void) {
    this.#memory = memory;
    this.#post = post;
  }

  /** Begins or ends it. */
  set(on: boolean): void {
    this.#buffer = on ? Buffer.alloc(ROOM) : null;
    this.#used = 0;
    this.#leftOut = 0;
    this.#underway = 0;
  }

  /** The main thread has taken a piece. */
  taken(): void {
    this.#underway = Math.max(0, this.#underway - 1);
  }

  add(listener: number, at: number, length: number, isDatagram: boolean): void {
    const buffer = this.#buffer;
    if (buffer === null) return;
    // The last bytes say what was left out.
    if (this.#used + (RECORD_HEAD_BYTES + 4) * 2 + length > ROOM) {
      this.#leftOut++;
      return;
    }
    this.#head(listener, isDatagram ? DATAGRAM : OF_CONNECTION, length);
    this.#used += this.#memory.copy(buffer, this.#used, at, at + length);
  }

  step(): void {
    if (this.#buffer === null || this.#underway >= MOST_UNDERWAY || this.#used + this.#leftOut === 0) return;
    if (this.#leftOut > 0) {
      this.#head(0, LEFT_OUT, 4);
      this.#used = this.#buffer.writeUInt32LE(this.#leftOut, this.#used);
    }
    this.#post(new Uint8Array(this.#buffer.subarray(0, this.#used)));
    this.#used = 0;
    this.#leftOut = 0;
    this.#underway++;
  }

  #head(listener: number, kind: number, length: number): void {
    writeHead(this.#buffer!, this.#used, { listener, kind, length, microseconds: BigInt(Date.now()) * 1000n });
    this.#used += RECORD_HEAD_BYTES;
  }
}
