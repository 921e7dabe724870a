/** What is seen to from time to time, beside reading: deleted files that take room, read files to delete, old positions. */
import { DeletedFiles } from './deleted.ts';
import type { TailContext, TrackedFile } from './file.ts';
import { forgetOld } from './forget.ts';
import { Remover } from './remove.ts';

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
  #room = performance.now();
  #removal = performance.now();
  #forgetting = performance.now();

  constructor(context: TailContext, letGo: (file: TrackedFile, unread: number, reason: string) => void) {
    this.#context = context;
    this.#remover = new Remover(context);
    this.#deleted = new DeletedFiles(context, (file, unread) => letGo(file, unread, 'rotated_away'));
  }

  /** Files that were deleted because `delete_after` says so. */
  get deleted(): number {
    return this.#remover.deleted;
  }

  /** As often as one likes. */
  tick({ files, nameless }: Tracked, now: number): void {
    if (now - this.#room >= SECOND) {
      this.#room = now;
      this.#deleted.check(nameless, now);
    }
    const { delete_after } = this.#context.input;
    if (delete_after !== null && now - this.#removal >= Math.min(10 * SECOND, delete_after / 10)) {
      this.#removal = now;
      for (const file of files) this.#remover.check(file, now);
    }
    if (now - this.#forgetting >= HOUR) {
      this.#forgetting = now;
      forgetOld(this.#context, true);
    }
  }
}
