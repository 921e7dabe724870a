/**
 * What an input reads: the paths that `include` names and `exclude` does not.
 *
 * What `exclude` names is left out with all that is below it. There a pattern without a slash is a name, of a file or of
 * a directory that `include` does not spell out; one that begins with a slash is a path; others are the end of one. What
 * lies under such a path is left out also where a link leads to it.
 */
import { ANYWHERE, alternatives, type GlobSegment, namesOf, segmentOf } from '../../../config/glob.ts';
import { advice, misread } from '../../../config/misread.ts';
import { fits, Glob, type GlobState, reallyAt, rowOf } from './glob.ts';

interface Row {
  names: string[];
  /** The number of the pattern that it belongs to. */
  of: number;
}

/** `exclude`. Here wildcards also stand for a dot at the beginning. */
class Excludes {
  readonly #names: { want: GlobSegment; of: number }[] = [];
  readonly #rows: (Row & { below: boolean; absolute: boolean })[] = [];
  readonly #paths: Glob;
  /** Some begin with a slash. */
  readonly absolute: boolean;
  /** Patterns that have left something out. */
  readonly used = new Set<number>();

  constructor(patterns: readonly string[]) {
    for (const [of, pattern] of patterns.entries()) {
      for (const one of alternatives(pattern)) {
        const names = namesOf(one).filter((name) => name !== '..');
        const [last = ''] = names.slice(-1);
        if (!one.startsWith('/') && names.length === 1) this.#names.push({ want: segmentOf(last, true), of });
        else {
          // All names of a directory are the files in it, and not what lies below its directories.
          const below = one.endsWith('/') || last === '**' || !/^[*?.]+$/.test(last);
          const absolute = one.startsWith('/');
          const row = absolute ? rowOf(one) : ['**', ...names];
          this.#rows.push({ names: row, of, below, absolute });
          const real = absolute && reallyAt(row);
          if (real) this.#rows.push({ names: real, of, below, absolute });
        }
      }
    }
    this.absolute = this.#rows.some(({ absolute }) => absolute);
    this.#paths = new Glob(
      this.#rows.map(({ names }) => names),
      true,
    );
  }

  root(): GlobState {
    return this.#paths.root();
  }

  into(places: GlobState, name: string): GlobState {
    return places.length === 0 ? places : this.#paths.into(places, name);
  }

  /** True if the file of this name, at these places, is left out. */
  file(places: GlobState, name: string): boolean {
    const byName = this.#use(this.#names.filter(({ want }) => want === ANYWHERE || fits(want, name)));
    return this.#use(this.#paths.matched(places).map((row) => this.#rows[row]!)) || byName;
  }

  /** The same of a directory, and all below it. `spelled`: by `include`, which then means it whatever its name is. */
  directory(places: GlobState, name: string, spelled: boolean): boolean {
    const named = this.#names.filter(({ want }) => !spelled && want !== ANYWHERE && fits(want, name));
    const byPath = this.#paths.matched(places).map((row) => this.#rows[row]!);
    const byName = this.#use(named);
    return this.#use(byPath.filter(({ below }) => below)) || byName;
  }

  /**
   * The places of a path without links on it in the patterns that begin with a slash; null: these leave it out, or a
   * directory that it is in. `file`: it is a file.
   */
  along(real: string, file: boolean): GlobState | null {
    let places: GlobState = this.#paths.root().filter((at) => this.#rows[this.#paths.rowAt(at)]!.absolute);
    const names = namesIn(real);
    for (const [i, name] of names.entries()) {
      places = this.into(places, name);
      const found = this.#paths.matched(places).map((row) => this.#rows[row]!);
      const ends = file && i === names.length - 1;
      if (this.#use(ends ? found : found.filter(({ below }) => below))) return null;
    }
    return places;
  }

  #use(found: readonly { of: number }[]): boolean {
    for (const { of } of found) this.used.add(of);
    return found.length > 0;
  }
}

/** Where a path stands in `include`, and in `exclude`. */
export interface Spot {
  readonly in: GlobState;
  readonly out: GlobState;
  /** `include` spells its name out. */
  readonly spelled: boolean;
}

/** All that is looked for at the one spot is looked for at the other, too. */
export function covers(way: Spot, spot: Spot): boolean {
  return spot.in.every((place) => way.in.includes(place)) && way.out.every((place) => spot.out.includes(place));
}

interface Patterns {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** Whether the input of this name has a path, as `positions.ts` asks it. */
export function matching(inputs: readonly (Patterns & { name: string })[]): (input: string, path: string) => boolean {
  const byName = new Map(inputs.map((input) => [input.name, new Selection(input)]));
  return (input, path) => byName.get(input)?.has(path) === true;
}

export class Selection {
  readonly #include: Glob;
  readonly #exclude: Excludes;
  /** By row of `include`: the number of its pattern. */
  readonly #of: number[] = [];
  /** Patterns of `include` that have named a file. */
  readonly #used = new Set<number>();
  readonly #patterns: Patterns;

  constructor(patterns: Patterns) {
    const { include, exclude } = patterns;
    this.#patterns = patterns;
    const rows: string[][] = [];
    for (const [of, pattern] of include.entries()) {
      for (const one of alternatives(pattern)) {
        rows.push(rowOf(one));
        this.#of.push(of);
      }
    }
    this.#include = new Glob(rows);
    this.#exclude = new Excludes(exclude);
  }

  /** That of `/`. */
  root(): Spot {
    return { in: this.#include.root(), out: this.#exclude.root(), spelled: true };
  }

  /** That of a name in a directory; null: nothing there or below is read. */
  into(spot: Spot, name: string): Spot | null {
    const places = this.#include.into(spot.in, name);
    if (places.length === 0) return null;
    return { in: places, out: this.#exclude.into(spot.out, name), spelled: this.#include.spells(spot.in, name) };
  }

  /** True if a file of this name is read, or would be but for `exclude`. */
  includes(spot: Spot): boolean {
    return this.#include.matched(spot.in).length > 0;
  }

  /** True if a file of this name is read. */
  takes(spot: Spot, name: string): boolean {
    return this.#include.matched(spot.in).length > 0 && !this.#exclude.file(spot.out, name);
  }

  /** Such a file is there. */
  use(spot: Spot): void {
    for (const row of this.#include.matched(spot.in)) this.#used.add(this.#of[row]!);
  }

  /** What lies there is not looked at here: which patterns name nothing is not known of all. */
  leave(path: string): void {
    const spot = this.at(path);
    if (!spot) return;
    for (const row of this.#include.open(spot.in)) this.#used.add(this.#of[row]!);
    for (const of of this.#patterns.exclude.keys()) this.#exclude.used.add(of);
  }

  /** Patterns that have named no file yet, and those that have left nothing out. */
  get idle(): { include: string[]; exclude: string[] } {
    return {
      include: this.#patterns.include.filter((_, i) => !this.#used.has(i)),
      exclude: this.#patterns.exclude.filter((_, i) => !this.#exclude.used.has(i)),
    };
  }

  /** True if a directory of this name is looked into. */
  opens(spot: Spot, name: string): boolean {
    return this.#include.opens(spot.in) && !this.#exclude.directory(spot.out, name, spot.spelled);
  }

  /** Where a directory stands, also by where it lies if it is a link; null: what is there is left out. */
  through(spot: Spot, leadsTo: () => string | null): Spot | null {
    const real = this.#exclude.absolute ? leadsTo() : null;
    if (real === null) return spot;
    const out = this.#exclude.along(real, false);
    return out && { ...spot, out: [...new Set([...spot.out, ...out])].sort((a, b) => a - b) };
  }

  /** True if a file that links may lead to is left out by where it lies. */
  hides(liesAt: () => string): boolean {
    return this.#exclude.absolute && this.#exclude.along(liesAt(), true) === null;
  }

  /** The names that are looked for in a directory; null: names have to be listed. */
  names(spot: Spot): string[] | null {
    return this.#include.names(spot.in);
  }

  /** True if this name in a directory is looked for by itself. */
  spells(spot: Spot, name: string): boolean {
    return this.#include.spells(spot.in, name);
  }

  /** True if `include` names this path. */
  isIncluded(path: string): boolean {
    const spot = this.#at(path, () => true);
    return spot !== null && this.includes(spot);
  }

  /** True if this path is read. */
  has(path: string): boolean {
    const spot = this.at(path);
    return spot !== null && this.takes(spot, path.slice(path.lastIndexOf('/') + 1));
  }

  /** True if `exclude` names this path, whether `include` does or not. */
  excludes(path: string): boolean {
    let spot: Spot = this.root();
    const names = namesIn(path);
    for (const [i, name] of names.entries()) {
      const out = this.#exclude.into(spot.out, name);
      if (i === names.length - 1) return this.#exclude.file(out, name);
      const spelled = this.#include.spells(spot.in, name);
      if (this.#exclude.directory(out, name, spelled)) return true;
      spot = { in: this.#include.into(spot.in, name), out, spelled };
    }
    return false;
  }

  /** True if the path ends in .gz or .zst, and so does a pattern that names it. */
  unpacks(path: string): boolean {
    const spot = this.#at(path, () => true);
    return spot !== null && this.#include.packed(spot.in);
  }

  /** Where a path stands; null: neither it nor what is below is read. */
  at(path: string): Spot | null {
    return this.#at(path, (spot, name) => this.opens(spot, name));
  }

  /** `opens`: whether a directory on the way is looked into. */
  #at(path: string, opens: (spot: Spot, name: string) => boolean): Spot | null {
    let spot: Spot | null = this.root();
    const names = namesIn(path);
    for (const [i, name] of names.entries()) {
      spot = this.into(spot, name);
      if (!spot || (i < names.length - 1 && !opens(spot, name))) return null;
    }
    return spot;
  }
}

function namesIn(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

/** A pattern that matches nothing, and what it may be meant for. */
export function withHint(pattern: string): string {
  const wrong = misread(pattern);
  return wrong ? `${pattern} (it ${wrong.what}; ${advice(wrong)})` : pattern;
}
