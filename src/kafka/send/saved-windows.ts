/**
 * The windows of an agent that was stopped: what the last process left (`found`), and what this one leaves.
 *
 *   start:  file -> found -> a sender sends it first, under its old numbers -> acknowledged -> file removed
 *   stop:   sender -> file, synced -> only then do the positions of its blocks move
 *
 * A process that is killed, or stopped again, before all of a window is acknowledged leaves a file that is still good:
 * nothing else of its partition is sent until the file is gone.
 */
import { join } from 'node:path';
import type { Accounts } from '../../core/account.ts';
import { log } from '../../log.ts';
import { readHeader } from '../../records/record-batch.ts';
import type { Sender } from './sender.ts';
import {
  type Items,
  readWindows,
  removeWindow,
  type SavedWindow,
  type WindowDamage,
  writeWindow,
} from './window-file.ts';

export class SavedWindows {
  readonly found: readonly SavedWindow[];
  readonly #dir: string;
  readonly #accounts: Accounts;
  /** Items on disk and not at Kafka, by window. */
  readonly #waiting = new Map<string, Map<string, number>>();
  /** When the oldest of what was found was read, milliseconds since the epoch: by window and input. */
  readonly #since = new Map<string, Map<string, number>>();

  private constructor(dir: string, found: SavedWindow[], accounts: Accounts) {
    this.#dir = dir;
    this.found = found;
    this.#accounts = accounts;
  }

  /** Reads what the last process left, and counts it as recovered. */
  static async open(dataDir: string, accounts: Accounts): Promise<SavedWindows> {
    const dir = join(dataDir, 'window');
    const { windows, damage } = await readWindows(dir);
    const found = windows.filter((window) => window.packets.length > 0);
    const all = new SavedWindows(dir, found, accounts);
    for (const window of found) {
      const waiting = all.#of(window);
      const since = new Map<string, number>();
      all.#since.set(nameOf(window), since);
      for (const { header, weights } of window.packets) {
        add(waiting, weights);
        const { time } = readHeader(header)!;
        for (const input of weights.keys()) since.set(input, Math.min(time, since.get(input) ?? time));
        for (const [input, items] of weights) accounts.of(input).recovered += items;
      }
    }
    for (const lost of damage) all.#damaged(lost);
    // Nothing in it checks: there is nothing that it could still be good for.
    for (const window of windows) if (window.packets.length === 0) await removeWindow(dir, window);
    return all;
  }

  /** Items that wait on disk, by input. */
  *pending(): Iterable<{ input: string; weight: number }> {
    for (const waiting of this.#waiting.values()) {
      for (const [input, weight] of waiting) yield { input, weight };
    }
  }

  /** When the oldest of what the last process left of the input, and Kafka has not yet, was read; null: there is nothing. */
  since(input: string): number | null {
    let oldest: number | null = null;
    for (const [name, waiting] of this.#waiting) {
      const time = this.#since.get(name)?.get(input);
      if (time !== undefined && waiting.get(input)! > 0) oldest = Math.min(time, oldest ?? time);
    }
    return oldest;
  }

  /** Has what an earlier process left sent first; resolves when all of it is acknowledged and the file is gone. */
  async resend(window: SavedWindow, sender: Sender, signal: AbortSignal): Promise<void> {
    const waiting = this.#of(window);
    sender.resend(window, (weights, refused, where) => {
      // What is kept in another partition's file waits there.
      if (where === 'there') this.#accounts.forward(weights, refused);
      for (const [input, items] of weights) waiting.set(input, waiting.get(input)! - items);
    });
    await sender.drained(signal);
    await this.#remove(window);
  }

  /** Keeps what a sender, which is stopped, has in flight. Where the disk does not take it, it is read and sent again. */
  async keep(sender: Sender): Promise<void> {
    const { window, kept } = sender.left();
    const name = nameOf(window);
    if (window.packets.length === 0) {
      if (this.#waiting.has(name)) await this.#remove(window);
      return;
    }
    try {
      await writeWindow(this.#dir, window);
      const waiting = new Map<string, number>();
      for (const { weights } of window.packets) add(waiting, weights);
      // What an earlier process left is in the new file too.
      this.#waiting.set(name, waiting);
      kept();
    } catch (error) {
      log.warn(
        `cannot keep what is in flight to ${name}: ${(error as Error).message}; ` +
          'it is sent again after the next start, and may be in Kafka twice',
      );
    }
  }

  async #remove(window: SavedWindow): Promise<void> {
    this.#waiting.delete(nameOf(window));
    try {
      await removeWindow(this.#dir, window);
    } catch (error) {
      const path = join(this.#dir, nameOf(window));
      log.warn(`cannot remove ${path}: ${(error as Error).message}; remove it, or its records may come twice`);
    }
  }

  #of(window: SavedWindow): Map<string, number> {
    const name = nameOf(window);
    let waiting = this.#waiting.get(name);
    if (!waiting) {
      waiting = new Map();
      this.#waiting.set(name, waiting);
    }
    return waiting;
  }

  #damaged({ path, weights, bytes }: WindowDamage): void {
    let total = 0;
    for (const [input, items] of weights) {
      const account = this.#accounts.of(input);
      account.recovered += items;
      account.drop('window_damaged', items);
      total += items;
    }
    const lost = total > 0 ? `${total} items` : `what was in ${bytes} bytes`;
    log.warn(
      `${path} (sent and not acknowledged before the last stop) is damaged: ${lost} of it are lost, the rest is sent`,
    );
    if (total === 0) this.#accounts.of('window').drop('window_damaged', 0, bytes);
  }
}

function nameOf({ topic, partition }: SavedWindow): string {
  return `${topic}-${partition}`;
}

function add(to: Map<string, number>, weights: Items): void {
  for (const [input, items] of weights) to.set(input, (to.get(input) ?? 0) + items);
}
