/** Blocks of the spool that are lost, in the items of the inputs that they came from. */
import type { BlockNote } from './sidecar.ts';

/** Told of input items that were lost; `bytes` of their packed form. With `records` 0: bytes of unknown contents. */
export type OnDrop = (input: string, records: number, bytes: number, reason: string) => void;

/** Lost blocks, or where nothing is known of them, lost bytes. */
export function reportLost(onDrop: OnDrop, notes: readonly BlockNote[], bytes: number, reason: string): void {
  for (const note of notes) reportLoss(onDrop, note, reason);
  if (notes.length === 0) onDrop('spool', 0, bytes, reason);
}

/** A lost block, in each input's items; its bytes are shared out by them. */
function reportLoss(onDrop: OnDrop, note: BlockNote, reason: string): void {
  let total = 0;
  for (const items of note.weights.values()) total += items;
  for (const [input, items] of note.weights) {
    onDrop(input, items, Math.round((note.bytes * items) / total), reason);
  }
}
