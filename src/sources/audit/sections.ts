/** What a group brings, as it is written to the local log: records of each stream, in its order, cut into blocks. */
import { LINK_BYTES } from '../../audit/record.ts';
import type { Stream } from '../../core/batch.ts';
import type { LogSection } from '../../core/durable-log.ts';
import { MAX_BLOCK_BYTES } from '../../core/pool.ts';
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
  records: Buffer[];
}

export class Sections {
  readonly #byStream = new Map<string, Section[]>();

  /** In the order of each stream. */
  all(streamOf: (name: string, input: string) => Stream): LogSection[] {
    return [...this.#byStream].flatMap(([name, sections]) =>
      sections.map(({ input, count, items, records, continues }) => {
        return { stream: streamOf(name, input), count, items, records: Buffer.concat(records), continues };
      }),
    );
  }

  /**
   * What `add` brings, some so many bytes, is one request: after a kill it is there, or nothing of it. It begins a block
   * where it has no room in the last one; where it takes several, those are written as one.
   */
  together(name: string, bytes: number, add: () => void): void {
    const before = this.#byStream.get(name) ?? [];
    const last = before.at(-1);
    if (last) last.full = last.bytes + bytes > MAX_BLOCK_BYTES;
    const from = last && !last.full ? before.length - 1 : before.length;
    add();
    for (const section of this.#byStream.get(name)?.slice(from, -1) ?? []) section.continues = true;
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
    let sections = this.#byStream.get(name);
    if (!sections) {
      sections = [];
      this.#byStream.set(name, sections);
    }
    let section = sections.at(-1);
    // With the largest delta it takes no more than this.
    const size = valueBytes + headers.length + name.length + 40;
    const others = input !== null && section?.input !== input;
    if (!section || others || section.full || section.bytes + size > MAX_BLOCK_BYTES) {
      section = { input: input ?? INTAKE, count: 0, items: 0, bytes: 0, full: false, continues: false, records: [] };
      sections.push(section);
    }
    const { bytes, valueAt } = frameAround({ offsetDelta: section.count, key: name, valueBytes, headers });
    write(bytes, valueAt);
    section.records.push(bytes);
    section.count++;
    if (input !== null) section.items++;
    section.bytes += bytes.length;
  }
}
