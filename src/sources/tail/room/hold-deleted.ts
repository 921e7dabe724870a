/**
 * Deleted files that are still read: they take room on a disk from which nobody can free it but this agent.
 *
 * They are held while the output is away, up to `hold_deleted` in all, and while their disk has room. Beyond that the
 * one that was deleted first is let go, and what was not read of it counted as `rotated_away`. As long as what is left
 * to read of them becomes less, they are read, not held, and nothing is let go.
 */

import { dirname } from 'node:path';
import { log } from '../../../log.ts';
import { statfs } from '../../../mounts/fs.ts';
import type { TailContext } from '../context.ts';
import type { TrackedFile } from '../file/file.ts';
import { Rounds } from '../rounds.ts';

/** Whether they become less is seen in this time. */
const WINDOW_MS = 5000;
const LOW = 0.05;

interface Held {
  file: TrackedFile;
  size: number;
  unread: number;
}

export class DeletedFiles {
  readonly #context: TailContext;
  readonly #letGo: (file: TrackedFile, unread: number) => void;
  #window: { since: number; unread: number } | null = null;
  /** Directories of which the disk is nearly full. */
  readonly #low = new Set<string>();
  #asking = false;
  readonly #nameless: ReadonlySet<TrackedFile>;
  readonly #rounds: Rounds<TrackedFile>;
  readonly #found: Held[] = [];

  /** `nameless`: the files that have no name any more. */
  constructor(
    context: TailContext,
    nameless: ReadonlySet<TrackedFile>,
    letGo: (file: TrackedFile, unread: number) => void,
  ) {
    this.#context = context;
    this.#rounds = new Rounds(() => nameless.values());
    this.#nameless = nameless;
    this.#letGo = letGo;
  }

  /** Looks at some of the files; true: at all of them by now, and what has to go went. */
  step(now: number): boolean {
    const done = this.#rounds.step((file) => {
      const one = look(file);
      if (one) this.#found.push(one);
    });
    if (!done) return false;
    this.#judge(
      this.#found.splice(0).filter(({ file }) => this.#nameless.has(file)),
      now,
    );
    return true;
  }

  #judge(held: Held[], now: number): void {
    if (held.length === 0) {
      this.#window = null;
      this.#low.clear();
      return;
    }
    void this.#askForRoom(held);
    const { hold_deleted: limit } = this.#context.input;
    let size = held.reduce((sum, one) => sum + one.size, 0);
    const crowded = size > limit || held.some((one) => this.#low.has(directory(one.file)));
    if (!crowded) {
      this.#window = null;
      return;
    }
    const unread = held.reduce((sum, one) => sum + one.unread, 0);
    this.#window ??= { since: now, unread };
    if (now - this.#window.since < WINDOW_MS) return;
    const away = unread >= this.#window.unread;
    this.#window = { since: now, unread };
    if (!away) return;
    for (const one of held.sort((a, b) => (a.file.gone ?? 0) - (b.file.gone ?? 0))) {
      const low = this.#low.has(directory(one.file));
      if ((size <= limit && !low) || one.file.reading) continue;
      size -= one.size;
      this.#drop(one, low);
      // Whether that was enough for the disk is asked before the next one goes.
      this.#low.delete(directory(one.file));
    }
    this.#window = null;
  }

  #drop({ file, unread }: Held, low: boolean): void {
    const { path } = file.stream.generation;
    const { hold_deleted } = this.#context.input;
    const why = low
      ? 'its disk has less than 5 % free'
      : `deleted files take more than hold_deleted (${hold_deleted} bytes)`;
    const help = low ? 'make room there' : 'raise hold_deleted';
    log.warn(
      `${path} was deleted while the output is away, and ${why}: it is let go, ${unread} bytes of it are lost ` +
        `(rotated_away). Bring Kafka back, ${help}, or keep rotated files longer`,
    );
    this.#letGo(file, unread);
  }

  /** One question at a time: a disk that does not answer holds up one thread at most. */
  async #askForRoom(held: Held[]): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    for (const dir of new Set(held.map((one) => directory(one.file)))) {
      try {
        const { bavail, blocks } = await statfs(dir);
        if (blocks > 0 && bavail / blocks < LOW) this.#low.add(dir);
        else this.#low.delete(dir);
      } catch {
        // The directory is gone, too: its disk is not known.
        this.#low.delete(dir);
      }
    }
    this.#asking = false;
  }
}

function look(file: TrackedFile): Held | null {
  if (file.fd === null) return null;
  const { nlink, size } = file.now();
  const written = file.packed ? file.expected : size - (file.room?.bytes ?? 0);
  const unread = written - file.position;
  return nlink === 0 && unread > 0 ? { file, size, unread } : null;
}

function directory(file: TrackedFile): string {
  return dirname(file.stream.generation.path);
}
