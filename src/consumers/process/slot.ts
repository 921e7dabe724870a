/**
 * A place in data_dir that a process has as long as it lives: `<data_dir>/sink-<kind>-<slot>.lock`, the first that is free.
 *
 *   host and slot -> group.instance.id
 *
 * A process that is started again has the slot, and with it the member id, of the one that died: Kafka gives it the same
 * partitions at once, without a rebalance. Two processes at a time never have the same: flock ends with the process.
 */
import { type DataDirLock, type LockMode, lockIn } from '../../data-dir/lock.ts';

/** Processes of a kind in one data_dir. */
const MOST_SLOTS = 1000;
/** Of Kafka's limit of 249 characters, what is left for the slot. */
const LONGEST_HOST = 240;

export interface ProcessSlot extends DataDirLock {
  readonly number: number;
}

/** Throws a sentence where data_dir cannot be used, or all are taken. */
export function takeSlot(dir: string, kind: string, mode: LockMode): ProcessSlot {
  for (let number = 0; number < MOST_SLOTS; number++) {
    const lock = lockIn(dir, `sink-${kind}-${number}.lock`, mode);
    if ('release' in lock) return { number, release: () => lock.release() };
  }
  throw new Error(`${MOST_SLOTS} processes have a place in ${dir} already: use another data_dir`);
}

/** Kafka takes letters, digits, `.`, `_` and `-`. */
export function instanceId(host: string, slot: number): string {
  return `${host.replace(/[^a-zA-Z0-9._-]/g, '_').slice(0, LONGEST_HOST)}-${slot}`;
}
