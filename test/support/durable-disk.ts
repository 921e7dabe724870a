/** A durable lane before a disk that waits until it is told to go on. */
import type { Block } from '../../src/core/block.ts';
import { DurableLane, type DurableOutlet } from '../../src/core/durable-lane.ts';
import { Pool } from '../../src/core/pool.ts';
import { compress } from '../../src/records/codecs.ts';

export function laneOn(outlet: DurableOutlet, blockBytes = 500_000, bytes = 32 << 20) {
  const pool = new Pool(bytes);
  const share = pool.share('durable');
  const lane = new DurableLane({ topic: 't', share, pool, outlet, compress, codec: 'zstd', level: 1, blockBytes });
  return { lane, pool, share };
}

/** Takes what it is given, and brings it to the medium when it is told to. */
export class Disk implements DurableOutlet {
  readonly written: { block: Block; synced: PromiseWithResolvers<void>; signal: AbortSignal }[] = [];
  full = false;
  error: string | null = null;
  broken: Promise<never> | null = null;

  reserveNow(): (() => void) | null {
    return this.full ? null : () => undefined;
  }

  reserve(_: number, signal: AbortSignal): Promise<() => void> {
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }

  async put(block: Block, signal: AbortSignal) {
    if (this.broken) {
      await Promise.race([
        this.broken,
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ]);
    }
    const synced = Promise.withResolvers<void>();
    // A block that is not compressed lies in memory that is used again.
    this.written.push({ block: { ...block, body: Buffer.from(block.body) }, synced, signal });
    return { synced: synced.promise };
  }
}
