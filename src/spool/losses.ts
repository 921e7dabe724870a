/** What a spool partition loses, and what of it otherwise than by being full or old: said, counted, and kept where it can be. */
import type { LossReason } from '../core/losses.ts';
import { log } from '../log.ts';
import type { FoundSpool } from './find.ts';
import type { HandedOut } from './handed.ts';
import { quarantine, quarantineWhole } from './quarantine.ts';
import type { Damage, Segment } from './segment.ts';
import type { BlockNote, Weights } from './sidecar.ts';
import type { Waiting } from './waiting.ts';

/** Told of input items that were lost; `bytes` of their packed form. With `records` 0: bytes of unknown contents. */
export type OnDrop = (input: string, records: number, bytes: number, reason: LossReason) => void;

const REPLACE = 'a disk that does so is failing: replace it';

export class Losses {
  readonly #waiting: Waiting;
  readonly #onDrop: OnDrop;
  readonly #warn: (what: string, error?: unknown) => void;
  /** Damaged bytes on their way to quarantine. */
  #keeping: Promise<unknown> = Promise.resolve();

  constructor(waiting: Waiting, onDrop: OnDrop, warn: (what: string, error?: unknown) => void) {
    this.#waiting = waiting;
    this.#onDrop = onDrop;
    this.#warn = warn;
  }

  /** What an earlier process left here, what is lost of it included: that is counted as dropped at once. */
  recover({ waiting, lost }: FoundSpool): Weights {
    const recovered = new Map(waiting.weights);
    for (const { bytes, notes, reason } of lost) {
      reportLost(this.#onDrop, notes, bytes, reason);
      for (const { weights } of notes) {
        for (const [input, items] of weights) recovered.set(input, (recovered.get(input) ?? 0) + items);
      }
    }
    return recovered;
  }

  damaged(segment: Segment, { at, from, to, bytes, notes, unreadable }: Damage): void {
    const what = unreadable ? `${bytes} bytes that the disk does not give` : `${bytes} damaged bytes`;
    const remedy = unreadable ? `; ${REPLACE}` : '';
    this.#warn(`${what} at ${at} of ${segment.log} skipped, offsets ${from} to ${to - 1}${remedy}`);
    this.#keeping = this.#keeping
      .then(() => quarantine(segment.log, at, bytes))
      .catch((error) => this.#warn('cannot keep damaged bytes', error));
    reportLost(this.#onDrop, notes, bytes, unreadable ? 'spool_unreadable' : 'spool_damaged');
    for (const note of notes) this.#waiting.subtract(0, 0, note.weights);
    this.#waiting.subtract(to - from, bytes);
  }

  /** A segment that cannot even be opened, and is about to be dropped. */
  async unopened({ log: path, size }: Segment): Promise<void> {
    this.#warn(`the disk does not give ${path}; skipped; ${REPLACE}`);
    await quarantineWhole(path, size).catch((error) => this.#warn('cannot keep a segment', error));
  }

  /** What the disk did not take and nobody has acknowledged goes with the process. */
  memory(topic: string, handed: HandedOut): void {
    const lost = handed.inMemory();
    if (lost.length === 0) return;
    let records = 0;
    for (const { count, bytes, note } of lost) {
      records += count;
      reportLost(this.#onDrop, note ? [note] : [], bytes, 'shutdown');
      this.#waiting.subtract(count, bytes, note?.weights);
    }
    const what = `${records} records that the disk did not take were on their way to Kafka at the stop`;
    log.error(`spool of ${topic}: ${what}: where it did not get them they are lost`);
  }

  /** Resolves when what is to be kept is. */
  kept(): Promise<unknown> {
    return this.#keeping;
  }
}

/** Lost blocks, or where nothing is known of them, lost bytes. */
export function reportLost(onDrop: OnDrop, notes: readonly BlockNote[], bytes: number, reason: LossReason): void {
  for (const note of notes) reportLoss(onDrop, note, reason);
  if (notes.length === 0) onDrop('spool', 0, bytes, reason);
}

/** A lost block, in each input's items; its bytes are shared out by them. */
function reportLoss(onDrop: OnDrop, note: BlockNote, reason: LossReason): void {
  let total = 0;
  for (const items of note.weights.values()) total += items;
  for (const [input, items] of note.weights) {
    onDrop(input, items, Math.round((note.bytes * items) / total), reason);
  }
}
