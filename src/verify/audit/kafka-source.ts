/** The records of a topic, for `audit verify` and `audit export`. */
import { COLUMNS, eachHeader, KEY, KEY_END, OFFSET, VALUE, VALUE_END } from '../../records/record-table.ts';
import { type TopicOptions, TopicReading } from '../topic.ts';
import type { AuditEntry, AuditSource } from './entry.ts';

export class KafkaSource implements AuditSource {
  readonly name: string;
  readonly #topic: TopicReading;
  readonly #progress: ((part: number) => void) | undefined;
  #open = false;

  /** `progress` hears how much of the topic was read, 0 to 1. */
  constructor(options: TopicOptions, progress?: (part: number) => void) {
    this.name = `topic ${options.topic}`;
    this.#topic = new TopicReading(options);
    this.#progress = progress;
  }

  get deleted(): boolean {
    return this.#topic.partitions.some(({ first }) => first > 0) || this.#topic.readers.some((r) => r.deleted > 0);
  }

  async read(...[each, { between, following } = {}]: Parameters<AuditSource['read']>): Promise<void> {
    const entry = new TableEntry();
    let before = 0;
    try {
      if (!this.#open) await this.#topic.open();
      this.#open = true;
      const total = this.#topic.partitions.reduce((sum, { first, end }) => sum + end - first, 0);
      for await (const { partition, section } of this.#topic.sections(following?.text)) {
        const { base, bytes, table, count, from, to } = section;
        entry.partition = partition;
        entry.bytes = bytes;
        entry.table = table;
        let end = count;
        while (end > 0 && table[(end - 1) * COLUMNS + OFFSET]! > to) end--;
        let row = 0;
        while (row < end && table[row * COLUMNS + OFFSET]! < from) row++;
        while (row < end) {
          const followed = following?.rows(partition, bytes, table, row, end) ?? 0;
          row += followed;
          if (followed > 0) continue;
          const at = row * COLUMNS;
          entry.row = row;
          entry.offset = base + table[at + OFFSET]!;
          entry.value = table[at + VALUE]!;
          entry.valueEnd = table[at + VALUE_END]!;
          each(entry);
          row++;
        }
        await between?.();
        before += count;
        this.#progress?.(Math.min(1, before / Math.max(1, total)));
      }
    } finally {
      this.#topic.close();
    }
  }
}

class TableEntry implements AuditEntry {
  partition = 0;
  offset = 0;
  bytes: Buffer = Buffer.alloc(0);
  table: Int32Array = new Int32Array(0);
  row = 0;
  value = -1;
  valueEnd = -1;

  get key(): string {
    const at = this.row * COLUMNS;
    const from = this.table[at + KEY]!;
    return from < 0 ? '' : this.bytes.toString('utf8', from, this.table[at + KEY_END]!);
  }

  get place(): string {
    return `offset ${this.offset} of partition ${this.partition}`;
  }

  /** None where they are malformed. */
  headers(): Record<string, string | null> {
    const found = new Map<string, string | null>();
    const { bytes } = this;
    try {
      eachHeader(bytes, this.table, this.row, (name, nameEnd, value, valueEnd) => {
        found.set(bytes.toString('utf8', name, nameEnd), value < 0 ? null : bytes.toString('utf8', value, valueEnd));
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      found.clear();
    }
    return Object.fromEntries(found);
  }
}
