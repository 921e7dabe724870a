/** The end of the pipeline for tests of sources: batches from a real pool, handed to whoever looks at them. */
import { Batch, type Stream } from '../../src/core/batch.ts';
import type { Output } from '../../src/core/pipeline.ts';
import { Pool } from '../../src/core/pool.ts';

export class TestOutput implements Output {
  readonly pool: Pool;
  readonly #seen: (batch: Batch) => void | Promise<void>;

  /** `seen` has each batch until it resolves; whether it is settled is for it to say. */
  constructor(seen: (batch: Batch) => void | Promise<void>, bytes = 8 << 20) {
    this.pool = new Pool(bytes);
    this.#seen = seen;
  }

  async take(stream: Stream, signal?: AbortSignal): Promise<Batch> {
    const share = this.pool.share(stream.topic);
    return new Batch(await this.pool.take(share, 'batch', signal), share, stream);
  }

  async push(batch: Batch): Promise<void> {
    await this.#seen(batch);
    this.discard(batch);
  }

  discard(batch: Batch): void {
    this.pool.give(batch.share, 'batch', batch.slot);
  }
}

/** A record of a batch: its text, and where its bytes lie in what it was read from. */
export interface Seen {
  text: string;
  offset: number;
  length: number;
  flags: number;
}

export function* recordsOf({ slot, from, count }: Batch, encoding: BufferEncoding = 'utf8'): Iterable<Seen> {
  const { bytes, bytesAt, starts, ends, source, length, flags } = slot;
  for (let i = 0; i < count; i++) {
    const text = bytes.toString(encoding, starts[i]! - bytesAt, ends[i]! - bytesAt);
    yield { text, offset: from + source[i]!, length: length[i]!, flags: flags[i]! };
  }
}

export interface Collected {
  output: Output;
  records: { stream: Stream; value: string }[];
  /** Input items pushed. */
  weight(): number;
}

/** Keeps the records of all batches as text. `hold`: pushes wait for it. */
export function collect(hold?: () => Promise<void>): Collected {
  const records: Collected['records'] = [];
  let weight = 0;
  const output = new TestOutput(async (batch) => {
    weight += batch.weight;
    for (const { text } of recordsOf(batch)) records.push({ stream: batch.stream, value: text });
    await hold?.();
  }, 32 << 20);
  return { output, records, weight: () => weight };
}
