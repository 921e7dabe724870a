/**
 * Which node is asked next: they take turns. One that could not be asked rests, 5 s at first and up to a minute, unless all
 * of them do: then the one whose rest is over soonest.
 */
const FIRST_REST = 5000;
const LONGEST_REST = 60_000;

export interface Node {
  /** As it is configured, without a slash at its end. */
  readonly url: string;
  readonly address: URL;
  error: string | null;
  /** When its rest is over, by `performance.now()`; 0: it does not rest. */
  restsUntil: number;
  rest: number;
}

export class Nodes {
  readonly all: readonly Node[];
  #turn = 0;

  constructor(urls: readonly string[]) {
    this.all = urls.map((url) => {
      const plain = url.replace(/\/+$/, '');
      return { url: plain, address: new URL(plain), error: null, restsUntil: 0, rest: 0 };
    });
  }

  /** The next one that was not tried; null: all were. */
  next(tried: ReadonlySet<Node>, now = performance.now()): Node | null {
    let best: Node | null = null;
    for (let i = 0; i < this.all.length; i++) {
      const at = (this.#turn + i) % this.all.length;
      const node = this.all[at]!;
      if (tried.has(node)) continue;
      if (node.restsUntil <= now) {
        this.#turn = at + 1;
        return node;
      }
      if (best === null || node.restsUntil < best.restsUntil) best = node;
    }
    return best;
  }

  answered(node: Node): void {
    Object.assign(node, { error: null, restsUntil: 0, rest: 0 });
  }

  failed(node: Node, error: string, now = performance.now()): void {
    node.error = error;
    // Several requests may have been under way there.
    if (node.restsUntil > now) return;
    node.rest = node.rest === 0 ? FIRST_REST : Math.min(node.rest * 2, LONGEST_REST);
    node.restsUntil = now + node.rest;
  }
}
