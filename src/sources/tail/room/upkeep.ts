/** What is seen to from time to time, beside reading: deleted files that take room, read files to delete, old positions. */

import type { LossReason } from '../../../core/losses.ts';
import type { TailContext } from '../context.ts';
import type { TrackedFile } from '../file/file.ts';
import { forgetBeyond, forgetIfGone } from '../positions/expire.ts';
import type { Generation } from '../positions/journal.ts';
import { Rounds } from '../rounds.ts';
import { Remover } from './delete-after.ts';
import { DeletedFiles } from './hold-deleted.ts';

const SECOND = 1000;
const HOUR = 3_600_000;

/** The tracked files, and those of them that have no name any more. */
interface Tracked {
  readonly files: ReadonlySet<TrackedFile>;
  readonly nameless: ReadonlySet<TrackedFile>;
}

export class Upkeep {
  readonly #context: TailContext;
  readonly #deleted: DeletedFiles;
  readonly #remover: Remover;
  readonly #files: Rounds<TrackedFile>;
  readonly #old = new Rounds(() => this.#olderThanAllowed());
  readonly #beyond = new Rounds(() => this.#moreThanAllowed());
  /** By `performance.now()`: when the next round of each begins. */
  #room = 0;
  #removal = 0;
  #forgetting = 0;
  #counting = 0;
  readonly #started = performance.now();

  constructor(
    context: TailContext,
    { files, nameless }: Tracked,
    letGo: (file: TrackedFile, unread: number, reason: LossReason) => void,
  ) {
    this.#context = context;
    this.#remover = new Remover(context);
    this.#files = new Rounds(() => files.values());
    this.#deleted = new DeletedFiles(context, nameless, (file, unread) => letGo(file, unread, 'rotated_away'));
  }

  /** Files that were deleted because `delete_after` says so. */
  get deleted(): number {
    return this.#remover.deleted;
  }

  /** As often as one likes. Each takes a few milliseconds at most: a round that takes longer goes on next time. */
  tick(now: number): void {
    if (now >= this.#room && this.#deleted.step(now)) this.#room = now + SECOND;
    const { delete_after } = this.#context.input;
    if (delete_after !== null && now >= this.#removal && this.#files.step((file) => this.#remover.check(file, now))) {
      this.#removal = now + Math.min(10 * SECOND, delete_after / 10);
    }
    const patient = now - this.#started >= HOUR;
    if (now >= this.#forgetting && this.#old.step((g) => forgetIfGone(this.#context, g, patient))) {
      this.#forgetting = now + HOUR;
    }
    if (now >= this.#counting && this.#beyond.step((g) => forgetBeyond(this.#context, g))) {
      this.#counting = now + SECOND;
    }
  }

  #moreThanAllowed(): Iterator<Generation> {
    const { input, positions } = this.#context;
    const { name, max_files } = input;
    if (positions.unclaimed.size <= max_files) return [].values();
    const all = positions.unclaimed.beyond(name, max_files);
    // With some to spare, so that the next ones do not have all counted again.
    return (all.length > 0 ? positions.unclaimed.beyond(name, Math.floor(max_files * 0.9)) : all).values();
  }

  #olderThanAllowed(): Iterator<Generation> {
    const { input, positions } = this.#context;
    return (input.forget_after === null ? [] : positions.unclaimed.olderThan(input.name, input.forget_after)).values();
  }
}
