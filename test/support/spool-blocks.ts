/** Blocks for the spool's tests, and what was read back. */
import { Account } from '../../src/core/account.ts';
import type { Stream } from '../../src/core/batch.ts';
import type { Block } from '../../src/core/block.ts';
import { compress, decompress } from '../../src/records/codecs.ts';
import { valueEnvelope } from '../../src/records/envelope.ts';
import type { Codec } from '../../src/records/record-batch.ts';
import { frameRecord, records } from '../../src/records/record-batch.ts';
import type { SpoolPartition } from '../../src/spool/partition.ts';
import type { StoredBatch } from '../../src/spool/segment.ts';
import { Spool, type SpoolOptions } from '../../src/spool/spool.ts';
import { Spools } from '../../src/spool/spools.ts';

export const TOPIC = 'runnel.metrics';
/** The topic that spools are drained to. */
export const HERE = { cluster: 'here', topicId: null };

export interface Drop {
  input: string;
  records: number;
  bytes: number;
  reason: string;
}

export async function openSpool(
  dir: string,
  options: Partial<SpoolOptions> = {},
): Promise<{ spool: Spool; drops: Drop[] }> {
  const drops: Drop[] = [];
  const all: SpoolOptions = { max_size: 64 * 1024 * 1024, when_full: 'drop_oldest', sync: 'never', ...options };
  const spool = await Spool.open(dir, all, (input, records, bytes, reason) => {
    drops.push({ input, records, bytes, reason });
  });
  return { spool, drops };
}

/** The common spool, and those with budgets of their own. */
export function openSpools(dir: string, options: Partial<SpoolOptions> = {}): Promise<Spools> {
  const all: SpoolOptions = { max_size: 64 * 1024 * 1024, when_full: 'drop_oldest', sync: 'never', ...options };
  return Spools.open(dir, all, () => undefined);
}

export function streamOf(input: string, key = 'web-1'): Stream {
  const account = new Account(input);
  return { name: input, topic: TOPIC, key, account, envelope: () => valueEnvelope(key), replayable: false };
}

const STATSD = streamOf('statsd');

/** A block with these values; each counts as `weight` items of `statsd`. */
export async function block(
  values: string[],
  options: { codec?: Codec; weight?: number; stream?: Stream; time?: number } = {},
): Promise<Block> {
  const { codec = 'none', weight = 1, stream = STATSD, time = Date.now() } = options;
  const raw = Buffer.concat(values.map((value, offsetDelta) => frameRecord({ offsetDelta, key: stream.key, value })));
  const marks = [{ stream, end: 0, skipped: 0, weight: values.length * weight, ticket: null }];
  const body = await compress(codec, 1, raw);
  return { topic: TOPIC, key: stream.key, count: values.length, rawBytes: raw.length, codec, body, time, marks };
}

export async function valuesOf(entry: Pick<StoredBatch, 'codec' | 'body'>): Promise<string[]> {
  const raw = await decompress(entry.codec, entry.body);
  return [...records(raw)].map((record) => record.value?.toString() ?? '');
}

/** Everything from `from` on that is there now. */
export async function readAll(
  partition: SpoolPartition,
  from = 0,
): Promise<{ entries: StoredBatch[]; values: string[] }> {
  const entries: StoredBatch[] = [];
  const values: string[] = [];
  for await (const entry of partition.read(from, { follow: false })) {
    entries.push(entry);
    values.push(...(await valuesOf(entry)));
  }
  return { entries, values };
}
