/** Silences: while one holds, nobody is told of what it matches. Records are made all the same. */
import { wildcards } from '../config/wildcards.ts';

export interface Silence {
  id: string;
  /** The name of a rule, `*` for any text. */
  rule: string;
  labels: Readonly<Record<string, string>>;
  why: string;
  /** Milliseconds since the epoch. */
  since: number;
  until: number;
}

export interface Silenceable {
  rule: string;
  labels: Readonly<Record<string, string>>;
}

export function isSilencedBy({ rule, labels }: Silence, alert: Silenceable): boolean {
  if (!wildcards([rule])(alert.rule)) return false;
  return Object.entries(labels).every(([name, value]) => wildcards([value])(alert.labels[name] ?? ''));
}

export function isSilenced(silences: Iterable<Silence>, alert: Silenceable, now: number): boolean {
  for (const silence of silences) if (now < silence.until && isSilencedBy(silence, alert)) return true;
  return false;
}
