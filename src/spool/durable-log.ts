/** A partition that is chained, for the input that writes it. */
import type { Block } from '../core/block.ts';
import type { DurableLog, LogSection } from '../core/durable-log.ts';
import { free } from '../core/free.ts';
import { compress, decompress } from '../records/codecs.ts';
import type { Codec } from '../records/record-batch.ts';
import { AROUND } from './durable-outlet.ts';
import type { SpoolPartition } from './partition.ts';
import type { Spool } from './spool.ts';

export interface DurableLogOptions {
  packing(): { codec: Codec; level: number };
  /** Somebody waits for Kafka. */
  hurry(): void;
}

/** Smaller ones are written as they are: whoever waits for them would wait for a thread, too. */
const COMPRESS_FROM = 64 << 10;

export function durableLog(spool: Spool, partition: SpoolPartition, options: DurableLogOptions): DurableLog {
  const { topic } = partition;
  const { packing, hurry } = options;

  function packed(sections: readonly LogSection[]): Block[] | Promise<Block[]> {
    const { codec, level } = packing();
    const isSmall = ({ records }: LogSection) => codec === 'none' || records.length < COMPRESS_FROM;
    // Most are, and whoever waits for them would wait for turns of promises, too.
    if (sections.every(isSmall)) return sections.map((section) => blockOf(section, 'none', section.records));
    return Promise.all(
      sections.map(async (section) => {
        if (isSmall(section)) return blockOf(section, 'none', section.records);
        return blockOf(section, codec, await compress(codec, level, section.records));
      }),
    );
  }

  function blockOf({ stream, count, items, records, continues }: LogSection, codec: Codec, body: Buffer): Block {
    const marks = [{ stream, end: 0, skipped: 0, weight: items, ticket: null }];
    const { key } = stream;
    return { topic, key, count, rawBytes: records.length, time: Date.now(), marks, continues, codec, body };
  }

  return {
    topic,
    get next() {
      return partition.committed;
    },
    get acknowledged() {
      return partition.acknowledged;
    },
    reserve: (bytes, signal) => spool.reserve(bytes + AROUND, signal),
    reserveNow: (bytes) => spool.reserveNow(bytes + AROUND),
    async write(sections, signal) {
      const begun = packed(sections);
      const blocks = Array.isArray(begun) ? begun : await begun;
      try {
        return await partition.appendAll(blocks, signal);
      } finally {
        // Left to the garbage collector, it would go through the whole heap for them every few hundred.
        for (const { body } of blocks) free(body);
        for (const [i, { records }] of sections.entries()) if (records !== blocks[i]!.body) free(records);
      }
    },
    async passed(offset, signal) {
      if (partition.acknowledged < offset) hurry();
      await partition.passed(offset, signal);
    },
    async *read(from) {
      for await (const { baseOffset: offset, codec, body } of partition.stored(from)) {
        yield { offset, records: await decompress(codec, body) };
      }
    },
    keepFrom: (offset) => partition.keepFrom(offset),
    others() {
      const others = [...spool.partitions()].filter((one) => one !== partition);
      return others.map((one) => durableLog(spool, one, options));
    },
  };
}
