/**
 * Members that no step names, by globs that may mean any of them: they are looked at one by one, and the runs of a row are
 * written anew; by the kernel, but of rows with pairs or with names that have escapes. Globs of one name, or of all below
 * one, do without (edits.ts).
 */
import { PruneDoor } from '../../kernel/process/prune.ts';
import type { Program } from '../program.ts';
import { isFullObject, membersOf } from './json-text.ts';
import { globMeans, type NameGlob } from './name-glob.ts';
import { RunsOfRow } from './runs.ts';

/** Objects within one another that are looked into, as the kernel has it. */
const DEPTH = 64;

export class Prune {
  readonly #program: Program;
  readonly #globs: readonly NameGlob[];
  readonly #keep: boolean;
  readonly #runs: RunsOfRow;
  #door!: PruneDoor;

  /** `keep`: what is meant stays, and nothing else. */
  constructor(program: Program, globs: readonly NameGlob[], keep: boolean) {
    this.#program = program;
    this.#globs = globs;
    this.#keep = keep;
    this.#runs = new RunsOfRow(program);
    program.onSeal(() => {
      const { tree, more, process, arena } = program;
      const parts = globs.map(({ kind, name, text }) => ({ kind, parts: kind === 'any' ? text.split('*') : [name] }));
      this.#door = new PruneDoor(process, arena, { keep, globs: parts, nodes: tree.nodes, more });
    });
  }

  /** Of the rows in use, those at `only`. */
  apply(count: number, only: Uint8Array | null): void {
    const { todo, todoAt } = this.#program.texts;
    if (this.#door.apply(count, only, todoAt) === 0) return;
    for (let i = todo.indexOf(1); i >= 0 && i < count; i = todo.indexOf(1, i + 1)) this.#row(i);
  }

  #row(row: number): void {
    for (const { node, members } of this.#runs.of(row)) {
      const left = this.#left(node.path, members, 0);
      if (left === members) continue;
      this.#runs.put(row, node, left);
    }
  }

  /** Of the members of what is called so, those that stay: the same text where all do. */
  #left(path: string, members: string, depth: number): string {
    const kept: string[] = [];
    let changed = false;
    for (const { name, value, text } of membersOf(`{${members}}`)) {
      const full = path === '' ? name : `${path}.${name}`;
      const meant = this.#globs.some((glob) => globMeans(full, glob));
      let left: string | null = value;
      if (meant) left = this.#keep ? value : null;
      else if (depth < DEPTH && isFullObject(value)) {
        const inside = value.slice(value.indexOf('{') + 1, value.lastIndexOf('}'));
        const some = this.#left(full, inside, depth + 1);
        left = some === inside ? value : some === '' ? null : `{${some}}`;
      } else if (this.#keep) left = null;
      if (left !== value) changed = true;
      if (left !== null) kept.push(left === value ? text : `${JSON.stringify(name)}:${left}`);
    }
    return changed ? kept.join() : members;
  }
}
