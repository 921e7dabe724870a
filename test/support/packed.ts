/** Records sections as the agent makes them: lines packed by the kernel. */

import { Account } from '../../src/core/account.ts';
import { Batch } from '../../src/core/batch.ts';
import { Pool } from '../../src/core/pool.ts';
import type { FetchedSection } from '../../src/kafka/read/partition-reader.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { jsonEnvelope, rawEnvelope } from '../../src/records/envelope.ts';
import { COLUMNS, fillTable } from '../../src/records/record-table.ts';

export interface Packing {
  encoding: 'json' | 'raw';
  host?: string;
  path?: string;
  id?: string;
  labels?: Record<string, string>;
  /** Where in the file the text begins. */
  from?: number;
  /** Flags of line i. */
  flags?: (i: number) => number;
  /** Lines that are left out, as a transform does it. */
  drop?: (i: number) => boolean;
}

export interface Packed {
  body: Buffer;
  count: number;
}

const pool = new Pool(16 << 20);
const share = pool.share('test');
const slot = await pool.take(share, 'batch');
const block = await pool.take(share, 'block');
const kernel = new Kernel(pool.memory);

/** The complete lines of a text that a batch takes. */
export function pack(text: string | Buffer, how: Packing): Packed {
  const { host = 'web-1', path = '/var/log/a.log', id = '0123456789abcdef', labels = {}, from = 0 } = how;
  const origin = { host, path, id, labels, dataset: 'app', key: host };
  const envelope = how.encoding === 'json' ? jsonEnvelope(origin) : rawEnvelope(origin);
  const used = Buffer.from(text).copy(slot.bytes);
  const stream = { name: path, topic: 'test', key: host, account: new Account('logs'), replayable: true };
  const batch = new Batch(slot, share, { ...stream, envelope: () => envelope });
  batch.count = kernel.findLines(slot, slot.bytesAt, slot.bytesAt + used, slot.bytesAt, 0);
  let kept = 0;
  for (let i = 0; i < batch.count; i++) {
    if (how.drop?.(i)) continue;
    slot.flags[kept] = how.flags?.(i) ?? 0;
    for (const table of [slot.starts, slot.ends, slot.source, slot.length]) table[kept] = table[i]!;
    kept++;
  }
  const count = kernel.pack(slot, 0, kept, {
    envelope,
    time: 1_790_000_000_000,
    position: from,
    skipped: 0,
    delta: 0,
    outAt: block.bytesAt,
    limitAt: block.bytesAt + block.bytes.length,
    empty: true,
  });
  return { body: Buffer.from(block.bytes.subarray(0, kernel.endAt - block.bytesAt)), count };
}

/** Numbers from a seed: the same ones in every run. */
export function seeded(seed: number): (limit: number) => number {
  return (limit) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * limit);
  };
}

/** As it is read from Kafka: with the table of its records. Throws a RangeError where they are malformed. */
export function fetched({ body, count }: Packed, from = 0, to = Number.POSITIVE_INFINITY): FetchedSection {
  const table = new Int32Array(count * COLUMNS);
  fillTable(body, count, 2 ** 31 - 1, table);
  return { base: 0, bytes: body, table, count, from, to };
}
