/** The end of the pipeline for tests of sources: batches from a real pool, their records kept as text. */
import { Batch, type Stream } from '../../src/core/batch.ts';
import type { Output } from '../../src/core/pipeline.ts';
import { Pool } from '../../src/core/pool.ts';

export interface Collected {
  output: Output;
  records: { stream: Stream; value: string }[];
  /** Input items pushed. */
  weight(): number;
}

/** `hold`: pushes wait for it. */
export function collect(hold?: () => Promise<void>): Collected {
  const pool = new Pool(32 << 20);
  const records: Collected['records'] = [];
  let weight = 0;
  const output: Output = {
    async take(stream, signal) {
      const share = pool.share(stream.topic);
      return new Batch(await pool.take(share, 'batch', signal), share, stream);
    },
    async push(batch) {
      weight += batch.weight;
      const { bytes, bytesAt, starts, ends } = batch.slot;
      for (let i = 0; i < batch.count; i++) {
        records.push({ stream: batch.stream, value: bytes.toString('utf8', starts[i]! - bytesAt, ends[i]! - bytesAt) });
      }
      await hold?.();
      pool.give(batch.share, 'batch', batch.slot);
    },
    discard(batch) {
      pool.give(batch.share, 'batch', batch.slot);
    },
  };
  return { output, records, weight: () => weight };
}
