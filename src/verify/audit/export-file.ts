/**
 * An export: what `audit export` writes, and `audit verify --file` reads. A record is a line of JSON, its value in base64,
 * so that it is the same byte for byte:
 *
 *   {"partition":0,"offset":12,"key":"orders","headers":{"stream":"...","sequence":"..."},"value":"eyJAd..."}
 *
 * `partition` and `offset` may be left out. A line that is none of these is a record without a value.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { AuditEntry, AuditSource } from './entry.ts';

/** At a time, by this thread: then it lies in the cache of the processor that looks at it. */
const READ_BYTES = 256 << 10;
/** Of a value: events are at most 256 KiB. A longer line than that makes is none of ours. */
const MOST_VALUE_BYTES = 1 << 20;
const MOST_LINE_BYTES = 2 * MOST_VALUE_BYTES;
/** What lines are read into. */
export const EXPORT_ROOM_BYTES = MOST_LINE_BYTES + READ_BYTES;
const WRITE_CHARS = 1 << 20;
const LF = 0x0a;
const QUOTE = 0x22;
const VALUE = '"value":"';
/** As we write it: these, each with digits and a comma behind it. */
const PARTITION = Buffer.from('{"partition":');
const OFFSET = Buffer.from('"offset":');
const COMMA = 0x2c;
/** Of a number that is exact. */
const MOST_DIGITS = 15;

export class ExportFile implements AuditSource {
  readonly name: string;
  /** What is missing from a file was taken out of it. */
  readonly deleted = false;
  readonly #path: string;

  /** Throws what the system says where it cannot be opened. */
  constructor(path: string) {
    const fd = openSync(path, 'r');
    try {
      if (fstatSync(fd).isDirectory()) throw new Error(`EISDIR: it is a directory, '${path}'`);
    } finally {
      closeSync(fd);
    }
    this.#path = path;
    this.name = path;
  }

  async read(...[each, { between, following } = {}]: Parameters<AuditSource['read']>): Promise<void> {
    const entry = new LineEntry();
    /** The beginning of a line, and what is read behind it. */
    const room = following?.text ?? Buffer.allocUnsafeSlow(EXPORT_ROOM_BYTES);
    let kept = 0;
    using file = opened(this.#path);
    for (;;) {
      const read = readSync(file.fd, room, kept, READ_BYTES, null);
      if (read === 0) break;
      const bytes = room.subarray(0, kept + read);
      let at = 0;
      for (;;) {
        const lines = following?.lines(at, bytes.length) ?? 0;
        if (lines > 0) {
          at = following!.lineEnd;
          entry.line += lines;
          continue;
        }
        const end = bytes.indexOf(LF, at);
        if (end < 0) break;
        if (entry.read(bytes, at, end)) each(entry);
        at = end + 1;
      }
      room.copyWithin(0, at, bytes.length);
      // What is longer than any line of ours is read over, as a line that is none.
      kept = Math.min(bytes.length - at, MOST_LINE_BYTES);
      await between?.();
    }
    if (entry.read(room, 0, kept)) each(entry);
  }
}

function opened(path: string): { fd: number } & Disposable {
  const fd = openSync(path, 'r');
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

interface Parsed {
  partition?: unknown;
  offset?: unknown;
  key?: unknown;
  headers?: unknown;
  value?: unknown;
}

class LineEntry implements AuditEntry {
  readonly bytes = Buffer.allocUnsafe(MOST_VALUE_BYTES);
  partition = 0;
  offset = 0;
  readonly value = 0;
  valueEnd = 0;
  /** How many were read. */
  line = 0;
  #source: Buffer = Buffer.alloc(0);
  #from = 0;
  /** Where what is not its value ends. */
  #valueAt = 0;
  #parsed: Parsed | null = null;

  get place(): string {
    return `line ${this.line}`;
  }

  get key(): string {
    const { key } = this.#others();
    return typeof key === 'string' ? key : '';
  }

  headers(): Record<string, string | null> {
    const { headers } = this.#others();
    return typeof headers === 'object' && headers !== null ? (headers as Record<string, string | null>) : {};
  }

  /** The line in [from, to); false: it is empty. */
  read(source: Buffer, from: number, to: number): boolean {
    this.line++;
    if (from === to) return false;
    this.#parsed = null;
    this.#source = source;
    this.#from = from;
    const valueAt = source.indexOf(VALUE, from, 'latin1') + VALUE.length;
    // As we write it: the value is the last, and base64 has no quotes.
    if (valueAt > from + VALUE.length && source.indexOf(QUOTE, valueAt) === to - 2 && source[to - 1] === 0x7d) {
      if (this.#numbers(source, from)) {
        this.#valueAt = valueAt - VALUE.length;
        this.#set(source.toString('latin1', valueAt, to - 2));
        return true;
      }
    }
    this.#parse(source.toString('utf8', from, to));
    return true;
  }

  /** Reads partition and offset; false: they do not stand there as we write them. */
  #numbers(source: Buffer, from: number): boolean {
    let at = behind(source, from, PARTITION);
    if (at === 0) return false;
    const comma = behindDigits(source, at);
    if (source[comma] !== COMMA) return false;
    this.partition = numberIn(source, at, comma);
    at = behind(source, comma + 1, OFFSET);
    if (at === 0) return false;
    const end = behindDigits(source, at);
    this.offset = numberIn(source, at, end);
    return source[end] === COMMA && comma > from + PARTITION.length && end > at;
  }

  #parse(line: string): void {
    const parsed = objectOf(line);
    this.#parsed = parsed;
    const { partition, offset, value } = parsed;
    this.partition = Number.isSafeInteger(partition) ? (partition as number) : 0;
    this.offset = Number.isSafeInteger(offset) ? (offset as number) : 0;
    this.#set(typeof value === 'string' ? value : '');
  }

  #set(base64: string): void {
    this.valueEnd = base64.length > (MOST_VALUE_BYTES / 3) * 4 ? 0 : this.bytes.write(base64, 0, 'base64');
  }

  /** What is beside the value; it is seldom asked for. */
  #others(): Parsed {
    this.#parsed ??= objectOf(`${this.#source.toString('utf8', this.#from, this.#valueAt)}"value":null}`);
    return this.#parsed;
  }
}

/** Behind the text that stands there; 0: it does not. */
function behind(source: Buffer, from: number, text: Buffer): number {
  for (let i = 0; i < text.length; i++) if (source[from + i] !== text[i]) return 0;
  return from + text.length;
}

function behindDigits(source: Buffer, from: number): number {
  let at = from;
  while (at - from < MOST_DIGITS && source[at]! >= 0x30 && source[at]! <= 0x39) at++;
  return at;
}

function numberIn(source: Buffer, from: number, to: number): number {
  let n = 0;
  for (let i = from; i < to; i++) n = n * 10 + source[i]! - 0x30;
  return n;
}

function objectOf(line: string): Parsed {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return {};
  }
}

/** Writes all records of `source` that are wanted, piece by piece; resolves with how many. */
export async function writeExport(
  source: AuditSource,
  to: (text: string) => Promise<void>,
  wanted: (entry: AuditEntry) => boolean,
): Promise<number> {
  let text = '';
  let count = 0;
  const write = async () => {
    const part = text;
    text = '';
    await to(part);
  };
  const take = (entry: AuditEntry) => {
    if (!wanted(entry)) return;
    count++;
    text += lineOfRecord(entry);
  };
  const between = async () => {
    if (text.length >= WRITE_CHARS) await write();
  };
  await source.read(take, { between });
  await write();
  return count;
}

function lineOfRecord(entry: AuditEntry): string {
  const { partition, offset, key, bytes, value, valueEnd } = entry;
  const base64 = value < 0 ? 'null' : `"${bytes.toString('base64', value, valueEnd)}"`;
  return `{"partition":${partition},"offset":${offset},"key":${JSON.stringify(key)},"headers":${JSON.stringify(entry.headers())},"value":${base64}}\n`;
}
