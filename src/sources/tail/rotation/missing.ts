/**
 * Files that were known and are not found at the start. What was known to wait is lost, in bytes. One that had its name
 * when it was last seen may have been written to since: how much is not known, so it is counted as a file.
 */
import { log } from '../../../log.ts';
import type { TailContext } from '../context.ts';
import type { Generation } from '../positions/journal.ts';

/** So many are named. */
const NAMED = 10;

export class Missing {
  readonly #context: TailContext;
  readonly #paths: string[] = [];
  #files = 0;

  constructor(context: TailContext) {
    this.#context = context;
  }

  /** False: all that it is known to have held was read, and nobody could write to it under its name. */
  matters(g: Generation): boolean {
    return g.named || g.size > g.position;
  }

  add(g: Generation): void {
    const { account, positions } = this.#context;
    const bytes = g.size - g.position;
    if (bytes > 0) {
      account.drop('vanished', 0, bytes);
      log.warn(
        `${g.path} was rotated away or truncated while the agent was down, and ${bytes} bytes of it that were not read ` +
          'are gone (vanished): keep rotated files for longer than the agent is ever down',
      );
      positions.sized(g, g.position);
    } else if (g.named) {
      account.drop('not_found', 0, 0);
      account.notFound++;
      this.#files++;
      if (this.#paths.length < NAMED) this.#paths.push(g.path);
    }
    // Once.
    if (!g.named) return;
    g.named = false;
    positions.described(g);
  }

  say(): void {
    if (this.#files === 0) return;
    const more = this.#files > NAMED ? ` and ${this.#files - NAMED} more` : '';
    const help = 'rotate within the directory, or to one below or beside it, and keep old files';
    log.warn(
      `input ${this.#context.input.name}: ${this.#paths.join(', ')}${more} went away while the agent was down, and cannot be found: ` +
        `what was written there meanwhile, if anything, is lost (not_found): ${help}`,
    );
  }
}
