/** Which expected records are there, and which records nobody expected. */
import { isDeepStrictEqual } from 'node:util';
import type { Expected } from './cases.ts';
import type { TrialRecord } from './trial.ts';

export interface Matched {
  missing: Expected[];
  unexpected: TrialRecord[];
}

/** As many as possible are matched, one to one. */
export function matchOf(expected: readonly Expected[], records: readonly TrialRecord[]): Matched {
  /** Of each record, the number of what was expected and is it. */
  const taken = new Map<number, number>();
  const find = (e: number, seen: Set<number>): boolean => {
    for (const [r, record] of records.entries()) {
      if (seen.has(r) || !isIt(expected[e]!, record)) continue;
      seen.add(r);
      const other = taken.get(r);
      if (other === undefined || find(other, seen)) {
        taken.set(r, e);
        return true;
      }
    }
    return false;
  };
  const missing = expected.filter((_, e) => !find(e, new Set()));
  return { missing, unexpected: records.filter((_, r) => !taken.has(r)) };
}

function isIt({ topic, value }: Expected, record: TrialRecord): boolean {
  if (topic !== undefined && topic !== record.topic) return false;
  // Of a raw record the value is text, and 200 a text.
  return record.headers && !isMap(value) ? record.value === String(value) : holdsAll(record.value, value);
}

/** A map holds what is expected of it, and may hold more; all else is equal. */
export function holdsAll(value: unknown, expected: unknown): boolean {
  if (!isMap(expected)) return isDeepStrictEqual(value, expected);
  if (!isMap(value)) return false;
  return Object.entries(expected).every(([name, inner]) => {
    const found = at(value, name);
    return inner === null ? found === undefined || found === null : holdsAll(found, inner);
  });
}

/** The first place where they differ, in words; null: they do not. */
export function difference(value: unknown, expected: unknown, name = 'value'): string | null {
  if (isMap(expected) && isMap(value)) {
    for (const [key, inner] of Object.entries(expected)) {
      const found = at(value, key);
      if (inner === null && (found === undefined || found === null)) continue;
      const differs = difference(found, inner, `${name}.${key}`);
      if (differs !== null) return differs;
    }
    return null;
  }
  if (isDeepStrictEqual(value, expected)) return null;
  const is = value === undefined ? 'is not there' : `is ${JSON.stringify(value)}`;
  return `${name} ${is}, expected ${expected === null ? 'none' : JSON.stringify(expected)}`;
}

/** A dotted name is the member of that name, or one within others. */
function at(value: Record<string, unknown>, name: string): unknown {
  if (Object.hasOwn(value, name)) return value[name];
  const dot = name.indexOf('.');
  const inner = dot < 0 ? undefined : value[name.slice(0, dot)];
  return isMap(inner) ? at(inner, name.slice(dot + 1)) : undefined;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
