/** Brings the records of changes on their way, in order; says of each when it is safe. */
import { emit } from '../aggregate/emit.ts';
import type { Stream } from '../core/batch.ts';
import { Bell } from '../core/bell.ts';
import type { Output } from '../core/pipeline.ts';

export class Recorder {
  readonly #stream: Stream;
  readonly #recorded: (ids: readonly number[]) => void;
  readonly #bell = new Bell();
  #queue: { id: number; document: string }[] = [];
  /** Numbers of those on their way; the first is that of position `#settled`. */
  readonly #sent: number[] = [];
  #settled = 0;

  constructor(stream: Omit<Stream, 'settled'>, recorded: (ids: readonly number[]) => void) {
    this.#recorded = recorded;
    this.#stream = { ...stream, settled: (position) => this.#settle(position) };
  }

  /** Records that were received and are not pushed yet. */
  waiting = 0;

  put(id: number, document: string): void {
    this.#stream.account.received += 1;
    this.waiting++;
    this.#queue.push({ id, document });
    this.#bell.ring();
  }

  async run(output: Output, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#queue.length > 0) await this.flush(output, signal);
      else await this.#bell.heard(signal);
    }
  }

  /** Hands over what waits; what cannot be before the signal aborts is made again at the next start. */
  async flush(output: Output, signal: AbortSignal): Promise<void> {
    while (this.#queue.length > 0 && !signal.aborted) {
      const records = this.#queue;
      this.#queue = [];
      const from = this.#settled + this.#sent.length;
      this.#sent.push(...records.map(({ id }) => id));
      const documents = records.map(({ document }) => document);
      const counting: Output = {
        take: (stream, abort) => output.take(stream, abort),
        discard: (batch) => output.discard(batch),
        push: (batch) => {
          this.waiting -= batch.weight;
          return output.push(batch);
        },
      };
      await emit(counting, this.#stream, documents, new Uint8Array(documents.length).fill(1), undefined, from);
    }
  }

  #settle(position: number): void {
    const ids = this.#sent.splice(0, position - this.#settled);
    this.#settled = position;
    if (ids.length > 0) this.#recorded(ids);
  }
}
