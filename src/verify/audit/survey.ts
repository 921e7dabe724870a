/** What the first look says of a stream, and what is left for the second. */
import { ZEROS } from '../../audit/record.ts';
import type { ByteRange } from '../origin.ts';
import { Ranges } from '../ranges.ts';
import type { Chain, Run } from './chain.ts';
import { displaced } from './displaced.ts';
import type { SealRun, Seals } from './seals.ts';
import type { Trust } from './trusted-keys.ts';

const NOTHING_BEFORE = ZEROS;

export interface Survey {
  /** Numbers that are there, [from, to). */
  cover: Ranges;
  /** Those that came with another record before. */
  contested: Ranges;
  /** The largest number that a record or a seal knows; 0: none. */
  last: number;
  /** Ranges of which `to` is inclusive, from here on. */
  changed: ByteRange[];
  moved: ByteRange[];
  sealed: Ranges;
  /** Seals that came behind others of the same numbers, and follow none that was there last. */
  contestedSeals: SealRun[];
  /** Where a seal is missing that had nothing to seal. */
  lostSeals: ByteRange[];
  /** When the last seal was made, milliseconds since the epoch, and its key; null: there is none. */
  lastSeal: Pick<SealRun, 'time' | 'key'> | null;
  /** The record that came first behind the last seal, of all where there is none, and when; null: none came. */
  unsealed: Chain['unsealed'];
  /** Runs of keys that are not to be trusted. */
  untrusted: SealRun[];
}

/** A part of a run, whose numbers had not been there before. */
interface Piece extends ByteRange {
  run: Run;
}

/** `anyStart`: it may begin anywhere. */
export function survey(chain: Chain, seals: Seals, trust: Trust, anyStart: boolean): Survey {
  const runs = trustedRuns(seals.runs, trust);
  const sealed = new Ranges();
  for (const { from, to } of runs) if (to >= from) sealed.add(from, to + 1);
  const known = chain.runs.filter(({ stray }) => !stray);
  const last = [...known, ...runs].reduce((most, { to }) => Math.max(most, to), 0);
  const cover = new Ranges();
  const contested = new Ranges();
  const pieces: Piece[] = [];
  for (const run of chain.runs) {
    const [from, end] = [run.from, run.to + 1];
    // What was changed may have any number: it makes no room for others.
    if (run.stray && run.to > last) continue;
    for (const part of cover.present(from, end)) contested.add(part.from, part.to);
    for (const part of cover.missing(from, end)) pieces.push({ from: part.from, to: part.to - 1, run });
    cover.add(from, end);
  }
  return {
    cover,
    contested,
    last,
    changed: [...inclusive(chain.changed), ...unlinked(pieces, anyStart)],
    moved: [...movedOf(pieces), ...movedSeals(runs)],
    sealed,
    ...looseSeals(runs, anyStart),
    lastSeal: runs.reduce<SealRun | null>((last, run) => (last && last.time > run.time ? last : run), null),
    unsealed: chain.unsealed,
    untrusted: seals.runs.filter((run) => !runs.includes(run)),
  };
}

/** Ranges whose ends are of them. */
export function* inclusive(ranges: Ranges): Generator<ByteRange, void> {
  for (const [i, from] of ranges.starts.entries()) yield { from, to: ranges.ends[i]! - 1 };
}

/**
 * Those of trusted keys, and those that lead to them: a seal says what all before it were. A key is that which the seal before
 * has named, or pinned itself: that of another agent, though pinned keys lead to it, seals nothing here.
 */
function trustedRuns(runs: readonly SealRun[], { pinned, keys }: Trust): SealRun[] {
  const ends = new Map(runs.map((run) => [run.hash, run]));
  const behind = Map.groupBy(runs, ({ previous }) => previous);
  const found = new Set(runs.filter(({ key, previous }) => pinned.has(key) || (keys.has(key) && !ends.has(previous))));
  for (const { hash, next } of found) for (const run of behind.get(hash) ?? []) if (run.key === next) found.add(run);
  for (const run of found) {
    const before = ends.get(run.previous);
    if (before) found.add(before);
  }
  return runs.filter((run) => found.has(run));
}

/** Where a record does not name the one before it: of the two, that one was changed. */
function unlinked(pieces: readonly Piece[], anyStart: boolean): ByteRange[] {
  const found: ByteRange[] = [];
  const ordered = [...pieces].sort((a, b) => a.from - b.from);
  for (const [i, { from, run }] of ordered.entries()) {
    if (from !== run.from || run.firstChanged) continue;
    const before = ordered[i - 1];
    if (from === 1 && run.previous !== NOTHING_BEFORE) found.push({ from, to: from });
    if (before?.to !== from - 1 || before.to !== before.run.to || before.run.lastChanged) continue;
    if (before.run.hash !== run.previous && !(anyStart && i === 0)) found.push({ from: before.to, to: before.to });
  }
  return found;
}

/** Order is of a partition. */
function movedOf(pieces: readonly Piece[]): ByteRange[] {
  const partitions = Map.groupBy(pieces, ({ run }) => run.partition);
  return [...partitions.values()].flatMap((of) => {
    const placed = of.map(({ from, to }) => ({ position: from, weight: to - from + 1 }));
    return displaced(placed).map((i) => ({ from: of[i]!.from, to: of[i]!.to }));
  });
}

function movedSeals(runs: readonly SealRun[]): ByteRange[] {
  const ends = new Map(runs.map((run) => [run.hash, run]));
  return runs
    .filter((run) => {
      const before = ends.get(run.previous);
      return before && before.partition === run.partition && before.first > run.first;
    })
    .map(spanOf);
}

function looseSeals(runs: readonly SealRun[], anyStart: boolean): Pick<Survey, 'contestedSeals' | 'lostSeals'> {
  const ends = new Map(runs.map((run) => [run.hash, run]));
  const followed = new Set<string>();
  const contestedSeals: SealRun[] = [];
  const lostSeals: ByteRange[] = [];
  let covered = 0;
  for (const [i, run] of runs.entries()) {
    const follows = run.previous === NOTHING_BEFORE || ends.has(run.previous);
    if (follows && !followed.has(run.previous)) followed.add(run.previous);
    else if (i > 0 && run.from <= covered) contestedSeals.push(run);
    else if (run.from === covered + 1 && !(i === 0 && anyStart))
      lostSeals.push({ from: Math.max(1, covered), to: Math.max(1, covered) });
    covered = Math.max(covered, run.to);
  }
  return { contestedSeals, lostSeals };
}

/** The records that it seals; of idle ones, the last that was sealed. */
export function spanOf({ from, to }: ByteRange): ByteRange {
  return { from: Math.min(from, to), to };
}
