/**
 * Compares records with the file that they came from: what a record holds must be what runnel makes of those bytes. Of a
 * line its LF or CRLF is left out, and a byte order mark that begins it (0.1.0 left those in that did not begin the file:
 * they count on neither side); of a JSON record the message is what the bytes decode to. A record that says it was cut
 * has to be the beginning.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { MULTILINE, TRUNCATED } from '../core/batch.ts';
import { lineEndsOf } from '../lines/line-ends.ts';
import type { ByteRange, Comparison } from './origin.ts';

export const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'latin1'] as const;
export type Encoding = (typeof ENCODINGS)[number];

const WINDOW = 4 << 20;
/** Records are smaller by far. */
const LARGEST = 32 << 20;
const NAMED = 100;
/** Within so many a line ends, in any encoding. */
const LAST_BYTES = 2;
const [LF, CR, SPACE, QUOTE, BACKSLASH] = [0x0a, 0x0d, 0x20, 0x22, 0x5c] as const;
const MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const BEFORE_MESSAGE = Buffer.from('","message":"');
const AFTER_MESSAGE = Buffer.from('","log":{"file":{');
const BEFORE_MESSAGE_AT = 39;

/** The file, read in windows: records mostly come in its order. */
export class LocalFile {
  readonly path: string;
  readonly encoding: Encoding;
  size: number;
  readonly #fd: number;
  /** A part of the file. */
  window: Buffer = Buffer.alloc(0);
  #from = 0;

  /** Throws what the system says. */
  constructor(path: string, encoding: Encoding) {
    this.path = path;
    this.encoding = encoding;
    this.#fd = openSync(path, 'r');
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) {
      closeSync(this.#fd);
      throw new Error(`${path} is no regular file`);
    }
    this.size = stat.size;
  }

  /** Brings its bytes [from, to) into the window and says where there they begin; -1: the file ends before. */
  locate(from: number, to: number): number {
    if (to > this.size) this.size = fstatSync(this.#fd).size; // it may have grown
    if (to > this.size) return -1;
    if (from < this.#from || to > this.#from + this.window.length) this.#move(from, Math.max(to - from, WINDOW));
    return to <= this.#from + this.window.length ? from - this.#from : -1;
  }

  #move(from: number, want: number): void {
    if (this.window.buffer.byteLength < want) this.window = Buffer.allocUnsafeSlow(want);
    const whole = Buffer.from(this.window.buffer, 0, want);
    let got = 0;
    while (got < want) {
      const read = readSync(this.#fd, whole, got, want - got, from + got);
      if (read === 0) break;
      got += read;
    }
    this.window = whole.subarray(0, got);
    this.#from = from;
  }

  /** Whether a line ends in [from, to). */
  endsLine(from: number, to: number): boolean {
    const ends = lineEndsOf(this.encoding);
    for (let at = ends.aligned(from); at < to; at += WINDOW) {
      const size = Math.min(WINDOW, to - at);
      const found = this.locate(at, at + size);
      if (found < 0) return false;
      if (ends.first(this.window, found, found + size) >= 0) return true;
    }
    return false;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The records of one identity against the file. */
export class FileComparison implements Comparison {
  readonly #file: LocalFile;
  readonly #onlyRange: boolean;
  matching = 0;
  /** Of which only that was compared: what they say may have been changed on purpose. */
  byRange = 0;
  different = 0;
  /** Where the first differences are. */
  readonly differing: ByteRange[] = [];

  constructor(file: LocalFile, onlyRange = false) {
    this.#file = file;
    this.#onlyRange = onlyRange;
  }

  check(body: Buffer, start: number, end: number, offset: number, length: number, kind: 'json' | number): void {
    if (this.#onlyRange && this.#isLine(offset, length)) this.byRange++;
    else if (!this.#onlyRange && this.#same(body, start, end, offset, length, kind)) this.matching++;
    else {
      this.different++;
      if (this.differing.length < NAMED) this.differing.push({ from: offset, to: offset + length });
    }
  }

  /** Whether a line ends there, or the file. */
  #isLine(offset: number, length: number): boolean {
    const last = Math.min(length, LAST_BYTES);
    const at = this.#file.locate(offset + length - last, offset + length);
    if (at < 0) return false;
    return offset + length === this.#file.size || this.#file.window.subarray(at, at + last).includes(LF);
  }

  #same(body: Buffer, start: number, end: number, offset: number, length: number, kind: 'json' | number): boolean {
    // What is longer was cut: its beginning is enough.
    const size = Math.min(length, LARGEST);
    const at = this.#file.locate(offset, offset + size);
    if (at < 0) return false;
    const { window, encoding } = this.#file;
    const isLast = offset + length === this.#file.size;
    if (encoding === 'utf-8') {
      let first = at;
      let last = at + size;
      while (isMark(window, first, last)) first += MARK.length;
      if (last > first && window[last - 1] === LF) last -= last - 1 > first && window[last - 2] === CR ? 2 : 1;
      if (kind === 'json') {
        if (plainly(body, start, end, window, first, last)) return true;
      } else {
        if (window.compare(body, start, end, first, last) === 0) return true;
        // As Latin-1, so that any bytes are compared.
        return agree(body.toString('latin1', start, end), window.toString('latin1', first, last), kind, isLast);
      }
    }
    const text = this.#decoded(window.subarray(at, at + size));
    if (kind === 'json') return agreeJson(body, start, end, text, isLast);
    return agree(body.toString('utf8', start, end), text, kind, isLast);
  }

  #decoded(bytes: Buffer): string {
    const { encoding } = this.#file;
    // Node's latin1 decoder is windows-1252, as the Encoding Standard has it; runnel's is ISO 8859-1.
    const text =
      encoding === 'latin1' ? bytes.toString('latin1') : new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
    return text.replace(/\r?\n$/, '');
  }
}

function isMark(bytes: Buffer, at: number, to: number): boolean {
  return (
    bytes[at] === MARK[0] && to - at >= MARK.length && bytes.compare(MARK, 0, MARK.length, at, at + MARK.length) === 0
  );
}

/** Marks that begin lines of a text, or of its bytes as Latin-1. */
const MARKS = /(^|\n)(?:\ufeff|\u00ef\u00bb\u00bf)+/g;

function unmarked(text: string): string {
  return text.replace(MARKS, '$1');
}

/** Whether the message is the line [first, last); false also where undoing `\"` and `\\` is not enough to tell. */
function plainly(body: Buffer, start: number, end: number, line: Buffer, first: number, last: number): boolean {
  let at = start + BEFORE_MESSAGE_AT;
  if (at + BEFORE_MESSAGE.length + (last - first) + AFTER_MESSAGE.length > end) return false;
  for (let i = 0; i < BEFORE_MESSAGE.length; i++) if (body[at++] !== BEFORE_MESSAGE[i]) return false;
  for (let i = first; i < last; i++) {
    const byte = line[i]!;
    if (byte < SPACE) return false;
    if ((byte === QUOTE || byte === BACKSLASH) && body[at++] !== BACKSLASH) return false;
    if (body[at++] !== byte) return false;
  }
  if (at + AFTER_MESSAGE.length > end) return false;
  for (let i = 0; i < AFTER_MESSAGE.length; i++) if (body[at++] !== AFTER_MESSAGE[i]) return false;
  return true;
}

/** Whether the document's message may be what the line decodes to. */
function agreeJson(body: Buffer, start: number, end: number, line: string, isLast: boolean): boolean {
  let document: { message?: unknown; log?: { flags?: unknown } };
  try {
    document = JSON.parse(body.toString('utf8', start, end));
  } catch {
    return false; // what is no JSON holds no line
  }
  const { message, log } = document;
  if (typeof message !== 'string') return false;
  const words = Array.isArray(log?.flags) ? log.flags : [];
  const flags = (words.includes('truncated') ? TRUNCATED : 0) | (words.includes('multiline') ? MULTILINE : 0);
  return agree(message, line, flags, isLast);
}

/**
 * Whether a record may hold this of a line, or of lines that are joined by LF. `isLast`: of the file; over a rotation it
 * may go on with lines of the next one.
 */
function agree(value: string, line: string, flags: number, isLast: boolean): boolean {
  if (value === line) return true;
  const whole = unmarked(flags & MULTILINE ? line.replaceAll('\r\n', '\n') : line);
  value = unmarked(value);
  if (value === whole) return true;
  if (isLast && flags & MULTILINE && value.startsWith(`${whole}\n`)) return true;
  // Where it was cut there may be half a character.
  return (flags & TRUNCATED) !== 0 && whole.startsWith(value.replace(/\ufffd+$/, ''));
}
