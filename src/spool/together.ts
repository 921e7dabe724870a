/**
 * What blocks of a chained partition say of each other, so that what belongs together is there as a whole after a kill or a
 * power cut, or not at all. It stands in fields of their header that are an idempotent producer's on the wire: a block gets
 * those when it is sent.
 *
 *   producerId     everything before this offset was on the medium when the block was written; -1: nothing is said
 *   baseSequence   1: the next block belongs to it; else it is the last, or the only one
 *   producerEpoch  so many of its records are no input items; -1: nothing is said
 *
 * Who waited for a block was answered when all of what it belongs to was on the medium, and everything before that. So a
 * beginning without its end was never answered, nor was a block that follows a damaged one and says that that was not on
 * the medium yet.
 */
import type { BatchHeader, HeaderFields } from '../records/record-batch.ts';

const GOES_ON = 1;

const MOST_OTHERS = 0x7fff;

/** `synced`: everything before this offset is on the medium. `others`: records that are no input items. */
export function togetherFields(
  synced: number,
  goesOn: boolean,
  others: number,
): Pick<HeaderFields, 'producerId' | 'epoch' | 'sequence'> {
  const epoch = others >= 0 && others <= MOST_OTHERS ? others : -1;
  return { producerId: BigInt(synced), epoch, sequence: goesOn ? GOES_ON : -1 };
}

/** Input items in the block; null: it does not say. */
export function itemsIn({ producerId, epoch, count }: BatchHeader): number | null {
  return producerId >= 0n && epoch >= 0 ? count - epoch : null;
}

/** It is of a partition that is chained: zeros behind it are room (room.ts). */
export function hasRoom({ producerId }: BatchHeader): boolean {
  return producerId >= 0n;
}

/** The next block belongs to this one. */
export function goesOn({ producerId, sequence }: BatchHeader): boolean {
  return producerId >= 0n && sequence === GOES_ON;
}

/** What stands at this offset may have been answered for, as far as this block, which is behind it, says. */
export function mayBeAnswered({ producerId }: BatchHeader, offset: number): boolean {
  return producerId < 0n || producerId > offset;
}
