/** Leaves out records of a batch, and all that its tables say of them. */
import type { Kernel } from '../kernel/kernel.ts';
import type { Batch } from './batch.ts';

/** Names only those of the batch's records whose byte in `found` is `wanted`. */
export function select(batch: Batch, kernel: Kernel, found: Uint8Array, wanted: 0 | 1): void {
  const { slot, count, routes, rows } = batch;
  if (routes) {
    let to = 0;
    for (let i = 0; i < count; i++) if (found[i] === wanted) routes[to++] = routes[i]!;
  }
  batch.count = kernel.select(slot, count, found, wanted, rows);
}
