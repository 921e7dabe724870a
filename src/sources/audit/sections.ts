/** What a group brings, as it is written to the local log: records of each stream, in its order, cut into blocks. */
import { LINK_BYTES } from '../../audit/record.ts';
import type { Stream } from '../../core/batch.ts';
import type { LogSection } from '../../core/durable-log.ts';
import { MAX_BLOCK_BYTES } from '../../core/pool.ts';
import { framedBytes } from '../../records/frame.ts';
import { frameAround } from '../../records/record-batch.ts';

/** In whose books events are, and seals beside lines, where they have no block of their own. */
export const INTAKE = 'audit';
/** Around an event in a block: its link, its key and headers, the lengths; not less than that, and hardly more. */
export const AROUND_EVENT = LINK_BYTES + 640;

interface Section {
  input: string;
  count: number;
  items: number;
  bytes: number;
  /** Nothing more goes there. */
  full: boolean;
  /** A request goes on in the next one. */
  continues: boolean;
  /** Records, [0, bytes). */
  records: Buffer;
}

interface OfStream {
  key: Buffer;
  sections: Section[];
}

export class Sections {
  readonly #byStream = new Map<string, OfStream>();
  /** What the request at hand takes at most. */
  #coming = 0;

  /** In the order of each stream. */
  all(streamOf: (name: string, input: string) => Stream): LogSection[] {
    const all: LogSection[] = [];
    for (const [name, { sections }] of this.#byStream) {
      for (const { input, count, items, records, bytes, continues } of sections) {
        const stream = streamOf(name, input);
        all.push({ stream, count, items, records: records.subarray(0, bytes), continues });
      }
    }
    return all;
  }

  /**
   * What `add` brings, some so many bytes, is one request: after a kill it is there, or nothing of it. It begins a block
   * where it has no room in the last one; where it takes several, those are written as one.
   */
  together(name: string, bytes: number, add: () => void): void {
    const { sections } = this.#of(name);
    const last = sections.at(-1);
    if (last) last.full = last.bytes + bytes > MAX_BLOCK_BYTES;
    const from = last && !last.full ? sections.length - 1 : sections.length;
    this.#coming = bytes;
    add();
    this.#coming = 0;
    for (let i = from; i < sections.length - 1; i++) sections[i]!.continues = true;
  }

  /**
   * A record whose value has so many bytes, which `write` writes at the place that it is told. `input`: in whose books it is;
   * null: it is no item.
   */
  add(
    name: string,
    valueBytes: number,
    headers: Buffer,
    input: string | null,
    write: (record: Buffer, at: number) => void,
  ): void {
    const { key, sections } = this.#of(name);
    let section = sections.at(-1);
    const size = framedBytes(key.length, valueBytes, headers.length);
    const others = input !== null && section?.input !== input;
    if (!section || others || section.full || section.bytes + size > MAX_BLOCK_BYTES) {
      const records = Buffer.allocUnsafe(Math.min(MAX_BLOCK_BYTES, Math.max(size, this.#coming)));
      section = { input: input ?? INTAKE, count: 0, items: 0, bytes: 0, full: false, continues: false, records };
      sections.push(section);
    }
    const around = { offsetDelta: section.count, key, valueBytes, headers };
    const least = Math.min(MAX_BLOCK_BYTES, section.bytes + Math.max(size, this.#coming));
    if (section.bytes + size > section.records.length) section.records = grown(section, least);
    const valueAt = frameAround(section.records, section.bytes, around);
    write(section.records, valueAt);
    section.count++;
    if (input !== null) section.items++;
    section.bytes = valueAt + valueBytes + headers.length;
  }

  #of(name: string): OfStream {
    let of = this.#byStream.get(name);
    if (!of) {
      of = { key: Buffer.from(name), sections: [] };
      this.#byStream.set(name, of);
    }
    return of;
  }
}

/** Room for so many bytes at least; twice as much as before, so that many records are not copied many times. */
function grown({ records, bytes }: Section, least: number): Buffer {
  const room = Buffer.allocUnsafe(Math.max(least, Math.min(MAX_BLOCK_BYTES, 2 * records.length)));
  records.copy(room, 0, 0, bytes);
  return room;
}
