/** What is wrong with a configuration: all of it at once, each fault with its place. */

/** Line and column count from 1, as editors do. */
export interface FilePlace {
  file: string;
  line: number;
  column: number;
}

export interface Fault extends FilePlace {
  message: string;
}

/** Where an option stands: `['logs', 0, 'name']`. */
export type Path = readonly (string | number)[];
/** Says something of an option. */
export type Saying = (path: Path, message: string) => void;

/** More are not told, nor looked for. */
export const MOST_FAULTS = 1000;

export class ConfigError extends Error {
  readonly faults: readonly Fault[];
  constructor(faults: readonly Fault[]) {
    super(faults.map(formatFault).join('\n'));
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** `FILE:LINE:COLUMN: what is wrong and what would be right`, on one line whatever the file holds. */
export function formatFault(fault: Fault): string {
  const text = `${fault.file}:${fault.line}:${fault.column}: ${fault.message}`;
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

export function formatPlace(place: FilePlace): string {
  return `${place.file}:${place.line}:${place.column}`;
}

/** `one, two or three` */
export function either(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** The known word that the unknown one was probably meant to be, or null when none is near. */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  const plain = word.toLowerCase().replaceAll('-', '_').slice(0, 64);
  for (const candidate of known) {
    const distance = editDistance(plain, candidate);
    if (distance < bestDistance && distance < candidate.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  if (best !== null) return best;
  // `warning` for warn.
  const begins = (a: string, b: string) => b.length > 3 && a.startsWith(b);
  return known.find((candidate) => begins(plain, candidate) || begins(candidate, plain)) ?? null;
}

/** Levenshtein's, with two neighbours that changed places counted as one edit. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      next.push(cost);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
