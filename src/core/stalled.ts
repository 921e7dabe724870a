/** What a source is told where its records cannot go for now, while those of others can. */
import type { Stream } from './batch.ts';

/** The lane of a stream takes nothing for now. */
export class Stalled extends Error {
  readonly topic: string;
  /** Resolves when it goes on. */
  readonly over: Promise<unknown>;

  constructor({ topic, key }: Stream, over: Promise<unknown>) {
    super(`${topic}: the partition of ${key} does not take anything`);
    this.topic = topic;
    this.over = over;
  }
}

/** Not all of a batch was packed, or nothing: it is to be read again from its beginning when that goes on. */
export class NotTaken extends Stalled {}
