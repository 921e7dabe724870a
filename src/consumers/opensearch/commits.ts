/**
 * Commits how far the partitions are, each with its note, one request after the other: within half a second of something
 * that moved, and at once where a partition has used up much of what may be sent beyond its committed offset.
 */
import { CommitRefused, type GroupConsumer } from '../../kafka/read/consumer.ts';
import { log } from '../../log.ts';
import type { PartitionProgress } from './progress.ts';

const WITHIN_MS = 500;
/** Of the window. */
const SOON = 1 / 4;

export interface CommitsOptions {
  consumer: Pick<GroupConsumer, 'commit'>;
  /** Those that are this member's. */
  partitions: () => Iterable<PartitionProgress>;
  /** Records that may be sent beyond what is committed. */
  window: number;
  /** A fault for good. */
  failed(error: Error): void;
}

export class Commits {
  readonly #o: CommitsOptions;
  #timer: NodeJS.Timeout | undefined;
  #committing: Promise<void> | null = null;

  constructor(options: CommitsOptions) {
    this.#o = options;
  }

  /** Something has moved. */
  look(): void {
    let moved = false;
    for (const progress of this.#o.partitions()) {
      const by = progress.position - progress.committed;
      if (by >= this.#o.window * SOON) {
        this.#start();
        return;
      }
      moved ||= by > 0;
    }
    if (moved) this.#timer ??= setTimeout(() => this.#start(), WITHIN_MS);
  }

  #start(): void {
    if (this.#committing === null) this.now().catch(this.#o.failed);
  }

  /** Commits all that is settled now. */
  async now(): Promise<void> {
    while (this.#committing) await this.#committing;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#committing = this.#commit().finally(() => {
      this.#committing = null;
    });
    await this.#committing;
    // What moved meanwhile.
    this.look();
  }

  async #commit(): Promise<void> {
    const due = [];
    for (const progress of this.#o.partitions()) {
      const next = progress.due(this.#o.window);
      if (next.offset > progress.committed) due.push({ progress, next });
    }
    if (due.length > 0) await this.store(due);
  }

  /** False: it was refused, so the partitions are another process's, or will be asked for again. */
  async store(
    entries: readonly { progress: PartitionProgress; next: ReturnType<PartitionProgress['due']> }[],
  ): Promise<boolean> {
    try {
      await this.#o.consumer.commit(
        entries.map(({ progress: { partition }, next: { offset, metadata } }) => ({ partition, offset, metadata })),
      );
    } catch (error) {
      if (!(error instanceof CommitRefused)) throw error;
      log.debug(`opensearch: ${error.message}`);
      return false;
    }
    for (const { progress, next } of entries) progress.stored(next);
    return true;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
