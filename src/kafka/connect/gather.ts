/**
 * A large answer, put together while it comes. kafkajs keeps its pieces and joins them at the end: that is twice its size,
 * and what is left of each piece waits for the garbage collector, which goes through the whole heap for a few of them.
 *
 *   piece | piece | piece ...   each is copied to its place, and its memory given back
 *   [ length, answer          ] and kafkajs is given all of it
 */
import { free, release } from '../../core/free.ts';

/** Of an answer; smaller ones come in a few pieces. */
export const LARGE_ANSWER = 128 << 10;

/** Memory that an answer is alone in. */
const alone = new WeakSet<ArrayBufferLike>();

/** Nobody looks at the answer that this is a part of any more: its memory is given back, where nothing else is in it. */
export function letGoOfAnswer(part: Buffer): void {
  if (alone.delete(part.buffer)) release(part);
}

export class GatheredAnswer {
  /** With the length in front. */
  readonly bytes: Buffer;
  #filled = 0;

  /** `begun`: what is there of its bytes, which are as many as `length`. */
  constructor(length: number, begun: readonly Buffer[]) {
    this.bytes = Buffer.allocUnsafeSlow(length);
    alone.add(this.bytes.buffer);
    for (const piece of begun) this.add(piece);
  }

  get isWhole(): boolean {
    return this.#filled === this.bytes.length;
  }

  /** Gives what of the piece is behind the answer's end; where nothing is, nobody may look at the piece any more. */
  add(piece: Buffer): Buffer {
    const taken = piece.copy(this.bytes, this.#filled);
    this.#filled += taken;
    const rest = piece.subarray(taken);
    if (rest.length === 0) free(piece);
    return rest;
  }
}
