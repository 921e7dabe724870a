/** What somebody at `runnel top` has chosen, and what keys do to it. */

export const SORTS = ['behind', 'rate', 'size', 'name'] as const;
export type Sort = (typeof SORTS)[number];

export const HELP: readonly [keys: string, what: string][] = [
  ['up, down, j, k', 'choose a file'],
  ['Enter', 'show its lines as they leave (on the unix socket)'],
  ['s', `sort files by the next of ${SORTS.join(', ')}`],
  ['/', 'show what has a text in its name; Enter keeps it, Esc forgets it'],
  ['?', 'this'],
  ['q, Ctrl-C', 'end'],
];

/** Characters that a text to look for may have. */
const LONGEST = 200;

export type TopAsked = 'quit' | 'suspend' | { tap: string } | null;

export class TopState {
  sort: Sort = 'behind';
  filter = '';
  /** The path of the file that is chosen; it may be gone. */
  chosen: string | null = null;
  help = false;
  /** A text to look for is being written. */
  typing = false;

  /** `paths`: of the files that are shown, in order. Keys as a terminal sends them, a key or more. */
  press(keys: string, paths: readonly string[]): TopAsked {
    for (const key of split(keys)) {
      const asked = this.typing ? this.#type(key) : this.#command(key, paths);
      if (asked !== null) return asked;
    }
    return null;
  }

  #command(key: string, paths: readonly string[]): TopAsked {
    if (key === '\x03' || key === 'q' || key === 'Q') return 'quit';
    if (key === '\x1a') return 'suspend';
    const helped = this.help;
    this.help = false;
    if (helped) return null;
    switch (key) {
      case '?':
      case 'h':
        this.help = true;
        return null;
      case 's':
        this.sort = SORTS[(SORTS.indexOf(this.sort) + 1) % SORTS.length]!;
        return null;
      case '/':
        this.typing = true;
        this.filter = '';
        return null;
      case '\x1b':
        this.filter = '';
        this.chosen = null;
        return null;
      case '\x1b[A':
      case '\x1bOA':
      case 'k':
        this.#move(-1, paths);
        return null;
      case '\x1b[B':
      case '\x1bOB':
      case 'j':
        this.#move(1, paths);
        return null;
      case '\r':
      case '\n': {
        const path = this.chosen ?? paths[0];
        return path !== undefined && paths.includes(path) ? { tap: path } : null;
      }
      default:
        return null;
    }
  }

  #type(key: string): TopAsked {
    if (key === '\x03') return 'quit';
    if (key === '\r' || key === '\n') this.typing = false;
    else if (key === '\x1b') {
      this.typing = false;
      this.filter = '';
    } else if (key === '\x7f' || key === '\b') this.filter = [...this.filter].slice(0, -1).join('');
    else if (!/[\x00-\x1f\x7f-\x9f]/.test(key) && this.filter.length < LONGEST) this.filter += key;
    return null;
  }

  #move(by: number, paths: readonly string[]): void {
    const at = this.chosen === null ? -1 : paths.indexOf(this.chosen);
    const to = at < 0 ? (by > 0 ? 0 : paths.length - 1) : Math.min(paths.length - 1, Math.max(0, at + by));
    this.chosen = paths[to] ?? null;
  }
}

/** Arrows and the like are some characters each. */
function split(keys: string): string[] {
  return keys.match(/\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|./gsu) ?? [];
}
