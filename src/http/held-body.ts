/**
 * What is held of a body: memory of its own, so that it can be given back at once. Left to the garbage collector, a flood
 * leaves tens of megabytes of dead bodies behind, and every few hundred bodies it goes through the whole heap.
 *
 * Small pieces are put together: each of a chunked body's bytes would take some hundred as an object, and a slice keeps all
 * that was read with it.
 */
import { free } from '../core/free.ts';

/** A piece that is all of its memory, and so large, is kept as it is. */
const LARGE = 16 << 10;
/** Small ones are put together in as much, at least and at most. */
const LEAST = 1 << 10;
const MOST = 64 << 10;

export class HeldBody {
  /** Each of them is all that looks at its memory. */
  #pieces: Buffer[] = [];
  /** The last of them has room for more. */
  #filled = 0;
  #open = false;

  /** What is kept of the piece is a copy, unless it is large. */
  add(piece: Buffer): void {
    if (piece.length >= LARGE && isWhole(piece)) {
      this.#close();
      this.#pieces.push(piece);
    } else this.copy(piece);
  }

  /** Of a piece whose memory somebody else gives back. */
  copy(piece: Buffer): void {
    for (let rest = piece; rest.length > 0; ) {
      const last = this.#open ? this.#pieces.at(-1)! : this.#begin(rest.length);
      const some = rest.subarray(0, last.length - this.#filled);
      last.set(some, this.#filled);
      this.#filled += some.length;
      rest = rest.subarray(some.length);
      if (this.#filled === last.length) this.#open = false;
    }
  }

  #begin(bytes: number): Buffer {
    const before = this.#pieces.at(-1)?.length ?? 0;
    const room = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(MOST, Math.max(LEAST, 2 * before))));
    this.#pieces.push(room);
    this.#filled = 0;
    this.#open = true;
    return room;
  }

  #close(): void {
    if (this.#open) this.#pieces.push(this.#pieces.pop()!.subarray(0, this.#filled));
    this.#open = false;
  }

  /** A piece that is alone in memory of so many bytes is kept as it is. */
  own(piece: Buffer, bytes: number): void {
    if (piece.buffer.byteLength === bytes) {
      this.#close();
      this.#pieces.push(piece);
    } else this.add(piece);
  }

  /** All of it; good until it is let go. */
  get pieces(): readonly Buffer[] {
    this.#close();
    return this.#pieces;
  }

  /** All of it in one piece; good until it is let go. */
  joined(): Buffer {
    const { pieces } = this;
    if (pieces.length === 1) return pieces[0]!;
    const all = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    this.letGo();
    this.#pieces = [all];
    return all;
  }

  /** Gives the memory back: nobody looks at any of it any more. */
  letGo(): void {
    for (const { buffer } of this.#pieces) if (buffer instanceof ArrayBuffer) buffer.transfer(0);
    this.#pieces = [];
    this.#open = false;
  }
}

/** Throws away a piece that came and is not wanted, when who brought it is done with it. */
export function passOver(piece: Buffer): void {
  if (piece.length >= LARGE && isWhole(piece)) queueMicrotask(() => free(piece));
}

function isWhole({ buffer, length }: Buffer): boolean {
  return buffer instanceof ArrayBuffer && buffer.byteLength === length;
}
