/**
 * The ids that came last, and what became of them, so that what comes again is known: a ring of entries in memory, and of
 * the same entries in a file.
 *
 *   n, 8 | sequence, 8 | key, 16 | digest, 16 | hash, 32 | crc, 4        entry n stands at n % capacity
 *
 * `key` is sha-256 of stream and id, cut short; `digest` the same of the event's bytes. The file is written now and then:
 * what is not in it yet is read again from the log. An entry that is half written, or newer than what is asked for, has
 * another n, or crc, and is none.
 */
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { hash } from '../../builtin.ts';
import { openOrCreate } from '../../core/files.ts';

/** An event that was taken. */
export interface KnownEvent {
  /** See `digestOf`. */
  digest: string;
  sequence: number;
  /** Hex. */
  hash: string;
}

/** What of the ids a file holds. */
export interface SavedIds {
  /** Entries that were ever added. */
  count: number;
  capacity: number;
}

const ENTRY_BYTES = 84;
const KEY_AT = 16;
const KEY_BYTES = 16;
const DIGEST_AT = 32;
const HASH_AT = 48;
const CRC_AT = 80;

/** 16 bytes, a character each. */
export function idKey(stream: string, id: string): string {
  return hash('sha256', `${stream}\0${id}`, 'latin1').slice(0, 16);
}

export class RecentIds {
  readonly capacity: number;
  /** Entries that were ever added. */
  count = 0;
  readonly #ring: Buffer;
  /** By the key: place in the ring + 1; open addressing, 0: free. */
  readonly #index: Int32Array;
  readonly #mask: number;
  /** Entries before it are in the file. */
  #stored = 0;
  /** Some of those before it are not known, whatever the capacity. */
  #lacking = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#ring = Buffer.alloc(capacity * ENTRY_BYTES);
    const size = 2 ** Math.ceil(Math.log2(capacity * 2));
    this.#index = new Int32Array(size);
    this.#mask = size - 1;
  }

  /** Of an earlier process, from the bytes of its file. */
  static load(capacity: number, bytes: Buffer, saved: SavedIds): RecentIds {
    const ids = new RecentIds(capacity);
    ids.count = Math.max(0, saved.count - saved.capacity);
    ids.#lacking = ids.count;
    while (ids.count < saved.count) {
      const at = (ids.count % saved.capacity) * ENTRY_BYTES;
      const entry = bytes.subarray(at, at + ENTRY_BYTES);
      const whole = entry.length === ENTRY_BYTES && entry.readDoubleBE(0) === ids.count;
      if (!whole || crc32(entry.subarray(0, CRC_AT)) !== entry.readUInt32BE(CRC_AT)) {
        ids.#forget(ids.count % capacity);
        ids.count++;
        ids.#lacking = ids.count;
        continue;
      }
      ids.add(entry.toString('latin1', KEY_AT, DIGEST_AT), eventIn(entry));
    }
    // One of another capacity is another file, and all of it is written.
    ids.#stored = capacity === saved.capacity ? saved.count : 0;
    return ids;
  }

  /** All entries from this one on are known. */
  get oldest(): number {
    return Math.max(this.#lacking, this.count - this.capacity);
  }

  has(key: string): boolean {
    return this.#find(key) >= 0;
  }

  get(key: string): KnownEvent | null {
    const slot = this.#find(key);
    if (slot < 0) return null;
    return eventIn(this.#entry(this.#index[slot]! - 1));
  }

  /** The oldest is forgotten for it. */
  add(key: string, { digest, sequence, hash: head }: KnownEvent): void {
    const place = this.count % this.capacity;
    this.#forget(place);
    const entry = this.#entry(place);
    entry.writeDoubleBE(this.count, 0);
    entry.writeDoubleBE(sequence, 8);
    entry.write(key, KEY_AT, 'latin1');
    entry.write(digest, DIGEST_AT, 'latin1');
    entry.write(head, HASH_AT, 'hex');
    this.count++;
    let slot = wordOf(key) & this.#mask;
    while (this.#index[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#index[slot] = place + 1;
  }

  /** Brings what is new to the file, and that to the medium. */
  async store(path: string): Promise<SavedIds> {
    const { count, capacity } = this;
    const from = Math.max(this.#stored, count - capacity);
    if (from === count) return { count, capacity };
    for (let n = from; n < count; n++) {
      const entry = this.#entry(n % capacity);
      entry.writeUInt32BE(crc32(entry.subarray(0, CRC_AT)), CRC_AT);
    }
    const file = await openOrCreate(path);
    try {
      const [first, last] = [from % capacity, count % capacity];
      if (count - from === capacity) await this.#write(file, 0, capacity);
      else if (first < last) await this.#write(file, first, last);
      else {
        await this.#write(file, first, capacity);
        if (last > 0) await this.#write(file, 0, last);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#stored = count;
    return { count, capacity };
  }

  async #write(file: FileHandle, from: number, to: number): Promise<void> {
    const [at, end] = [from * ENTRY_BYTES, to * ENTRY_BYTES];
    for (let done = at; done < end; ) done += (await file.write(this.#ring, done, end - done, done)).bytesWritten;
  }

  #entry(place: number): Buffer {
    return this.#ring.subarray(place * ENTRY_BYTES, (place + 1) * ENTRY_BYTES);
  }

  /** Of the entry in this place. */
  #homeOf(place: number): number {
    return this.#ring.readInt32BE(place * ENTRY_BYTES + KEY_AT) & this.#mask;
  }

  /** Where in the index it is; -1: nowhere. */
  #find(key: string): number {
    const word = wordOf(key);
    for (let slot = word & this.#mask; this.#index[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const at = (this.#index[slot]! - 1) * ENTRY_BYTES + KEY_AT;
      if (this.#ring.readInt32BE(at) !== word) continue;
      if (this.#ring.toString('latin1', at, at + KEY_BYTES) === key) return slot;
    }
    return -1;
  }

  /** Takes what is in this place out of the index; what stands behind it moves up, so that it is found. */
  #forget(place: number): void {
    let free = this.#homeOf(place);
    while (this.#index[free] !== place + 1) {
      if (this.#index[free] === 0) return;
      free = (free + 1) & this.#mask;
    }
    this.#index[free] = 0;
    for (let slot = (free + 1) & this.#mask; this.#index[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const home = this.#homeOf(this.#index[slot]! - 1);
      // It may stand at `free` if its home is not between the two.
      if (((slot - home) & this.#mask) < ((slot - free) & this.#mask)) continue;
      this.#index[free] = this.#index[slot]!;
      this.#index[slot] = 0;
      free = slot;
    }
  }
}

/** The first of a key: where in the index it is looked for. */
function wordOf(key: string): number {
  return (key.charCodeAt(0) << 24) | (key.charCodeAt(1) << 16) | (key.charCodeAt(2) << 8) | key.charCodeAt(3);
}

function eventIn(entry: Buffer): KnownEvent {
  return {
    digest: entry.toString('latin1', DIGEST_AT, HASH_AT),
    sequence: entry.readDoubleBE(8),
    hash: entry.toString('hex', HASH_AT, CRC_AT),
  };
}
