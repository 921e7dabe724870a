/**
 * Members that no step names, by globs that may mean any of them: they are looked at one by one, and the runs of a row are
 * written anew. Globs of one name, or of all below one, do without (edits.ts).
 */
import type { Program } from '../program.ts';
import { isFullObject, membersOf } from './json-text.ts';
import { globMeans, type NameGlob } from './name-glob.ts';
import { RunsOfRow } from './runs.ts';

export class Prune {
  readonly #globs: readonly NameGlob[];
  readonly #keep: boolean;
  readonly #runs: RunsOfRow;

  /** `keep`: what is meant stays, and nothing else. */
  constructor(program: Program, globs: readonly NameGlob[], keep: boolean) {
    this.#globs = globs;
    this.#keep = keep;
    this.#runs = new RunsOfRow(program);
  }

  row(row: number): void {
    for (const { node, members } of this.#runs.of(row)) {
      const left = this.#left(node.path, members);
      if (left === members) continue;
      this.#runs.put(row, node, left);
    }
  }

  /** Of the members of what is called so, those that stay: the same text where all do. */
  #left(path: string, members: string): string {
    const kept: string[] = [];
    let changed = false;
    for (const { name, value, text } of membersOf(`{${members}}`)) {
      const full = path === '' ? name : `${path}.${name}`;
      const meant = this.#globs.some((glob) => globMeans(full, glob));
      let left: string | null = value;
      if (meant) left = this.#keep ? value : null;
      else if (isFullObject(value)) {
        const inside = value.slice(value.indexOf('{') + 1, value.lastIndexOf('}'));
        const some = this.#left(full, inside);
        left = some === inside ? value : some === '' ? null : `{${some}}`;
      } else if (this.#keep) left = null;
      if (left !== value) changed = true;
      if (left !== null) kept.push(left === value ? text : `${JSON.stringify(name)}:${left}`);
    }
    return changed ? kept.join() : members;
  }
}
