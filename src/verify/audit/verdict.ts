/** The verdict on one stream. */
import { count } from '../../core/units.ts';
import type { ByteRange } from '../origin.ts';
import { Ranges } from '../ranges.ts';
import type { Result } from '../verdict.ts';
import { inclusive, type Survey, spanOf } from './survey.ts';

export type FindingKind = 'missing' | 'changed' | 'moved' | 'repeated' | 'forked' | 'unsealed';

/** Numbers of records; inclusive. */
export interface AuditFinding {
  kind: FindingKind;
  from: number;
  to: number;
}

export interface AuditStreamReport {
  /** Its name, and its id. */
  stream: string;
  id: string;
  result: Result;
  reasons: string[];
  /** Numbers of the first and the last record that are known. */
  from: number;
  to: number;
  /** Records that are there; one that came again counts once. */
  count: number;
  /** 0: none. */
  sealed_to: number;
  /** When the last seal was made, ISO 8601, and its key: pinned, that leads to later ones as the first one did. */
  sealed_at: string | null;
  sealed_by: string | null;
  seals: number;
  findings: AuditFinding[];
  findings_total: number;
}

export interface AuditRules {
  /** A stream may begin later than with number 1. */
  anyStart: boolean;
  /** Kafka has deleted the beginning of a partition. */
  deleted: boolean;
  /** The end of a stream may wait for its seal for so long after the last one, or after its first record, milliseconds. */
  unsealedFor: number;
  now: number;
}

/** What the second look says. */
export interface SecondAnswers {
  repeated: Ranges;
  forked: Ranges;
  differing: readonly ByteRange[];
  repeatedSeals: number;
  forkedSeals: readonly ByteRange[];
}

interface Judged {
  name: string;
  id: string;
  seals: number;
  unsigned: readonly ByteRange[];
}

/** So many findings of a stream are named; all are counted. */
const NAMED = 1000;
const ORDER: readonly FindingKind[] = ['missing', 'changed', 'moved', 'forked', 'unsealed', 'repeated'];

export function judgeStream(
  { name, id, seals, unsigned }: Judged,
  seen: Survey,
  second: SecondAnswers,
  rules: AuditRules,
): AuditStreamReport {
  const found = new Map<FindingKind, Ranges>(ORDER.map((kind) => [kind, new Ranges()]));
  const add = (kind: FindingKind, from: number, to: number) => found.get(kind)!.add(from, to + 1);
  const { cover, last, sealed } = seen;
  const doubts: string[] = [];
  const notes: string[] = [];
  const beginsLate = (cover.starts[0] ?? 1) > 1;
  const first = beginsLate && (rules.anyStart || rules.deleted) ? cover.starts[0]! : 1;
  if (beginsLate && rules.deleted && !rules.anyStart) {
    doubts.push('its beginning is missing, and Kafka has deleted the beginning of the topic (--any-start takes that)');
  }
  for (const { from, to } of cover.missing(first, last + 1)) add('missing', from, to - 1);
  for (const { from, to } of seen.changed) add('changed', from, to);
  for (const { from, to } of second.differing) add('changed', from, to);
  // Of what came twice, one copy may stand where it belongs.
  const again = new Ranges();
  for (const { from, to } of [...inclusive(second.repeated), ...inclusive(second.forked)]) again.add(from, to + 1);
  for (const { from, to } of seen.moved)
    for (const part of again.missing(from, to + 1)) add('moved', part.from, part.to - 1);
  for (const { from, to } of inclusive(second.forked)) add('forked', from, to);
  for (const span of second.forkedSeals) add('forked', spanOf(span).from, span.to);
  for (const { from, to } of inclusive(second.repeated)) add('repeated', from, to);
  for (const { from, to } of seen.lostSeals) add('unsealed', from, to);
  for (const gap of sealed.missing(first, last + 1)) {
    const since = gap.to > last ? waitsSince(gap.from, seen, rules) : null;
    if (since !== null) {
      notes.push(`from ${gap.from} on they wait for their seal, since ${new Date(since).toISOString()}`);
      continue;
    }
    for (const { from, to } of cover.present(gap.from, gap.to)) add('unsealed', from, to - 1);
  }
  const all = ORDER.flatMap((kind) => [...inclusive(found.get(kind)!)].map((range) => ({ kind, ...range })));
  const faults = reasonsFor(all);
  if (unsigned.length > 0) {
    faults.push(`${count(unsigned.length, 'seal has', 'seals have')} a wrong signature`);
  }
  for (const { from, to, key } of seen.untrusted.slice(0, 3)) {
    faults.push(`seals of ${from} to ${to} are signed by ${key}, to which no pinned key leads in this stream`);
  }
  if (second.repeatedSeals > 0) {
    notes.push(
      `${count(second.repeatedSeals, 'seal came', 'seals came')} again as ${second.repeatedSeals === 1 ? 'it was' : 'they were'}`,
    );
  }
  const { lastSeal } = seen;
  const sealedAt = lastSeal && new Date(lastSeal.time).toISOString();
  if (lastSeal && rules.unsealedFor > 0 && rules.now - lastSeal.time >= rules.unsealedFor) {
    notes.push(`no seal has come since ${sealedAt}: the agent has stopped, or what came since was taken away`);
  }
  return {
    stream: name,
    id,
    result: faults.length > 0 ? 'incomplete' : doubts.length > 0 ? 'undecided' : 'complete',
    reasons: [...faults, ...doubts, ...notes],
    from: cover.starts[0] ?? 0,
    to: last,
    count: cover.starts.reduce((sum, from, i) => sum + cover.ends[i]! - from, 0),
    sealed_to: (sealed.ends.at(-1) ?? 1) - 1,
    sealed_at: sealedAt,
    sealed_by: lastSeal?.key ?? null,
    seals,
    findings: all.slice(0, NAMED),
    findings_total: all.length,
  };
}

/**
 * Since when the end, from this number on, waits for its seal, which is not late yet: since the last one, or, of a stream that
 * begins or goes on after a pause, since its first record. Null: a seal is missing. What lies ahead of now says nothing.
 */
function waitsSince(from: number, { lastSeal, unsealed }: Survey, { unsealedFor, now }: AuditRules): number | null {
  if (lastSeal && now - lastSeal.time < unsealedFor) return lastSeal.time;
  if (unsealed?.number !== from || !(Math.abs(now - unsealed.time) < unsealedFor)) return null;
  return unsealed.time;
}

const WORDS: Record<Exclude<FindingKind, 'repeated'>, string> = {
  missing: 'records are missing',
  changed: 'records were changed',
  moved: 'records are not in their order',
  forked: 'there are different records of one number: two agents had the same data_dir, or a backup of it was restored',
  unsealed: 'records are not sealed',
};

/** An identical repeat is no fault. */
function reasonsFor(findings: readonly AuditFinding[]): string[] {
  const kinds = new Set(findings.map(({ kind }) => kind));
  return Object.entries(WORDS)
    .filter(([kind]) => kinds.has(kind as FindingKind))
    .map(([, text]) => text);
}
