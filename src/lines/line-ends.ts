/**
 * Where lines end in a file: behind an LF. In UTF-16 that is two bytes, which lie two by two from the file's beginning;
 * a byte 0A alone may as well be half of another character (U+0A05, U+010A).
 */
import type { LineOptions } from './envelope.ts';

/** What may stand around the text of a line, and is none of it: a byte order mark, CR and LF. */
export const AROUND_BYTES = 5;

export class LineEnds {
  /** Positions in the file are multiples of it. */
  readonly unitBytes: number;
  readonly #feed: number | Buffer;

  constructor(feed: number | Buffer) {
    this.#feed = feed;
    this.unitBytes = typeof feed === 'number' ? 1 : feed.length;
  }

  /** The place in bytes [from, to), which begin with a whole unit, behind the first line's end; -1: none ends there. */
  first(bytes: Buffer, from: number, to: number): number {
    const part = bytes.subarray(0, to);
    for (let at = part.indexOf(this.#feed, from); at >= 0; at = part.indexOf(this.#feed, at + 1)) {
      if ((at - from) % this.unitBytes === 0) return at + this.unitBytes;
    }
    return -1;
  }

  /** As `first`, behind the last line's end. */
  last(bytes: Buffer, from: number, to: number): number {
    const part = bytes.subarray(from, to);
    for (let at = part.lastIndexOf(this.#feed); at >= 0; at = at === 0 ? -1 : part.lastIndexOf(this.#feed, at - 1)) {
      if (at % this.unitBytes === 0) return from + at + this.unitBytes;
    }
    return -1;
  }

  /** The position itself, or the next one at which a unit begins. */
  aligned(position: number): number {
    return Math.ceil(position / this.unitBytes) * this.unitBytes;
  }
}

const BYTES = new LineEnds(10);
const BY_ENCODING: Record<LineOptions['encoding_in'], LineEnds> = {
  'utf-8': BYTES,
  latin1: BYTES,
  'utf-16le': new LineEnds(Buffer.from([10, 0])),
  'utf-16be': new LineEnds(Buffer.from([0, 10])),
};

export function lineEndsOf(encoding: LineOptions['encoding_in']): LineEnds {
  return BY_ENCODING[encoding];
}

/** Whether a line ends with these bytes, in whatever encoding. */
export function endAnyLine(bytes: Buffer): boolean {
  return Object.values(BY_ENCODING).some((ends) => ends.last(bytes, 0, bytes.length) === bytes.length);
}
