/** The names that rotations give: what a file was called before, by what it is called now. */
import { basename } from 'node:path';
import { placesOf } from '../find/symlinks.ts';

/** Which names a rotation may have given to files of others, by how these begin. */
export class RotatedNames<T> {
  readonly #byName = new Map<string, T>();

  add(path: string, one: T): void {
    for (const place of placesOf(path)) this.#byName.set(basename(place), one);
  }

  /** `app.log.1.gz`, `app.log-20261130` and `app-20261130.log` are names of what was `app.log`. */
  of(path: string): T | undefined {
    const name = basename(path);
    for (const { index } of name.matchAll(/[.\-_](?=\d)/g)) {
      const one = this.#byName.get(name.slice(0, index)) ?? this.#byName.get(undated(name, index));
      if (one !== undefined) return one;
    }
    return undefined;
  }
}

/** Without what is like a date or a number from there on, and without what a compressor appends. */
function undated(name: string, from: number): string {
  const rest = name.slice(from).replace(/^[.\-_]\d[\d.\-_:T]*(?=\.\D)/, '');
  return name.slice(0, from) + rest.replace(/\.(?:gz|zst)$/, '');
}
