/** Whether there can be a path that `include` names and `exclude` leaves out, from the patterns alone. */
import { ANYWHERE, alternatives, namesOf, partsOf, segmentOf } from '../../../config/glob.ts';

/** Beyond so many comparisons it is not told. */
const MOST = 1 << 20;

/** False: nothing that the one names can be left out by the other. `files`: a name is only that of a file. */
export function mayLeaveOut(exclude: string, include: string, files = false): boolean {
  const [outs, ins] = [alternatives(exclude), alternatives(include)];
  if (outs.length * ins.length * exclude.length * include.length > MOST) return true;
  return outs.some((out) => ins.some((one) => oneMayLeaveOut(out, namesOf(one), files)));
}

/** True: all that the one names is left out, because it lies below what the other spells out. */
export function leavesAllOut(exclude: string, include: string): boolean {
  const outs = alternatives(exclude);
  if (outs.some((out) => out === '*' || out === '**')) return true;
  const all = alternatives(include).map(namesOf);
  return all.every((names) =>
    outs.some((out) => {
      const spelled = namesOf(out).filter((name, i, { length }) => name !== '**' || i < length - 1);
      return out.startsWith('/') && spelled.every((name, i) => isPlain(name) && name === names[i]);
    }),
  );
}

function isPlain(name: string): boolean {
  return typeof segmentOf(name) === 'string' && name !== '..';
}

function oneMayLeaveOut(exclude: string, include: string[], files: boolean): boolean {
  const names = namesOf(exclude).filter((name) => name !== '..');
  if (include.includes('..')) return true;
  if (exclude.startsWith('/')) return pathsMeet(include, names);
  if (names.length !== 1) return pathsMeet(include, ['**', ...names]);
  // A directory that is spelled out is not left out for its name.
  return include.some(
    (name, i) => (i === include.length - 1 || (!files && !isPlain(name))) && namesMeet(name, names[0]!),
  );
}

/** True if a path of the first row may have a beginning that the second row names. */
function pathsMeet(include: string[], exclude: string[]): boolean {
  const known = new Map<number, boolean>();
  const meet = (i: number, j: number): boolean => {
    const key = i * (exclude.length + 1) + j;
    const had = known.get(key);
    if (had !== undefined) return had;
    const found = look(i, j);
    known.set(key, found);
    return found;
  };
  const look = (i: number, j: number): boolean => {
    const [one, other] = [include[i], exclude[j]];
    if (other === undefined) return true;
    if (one === undefined) return other === '**' && meet(i, j + 1);
    if (other === '**') return meet(i, j + 1) || meet(i + 1, j);
    if (one === '**') return meet(i + 1, j) || (namesMeet('**', other) && meet(i, j + 1));
    return namesMeet(one, other) && meet(i + 1, j + 1);
  };
  return meet(0, 0);
}

/** True if there may be a name that fits both; the wildcards of the first do not stand for a dot at the beginning. */
function namesMeet(include: string, exclude: string): boolean {
  const isHidden = exclude.startsWith('.') || exclude.startsWith('\\.');
  if (isHidden && (segmentOf(include) === ANYWHERE || /^[*?[]/.test(include))) return false;
  const [a, b] = [partsOf(include), partsOf(exclude)];
  // From the end: whether what is left of both may be the same.
  let below = b.map((_, j) => b.slice(j).every(isStar));
  below.push(true);
  for (const part of a.toReversed()) {
    const row: boolean[] = [];
    row[b.length] = isStar(part) && below[b.length]!;
    for (let j = b.length - 1; j >= 0; j--) {
      const other = b[j]!;
      if (isStar(part) || isStar(other)) row[j] = below[j]! || row[j + 1]!;
      else row[j] = below[j + 1]! && fitBoth(part, other);
    }
    below = row;
  }
  return below[0]!;
}

function isStar(part: string): boolean {
  return part === '*';
}

/** Two that stand for one character each. */
function fitBoth(a: string, b: string): boolean {
  const [one, other] = [segmentOf(a, true), segmentOf(b, true)];
  if (one instanceof RegExp && other instanceof RegExp)
    return lettersOf(a) === null || lettersOf(b) === null || lettersOf(a) === lettersOf(b);
  if (one instanceof RegExp) return one.test(String(other));
  return other instanceof RegExp ? other.test(String(one)) : one === other;
}

/** What an escaped character is; null: it is none. */
function lettersOf(part: string): string | null {
  return part.startsWith('\\') ? part.slice(1) : null;
}
