/** Where a durable lane's blocks go: room for them is set aside first, then they are written, and synced at once. */
import type { Block } from '../core/block.ts';
import type { DurableOutlet } from '../core/durable-lane.ts';
import type { SpoolPartition } from './partition.ts';
import type { Spool } from './spool.ts';

/** Headers of batches around what is asked for. */
export const AROUND = 4096;

export function durableOutlet(spool: Spool, partition: SpoolPartition): DurableOutlet {
  return {
    get error() {
      return partition.writeError;
    },
    reserve: (bytes, signal) => spool.reserve(bytes + AROUND, signal),
    reserveNow: (bytes) => spool.reserveNow(bytes + AROUND),
    async put(block: Block, signal: AbortSignal) {
      const next = await partition.append(block, 'written', signal);
      return { synced: partition.synced(next) };
    },
  };
}
