/**
 * Finds in the records of a batch which file and which of its bytes each came from, without making an object of a record.
 *
 * A record as the kernel packs it ends in text that is the same for all records of a file, and numbers:
 *
 *   json, the value    {"@timestamp":"<24>","message":"...", OFFSET digits ,"length":digits[,"skipped":digits][,"flags":[..]] AFTER
 *   raw, the headers   count | HEAD | offset | length | [skipped] | [flags]
 *
 * So a record is read from its end, and OFFSET with AFTER, or HEAD, are compared with those of the file that the record
 * before was of, else of those with the same id. They are complete JSON or complete headers: what compares equal means the
 * same. Everything else is parsed as any JSON or headers are; if it has no file, offset and length it is foreign.
 */
import { MULTILINE, TRUNCATED } from '../core/batch.ts';
import type { FetchedSection } from '../kafka/read/partition-reader.ts';
import { COLUMNS, HEADERS, OFFSET, RECORD_END, VALUE, VALUE_END } from '../records/record-table.ts';
import type { Origin } from './origin.ts';
import type { Recent } from './recent.ts';

const TIMESTAMP = Buffer.from('{"@timestamp":"');
const MESSAGE = Buffer.from('","message":"');
/** As `Date.prototype.toISOString` writes it. */
const TIMESTAMP_BYTES = 24;
const MESSAGE_AT = TIMESTAMP.length + TIMESTAMP_BYTES;
const LENGTH = Buffer.from(',"length":');
const SKIPPED = Buffer.from(',"skipped":');
const OFFSET_END = Buffer.from('"},"offset":');
const FLAGS = ['["truncated"]', '["multiline"]', '["truncated","multiline"]'].map((f) => Buffer.from(`,"flags":${f}`));
const [QUOTE, COLON, BRACE, BRACKET_END, ZERO, NINE] = [0x22, 0x3a, 0x7b, 0x5d, 0x30, 0x39] as const;
/** Looking back for the digits of `offset` ends here: what is around a line is larger only where somebody made it so. */
const FARTHEST = 4096;
/** Ways in which the records of one file may look: its labels may have changed. */
const LOOKS = 4;

/** What the records of a file have in common, as they stand in the batch. */
interface Look {
  origin: Origin;
  /** OFFSET, or HEAD. */
  before: Buffer;
  /** AFTER; empty for raw records. */
  after: Buffer;
}

export class MalformedRecord extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MalformedRecord';
  }
}

export interface RecordsOptions {
  /** The file that records with these facts are of. */
  origin: (host: string, id: string, path: string) => Origin;
  recent: Recent;
}

export class Records {
  readonly #o: RecordsOptions;
  /** By a hash of the id's bytes. */
  readonly #json = new Map<number, Look[]>();
  readonly #raw = new Map<number, Look[]>();
  #lastJson: Look | null = null;
  #lastRaw: Look | null = null;
  #body: Buffer = Buffer.alloc(0);
  #at = 0;
  // What was found in the record at hand.
  #offset = 0;
  #length = 0;
  #skipped = 0;
  #flags = 0;
  records = 0;
  /** Records that no file is named in. */
  foreign = 0;

  constructor(options: RecordsOptions) {
    this.#o = options;
  }

  /** The records of a batch whose offset deltas were asked for. Throws MalformedRecord. */
  section({ bytes, table, count, from, to }: FetchedSection): void {
    this.#body = bytes;
    for (let row = 0; row < count * COLUMNS; row += COLUMNS) {
      const delta = table[row + OFFSET]!;
      this.#at = table[row + HEADERS]!;
      this.#record(
        table[row + VALUE]!,
        table[row + VALUE_END]!,
        table[row + RECORD_END]!,
        delta >= from && delta <= to,
      );
    }
  }

  /** The headers begin at `#at`. */
  #record(value: number, valueEnd: number, end: number, wanted: boolean): void {
    const body = this.#body;
    const headers = this.#varint();
    const headersAt = this.#at;
    const known = this.#headers(headers, end);
    if (this.#at !== end) throw new MalformedRecord('headers do not end where their record does');
    if (!wanted) return;
    this.records++;
    let origin = known ? this.#rawOrigin(headersAt, end, headers) : null;
    const json = origin === null;
    if (json && valueEnd > value) origin = this.#jsonOrigin(value, valueEnd);
    if (origin === null) {
      this.foreign++;
      return;
    }
    if (!origin.wanted) return;
    origin.arrived(this.#offset, this.#length, this.#skipped, this.#o.recent);
    origin.comparison?.check(body, value, valueEnd, this.#offset, this.#length, json ? 'json' : this.#flags);
  }

  // Headers

  #offsetHeaderAt = 0;
  #idAt = 0;
  #idEnd = 0;

  /** Walks over the headers; true if they say which bytes of which file the record came from. */
  #headers(count: number, end: number): boolean {
    const body = this.#body;
    let found = 0;
    this.#skipped = 0;
    this.#flags = 0;
    for (let i = 0; i < count; i++) {
      const at = this.#at;
      const name = this.#varint();
      const nameAt = this.#at;
      this.#at += Math.max(0, name);
      const bytes = this.#varint();
      const valueAt = this.#at;
      this.#at += Math.max(0, bytes);
      if (this.#at > end) throw new MalformedRecord('a header is cut short');
      if (name === 4 && is(body, nameAt, 'file')) {
        this.#idAt = valueAt;
        this.#idEnd = this.#at;
        found |= 1;
      } else if (name === 6 && is(body, nameAt, 'offset')) {
        this.#offsetHeaderAt = at;
        this.#offset = digits(body, valueAt, this.#at);
        // Headers of these names before it are labels.
        this.#skipped = 0;
        this.#flags = 0;
        found = (found & 1) | (this.#offset >= 0 ? 2 : 0);
      } else if (name === 6 && is(body, nameAt, 'length')) {
        this.#length = digits(body, valueAt, this.#at);
        if (this.#length > 0) found |= 4;
      } else if (name === 7 && is(body, nameAt, 'skipped')) {
        this.#skipped = Math.max(0, digits(body, valueAt, this.#at));
      } else if (name === 5 && is(body, nameAt, 'flags')) {
        const flags = body.toString('latin1', valueAt, this.#at);
        this.#flags = (flags.includes('truncated') ? TRUNCATED : 0) | (flags.includes('multiline') ? MULTILINE : 0);
      }
    }
    return found === 7 && this.#skipped <= this.#offset;
  }

  #rawOrigin(from: number, end: number, count: number): Origin {
    const body = this.#body;
    const to = this.#offsetHeaderAt;
    const last = this.#lastRaw;
    if (last && to - from === last.before.length && equal(body, from, last.before)) return last.origin;
    const hash = hashOf(body, this.#idAt, this.#idEnd);
    for (const look of this.#raw.get(hash) ?? []) {
      if (to - from !== look.before.length || !equal(body, from, look.before)) continue;
      this.#lastRaw = look;
      return look.origin;
    }
    let [host, path] = ['', ''];
    this.#at = from;
    for (let i = 0; i < count; i++) {
      const name = this.#text();
      const value = this.#text();
      if (name === 'host') host = value;
      else if (name === 'path') path = value;
    }
    this.#at = end;
    const origin = this.#o.origin(host, body.toString('utf8', this.#idAt, this.#idEnd), path);
    this.#lastRaw = remember(this.#raw, hash, { origin, before: copyOf(body, from, to), after: Buffer.alloc(0) });
    return origin;
  }

  #text(): string {
    const bytes = Math.max(0, this.#varint());
    this.#at += bytes;
    return this.#body.toString('utf8', this.#at - bytes, this.#at);
  }

  // JSON

  #jsonOrigin(from: number, to: number): Origin | null {
    const body = this.#body;
    if (body[from] !== BRACE) return null;
    if (equal(body, from, TIMESTAMP) && equal(body, from + MESSAGE_AT, MESSAGE)) {
      const first = from + MESSAGE_AT + MESSAGE.length;
      const last = this.#lastJson;
      if (last && this.#matches(last, first, to)) return last.origin;
      const at = this.#offsetDigitsAt(first, to);
      if (at > 0) return this.#lookUp(from, first, at, to);
    }
    return this.#parsed(from, to);
  }

  /** Whether the value that ends at `to` looks like this; then its numbers are taken. */
  #matches(look: Look, first: number, to: number): boolean {
    const body = this.#body;
    const { before, after } = look;
    let at = to - after.length;
    if (at < first || !equal(body, at, after)) return false;
    if (body[at - 1] === BRACKET_END) {
      const flags = FLAGS.find((text) => endsWith(body, at, text));
      if (!flags) return false;
      at -= flags.length;
    }
    at = this.#numberBefore(at);
    let number = this.#number;
    let skipped = 0;
    if (endsWith(body, at, SKIPPED)) {
      skipped = number;
      at = this.#numberBefore(at - SKIPPED.length);
      number = this.#number;
    }
    if (number <= 0 || !endsWith(body, at, LENGTH)) return false;
    const length = number;
    at = this.#numberBefore(at - LENGTH.length);
    const offset = this.#number;
    at -= before.length;
    if (offset < skipped || at < first || !equal(body, at, before)) return false;
    this.#offset = offset;
    this.#length = length;
    this.#skipped = skipped;
    return true;
  }

  #number = -1;

  /** Reads the digits that end at `at` into `#number`, -1 where there are none; returns where they begin. */
  #numberBefore(at: number): number {
    const body = this.#body;
    let value = 0;
    let scale = 1;
    const end = at;
    while (end - at < 16) {
      const byte = body[at - 1]!;
      if (!(byte >= ZERO && byte <= NINE)) break;
      value += (byte - ZERO) * scale;
      scale *= 10;
      at--;
    }
    this.#number = at === end ? -1 : value;
    return at;
  }

  /** Where the digits behind `"},"offset":` begin, looked for from the end; 0: nowhere near. */
  #offsetDigitsAt(first: number, to: number): number {
    const body = this.#body;
    const stop = Math.max(first + OFFSET_END.length, to - FARTHEST);
    for (let at = to - 1; at > stop; at--) {
      // Where quotes within strings are escaped, `,"` cannot stand in one.
      if (body[at - 1] === COLON && body[at]! >= ZERO && body[at]! <= NINE && endsWith(body, at, OFFSET_END)) return at;
    }
    return 0;
  }

  #lookUp(from: number, first: number, at: number, to: number): Origin | null {
    const body = this.#body;
    const idEnd = at - OFFSET_END.length;
    let id = idEnd;
    while (id > first && body[id - 1] !== QUOTE) id--;
    const hash = hashOf(body, id, idEnd);
    for (const look of this.#json.get(hash) ?? []) {
      if (!this.#matches(look, first, to)) continue;
      this.#lastJson = look;
      return look.origin;
    }
    const origin = this.#parsed(from, to);
    if (!origin) return null;
    const before = Buffer.from(`","log":{"file":${JSON.stringify({ path: origin.path, id: origin.id })},"offset":`);
    let after = at;
    while (body[after]! >= ZERO && body[after]! <= NINE) after++;
    // Behind the numbers and flags, whose last ends at the brace that ends "log".
    const rest = body.toString('latin1', after, to);
    const numbers = /^,"length":\d+(,"skipped":\d+)?(,"flags":\["[a-z]+"(,"[a-z]+")*\])?/.exec(rest);
    if (numbers) {
      const look = { origin, before, after: copyOf(body, after + numbers[0].length, to) };
      const { 0: offset, 1: length, 2: skipped } = [this.#offset, this.#length, this.#skipped] as const;
      // Only what means to the fast way what it means to JSON is taken it.
      const same =
        this.#matches(look, first, to) &&
        this.#offset === offset &&
        this.#length === length &&
        this.#skipped === skipped;
      if (same) this.#lastJson = remember(this.#json, hash, look);
      this.#offset = offset;
      this.#length = length;
      this.#skipped = skipped;
    }
    return origin;
  }

  /** As any JSON document is read. */
  #parsed(from: number, to: number): Origin | null {
    // Most that is foreign is seen without parsing it.
    if (!this.#body.subarray(from, to).includes('"offset"')) return null;
    let value: unknown;
    try {
      value = JSON.parse(this.#body.toString('utf8', from, to));
    } catch {
      return null; // no JSON: foreign
    }
    const { log, host } = value as { log?: Record<string, unknown>; host?: { name?: unknown } };
    const file = log?.file as { path?: unknown; id?: unknown } | undefined;
    const { offset, length, skipped = 0 } = log ?? {};
    if (typeof file?.id !== 'string' || !isCount(offset) || !isCount(length) || !isCount(skipped)) return null;
    if (length === 0 || skipped > offset) return null;
    this.#offset = offset;
    this.#length = length;
    this.#skipped = skipped;
    return this.#o.origin(String(host?.name ?? ''), file.id, String(file.path ?? ''));
  }

  /** Exact up to 2^53. */
  #varint(): number {
    const body = this.#body;
    const first = body[this.#at++]!;
    if (first < 0x80) return first & 1 ? -((first + 1) >> 1) : first >> 1;
    let value = first & 0x7f;
    for (let scale = 128; ; scale *= 128) {
      const byte = body[this.#at++];
      if (byte === undefined || scale > 2 ** 63) throw new MalformedRecord('an integer is malformed');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }
}

/** Keeps a look, the newest first. */
function remember(looks: Map<number, Look[]>, hash: number, look: Look): Look {
  looks.set(hash, [look, ...(looks.get(hash) ?? [])].slice(0, LOOKS));
  return look;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function copyOf(body: Buffer, from: number, to: number): Buffer {
  return Buffer.from(body.subarray(from, to));
}

/** Whether `text` stands at `at`. What stands beyond the body's end compares as different. */
function equal(body: Buffer, at: number, text: Buffer): boolean {
  for (let i = text.length - 1; i >= 0; i--) if (body[at + i] !== text[i]) return false;
  return true;
}

function endsWith(body: Buffer, end: number, text: Buffer): boolean {
  return equal(body, end - text.length, text);
}

function is(body: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (body[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** The number of which body[from..to) are the digits; -1 where they are none. */
function digits(body: Buffer, from: number, to: number): number {
  if (from === to || to - from > 16) return -1;
  let value = 0;
  for (let at = from; at < to; at++) {
    const byte = body[at]!;
    if (byte < ZERO || byte > NINE) return -1;
    value = value * 10 + byte - ZERO;
  }
  return Number.isSafeInteger(value) ? value : -1;
}

function hashOf(body: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ body[at]!, 0x01000193);
  return hash;
}
