/**
 * Compares records with the file that they came from: what a record holds must be what runnel makes of those bytes. Of a
 * line its LF or CRLF is left out, and at the file's beginning a byte order mark; of a JSON record the message is what
 * the bytes decode to. A record that says it was cut has to be the beginning.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type Comparison, MULTILINE, type Span, TRUNCATED } from './origin.ts';

export const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'latin1'] as const;
export type Encoding = (typeof ENCODINGS)[number];

const WINDOW = 4 << 20;
const NAMED = 100;
const [LF, CR, BACKSLASH] = [10, 13, 0x5c] as const;
const MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const BEFORE_MESSAGE = Buffer.from('","message":"');
const AFTER_MESSAGE = Buffer.from('","log":{"file":{');
const BEFORE_MESSAGE_AT = 39;

/** The file, read in windows: records mostly come in its order. */
export class LocalFile {
  readonly path: string;
  readonly encoding: Encoding;
  readonly size: number;
  readonly #fd: number;
  #window = Buffer.alloc(0);
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

  /** Its bytes [from, to); fewer where it ends before. They are good until the next call. */
  read(from: number, to: number): Buffer {
    if (from < this.#from || to > this.#from + this.#window.length) {
      const want = Math.max(to - from, WINDOW);
      if (this.#window.buffer.byteLength < want) this.#window = Buffer.allocUnsafeSlow(want);
      const whole = Buffer.from(this.#window.buffer, 0, want);
      let got = 0;
      while (got < want) {
        const read = readSync(this.#fd, whole, got, want - got, from + got);
        if (read === 0) break;
        got += read;
      }
      this.#window = whole.subarray(0, got);
      this.#from = from;
    }
    return this.#window.subarray(from - this.#from, to - this.#from);
  }

  /** Whether a line ends in [from, to). */
  endsLine(from: number, to: number): boolean {
    const [first, second] = this.encoding === 'utf-16be' ? [0, LF] : [LF, 0];
    const wide = this.encoding.startsWith('utf-16');
    for (let at = from; at < to; at += WINDOW) {
      const bytes = this.read(at, Math.min(at + WINDOW, to));
      if (!wide) {
        if (bytes.includes(LF)) return true;
        continue;
      }
      for (let i = (at & 1) === 0 ? 0 : 1; i + 1 < bytes.length; i += 2) {
        if (bytes[i] === first && bytes[i + 1] === second) return true;
      }
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
  matching = 0;
  different = 0;
  /** Where the first differences are. */
  readonly differing: Span[] = [];

  constructor(file: LocalFile) {
    this.#file = file;
  }

  check(body: Buffer, start: number, end: number, offset: number, length: number, kind: 'json' | number): void {
    const bytes = this.#file.read(offset, offset + length);
    let so = bytes.length === length;
    if (so && kind === 'json') so = this.#json(body, start, end, bytes, offset);
    else if (so) so = this.#raw(body, start, end, bytes, offset, kind as number);
    if (so) this.matching++;
    else {
      this.different++;
      if (this.differing.length < NAMED) this.differing.push({ from: offset, to: offset + length });
    }
  }

  #raw(body: Buffer, start: number, end: number, bytes: Buffer, offset: number, flags: number): boolean {
    if (this.#file.encoding !== 'utf-8') {
      return agree(body.toString('utf8', start, end), this.#decoded(bytes, offset), flags);
    }
    const line = lineOf(bytes, offset);
    // As Latin-1, so that any bytes are compared.
    return (
      line.compare(body, start, end) === 0 || agree(body.toString('latin1', start, end), line.toString('latin1'), flags)
    );
  }

  #json(body: Buffer, start: number, end: number, bytes: Buffer, offset: number): boolean {
    if (this.#file.encoding === 'utf-8' && plainly(body, start, end, lineOf(bytes, offset))) return true;
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
    return agree(message, this.#decoded(bytes, offset), flags);
  }

  #decoded(bytes: Buffer, offset: number): string {
    const { encoding } = this.#file;
    // Node's latin1 decoder is windows-1252, as the Encoding Standard has it; runnel's is ISO 8859-1.
    let text =
      encoding === 'latin1' ? bytes.toString('latin1') : new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
    if (offset === 0 && encoding !== 'latin1') text = text.replace(/^\ufeff/, '');
    return text.replace(/\r?\n$/, '');
  }
}

/** Without what ends a line, and without a byte order mark. */
function lineOf(bytes: Buffer, offset: number): Buffer {
  let end = bytes.length;
  if (bytes[end - 1] === LF) {
    end--;
    if (bytes[end - 1] === CR) end--;
  }
  const start = offset === 0 && bytes.subarray(0, 3).equals(MARK) ? 3 : 0;
  return bytes.subarray(start, Math.max(start, end));
}

/** Whether the message is the line's bytes as they are, without anything that JSON escapes. */
function plainly(body: Buffer, start: number, end: number, line: Buffer): boolean {
  const from = start + BEFORE_MESSAGE_AT + BEFORE_MESSAGE.length;
  const to = from + line.length;
  if (to + AFTER_MESSAGE.length > end || line.includes(BACKSLASH)) return false;
  return (
    BEFORE_MESSAGE.compare(body, start + BEFORE_MESSAGE_AT, from) === 0 &&
    AFTER_MESSAGE.compare(body, to, to + AFTER_MESSAGE.length) === 0 &&
    line.compare(body, from, to) === 0
  );
}

/** Whether a record may hold this of a line, or of lines that are joined by LF. */
function agree(value: string, line: string, flags: number): boolean {
  if (value === line) return true;
  const whole = flags & MULTILINE ? line.replaceAll('\r\n', '\n') : line;
  if (value === whole) return true;
  // Where it was cut there may be half a character.
  return (flags & TRUNCATED) !== 0 && whole.startsWith(value.replace(/\ufffd+$/, ''));
}
