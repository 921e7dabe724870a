/**
 * The series table: which series there are, by number. A series is a kind, a name and attributes.
 *
 *   key  <kind, a digit><name as JSON><attributes as the inside of a JSON object>     UTF-8, cut apart at the flush
 *
 * Invariant: a number below `size` is live or on the free list. At most `limit` series are live, besides overflow
 * series: past the limit samples still count, in one series a name with the attribute `runnel.overflow`. What a key has
 * beyond KEY_BYTES is charged to the budget of sketches and sets; without room there it is past the limit as well.
 */
import type { PlainKey } from '../kernel/statsd.ts';
import type { Arena } from './arena.ts';
import { Keys } from './keys.ts';

/** Overflow series, at most: names do not come without end, and where they do, samples are dropped and counted. */
const OVERFLOW = 1024;
/** The longest name, as JSON, of an overflow series. */
const OVERFLOW_NAME = 2048;
/** A key of so many bytes comes with its series. */
const KEY_BYTES = 256;

export interface SeriesLimits {
  /** Series at once, and of one name. */
  series: number;
  perName: number;
  /** Tags of a series; characters of a name, and of the key and the value of a tag. */
  tags: number;
  length: number;
}

export class SeriesTable {
  readonly limit: number;
  readonly #limits: SeriesLimits;
  /** Series of each name, as JSON; where there is a limit to them. */
  readonly #ofName = new Map<string, number>();
  /** Numbers that can be given out. */
  readonly capacity: number;
  /** Numbers ever given out. */
  size = 0;
  readonly #keys: Keys;
  /** Bytes. */
  readonly #nameLengths: Uint32Array;
  /** Windows without a sample. */
  readonly #idle: Uint8Array;
  readonly #free: number[] = [];
  readonly #overflow: Uint8Array;
  readonly #budget: Arena;
  #overflows = 0;

  constructor(limits: SeriesLimits, budget: Arena) {
    const { series: limit } = limits;
    this.#limits = limits;
    this.limit = limit;
    this.#budget = budget;
    this.capacity = limit + OVERFLOW;
    this.#keys = new Keys(this.capacity);
    this.#overflow = new Uint8Array(this.capacity);
    this.#nameLengths = new Uint32Array(this.capacity);
    this.#idle = new Uint8Array(this.capacity);
  }

  get live(): number {
    return this.#keys.size;
  }

  /** The number of a series, new or known; of its overflow series when the table is full; -1 when that is full too. */
  number(kind: number, name: string, tags: readonly Pair[]): number {
    const { length, tags: most } = this.#limits;
    const nameJson = quoted(name.length > length ? name.slice(0, length).toWellFormed() : name);
    if (
      name.length > length ||
      tags.length > most ||
      tags.some(([key, value]) => Math.max(key.length, value.length) > length)
    )
      return this.#overflowOf(kind, nameJson);
    const known = this.#keys.look(String(kind) + nameJson + keyOf(tags));
    return known >= 0 ? known : this.#new(kind, nameJson);
  }

  /** The same as `number`, without a text for each part of it. */
  numberOf({ bytes, from, length, nameLength, tags, longest }: PlainKey): number {
    const name = () => bytes.toString('latin1', from + 1, from + 1 + nameLength);
    const kind = bytes[from]! - 48;
    if (longest > this.#limits.length || tags > this.#limits.tags)
      return this.#overflowOf(kind, quoted(JSON.parse(name()).slice(0, this.#limits.length)));
    const known = this.#keys.lookFor(bytes, from, length);
    return known >= 0 ? known : this.#new(kind, name());
  }

  /** The key that was looked for last. */
  #new(kind: number, nameJson: string): number {
    const beyond = Math.max(0, this.#keys.lookedLength - KEY_BYTES);
    if (this.live - this.#overflows < this.limit && this.#hasRoom(nameJson) && this.#budget.charge(beyond)) {
      if (this.#limits.perName < this.limit) this.#ofName.set(nameJson, (this.#ofName.get(nameJson) ?? 0) + 1);
      return this.#add(nameJson);
    }
    return this.#overflowOf(kind, nameJson);
  }

  /** The overflow series of this one's name; -1: there cannot be one. */
  overflow(number: number): number {
    return this.#overflowOf(this.kind(number), this.name(number));
  }

  isOverflow(number: number): boolean {
    return this.#overflow[number] === 1;
  }

  isLive(number: number): boolean {
    return this.#keys.has(number);
  }

  kind(number: number): number {
    return this.#keys.bytes[this.#keys.from(number)]! - 48;
  }

  /** The name as JSON. */
  name(number: number): string {
    const from = this.#keys.from(number) + 1;
    return this.#keys.bytes.toString('utf8', from, from + this.#nameLengths[number]!);
  }

  /** The inside of the JSON object. */
  attributes(number: number): string {
    const from = this.#keys.from(number) + 1 + this.#nameLengths[number]!;
    return this.#keys.bytes.toString('utf8', from, this.#keys.to(number));
  }

  /** Name and attributes as bytes: the name's are the first `nameLength(number)` of [from, to) of `bytes`. */
  get bytes(): Buffer {
    return this.#keys.bytes;
  }

  from(number: number): number {
    return this.#keys.from(number) + 1;
  }

  to(number: number): number {
    return this.#keys.to(number);
  }

  nameLength(number: number): number {
    return this.#nameLengths[number]!;
  }

  used(number: number): void {
    this.#idle[number] = 0;
  }

  /** A window has passed without this one; returns for how many now. */
  unused(number: number): number {
    if (!this.#keys.has(number)) return 0;
    this.#idle[number] = Math.min(255, this.#idle[number]! + 1);
    return this.#idle[number]!;
  }

  /** Takes out what was idle for `windows` or more; its numbers are given out again. Returns how many went. */
  evict(windows: number): number {
    let gone = 0;
    for (let number = 0; number < this.size; number++) {
      if (!this.#keys.has(number) || this.#idle[number]! < windows) continue;
      if (this.#overflow[number] === 1) this.#overflows--;
      else {
        this.#budget.refund(Math.max(0, this.to(number) - this.from(number) + 1 - KEY_BYTES));
        if (this.#limits.perName < this.limit) this.#forget(this.name(number));
      }
      this.#keys.remove(number);
      this.#overflow[number] = 0;
      this.#idle[number] = 0;
      this.#free.push(number);
      gone++;
    }
    if (gone > 0) this.#keys.tidy();
    return gone;
  }

  /** As in `#new`. */
  #add(nameJson: string): number {
    const number = this.#free.pop() ?? this.size++;
    this.#keys.put(number);
    this.#nameLengths[number] = Buffer.byteLength(nameJson);
    this.#idle[number] = 0;
    return number;
  }

  #hasRoom(nameJson: string): boolean {
    return this.#limits.perName >= this.limit || (this.#ofName.get(nameJson) ?? 0) < this.#limits.perName;
  }

  #forget(nameJson: string): void {
    const left = (this.#ofName.get(nameJson) ?? 0) - 1;
    if (left > 0) this.#ofName.set(nameJson, left);
    else this.#ofName.delete(nameJson);
  }

  #overflowOf(kind: number, nameJson: string): number {
    const there = this.#keys.look(`${kind}${nameJson}"runnel.overflow":"true"`);
    if (there >= 0) return there;
    if (this.#overflows >= OVERFLOW || nameJson.length > OVERFLOW_NAME) return -1;
    const number = this.#add(nameJson);
    this.#overflow[number] = 1;
    this.#overflows++;
    return number;
  }
}

/** The attributes of a series, pair by pair. */
export function attributesOf(series: SeriesTable, number: number): [string, string][] {
  const all = JSON.parse(`{${series.attributes(number)}}`) as Record<string, string | string[]>;
  return Object.entries(all).flatMap(([key, values]) => [values].flat().map((value): [string, string] => [key, value]));
}

type Pair = readonly [string, string];

/** The attributes as the inside of a JSON object: in one order, whatever the order sent, and every pair once. */
function keyOf(tags: readonly Pair[]): string {
  const pairs = tags.length < 2 ? tags : tags.toSorted(compare);
  let text = '';
  for (let i = 0; i < pairs.length; ) {
    const [key, value] = pairs[i]!;
    let values = quoted(value);
    let many = false;
    for (i++; i < pairs.length && pairs[i]![0] === key; i++) {
      if (pairs[i]![1] === pairs[i - 1]![1]) continue;
      values += `,${quoted(pairs[i]![1])}`;
      many = true;
    }
    text += `${text === '' ? '' : ','}${quoted(key)}:${many ? `[${values}]` : values}`;
  }
  return text;
}

function compare(a: Pair, b: Pair): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
}

/** What JSON writes in another way than it stands. */
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/** As JSON, in half the time where nothing of it is special: once for each key and value that is new. */
function quoted(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}
