/** Members that no step names, left out by globs (as/process/prune.as.ts). */
import type { ProgramArena } from '../arena.ts';
import type { ProcessKernel } from '../process.ts';
import { Marks } from './edits.ts';

export interface PruneOptions {
  /** What is meant stays, and nothing else; false: it is left out. */
  keep: boolean;
  /** `exact` and `below`: one part, the name. `any`: what stands between the stars. */
  globs: readonly { kind: 'exact' | 'below' | 'any'; parts: readonly string[] }[];
  /** Objects by number: the cell of the first run, and the name. */
  nodes: readonly { rest: number | null; path: string }[];
  more: { from: number; to: number };
}

interface PruneExports {
  pruneRows(program: number, count: number, only: number, moreFrom: number, moreTo: number, todo: number): number;
}

const KINDS = ['exact', 'below', 'any'] as const;
const PATH_BYTES = 1024 + 16;

export class PruneDoor {
  readonly #exports: PruneExports;
  readonly #marks: Marks;
  readonly #more: { from: number; to: number };
  readonly #at: number;

  constructor(process: ProcessKernel, arena: ProgramArena, { keep, globs, nodes, more }: PruneOptions) {
    this.#exports = process.exports<PruneExports>();
    this.#marks = new Marks(arena);
    this.#more = more;
    const text = (of: string) => {
      const bytes = Buffer.from(of);
      return [bytes.length > 0 ? arena.place(bytes) : 0, bytes.length] as const;
    };
    const table = (words: readonly number[]) => {
      const at = arena.reserve(words.length * 4);
      arena.words(at, words.length).set(words);
      return at;
    };
    const globsAt = table(
      globs.flatMap(({ kind, parts }) => [KINDS.indexOf(kind), parts.length, table(parts.flatMap(text)), 0]),
    );
    const nodesAt = table(
      nodes.flatMap(({ rest, path }) => {
        const [at, bytes] = text(path);
        return [rest ?? 0, bytes, at];
      }),
    );
    const room = arena.reserve(PATH_BYTES);
    this.#at = table([Number(keep), globs.length, globsAt, room, nodes.length, nodesAt]);
  }

  /** Of the rows in use, of records at `only`; those that it cannot do get a 1 at `todo`: how many. */
  apply(count: number, only: Uint8Array | null, todoAt: number): number {
    const { from, to } = this.#more;
    return this.#exports.pruneRows(this.#at, count, this.#marks.place(only), from, to, todoAt);
  }
}
