/**
 * What is committed beside a partition's offset, as its metadata, and given back by the broker with it:
 *
 *   {"t":"<topic id>","k":"<topic number>","n":4,"b":1000,"u":61000}
 *   {"t":...,"k":...,"n":3,"b":500,"u":71000,"s":61000,"n2":5,"b2":300}     while a change of streams or turn is on its way
 *
 * Invariant: nothing at or beyond offset `u` was ever sent. So what lies below it may be in the streams already, and has
 * to be looked for; and from it on other settings may hold. It is committed before the first record of a partition is
 * sent, and moved before a record beyond it is.
 *
 * `s`: below it `n` and `b` (streams and turn) hold, from it on `n2` and `b2`. When the offset has passed it, the former
 * are forgotten. `k` is kept rather than made anew, so that an id never changes while it may be looked for.
 */
import { SettingsRefused } from '../kind.ts';
import { NUMBER_DIGITS, topicNumber } from './document-id.ts';
import type { PlacementChange, StreamTurns } from './placement.ts';

export interface Note {
  /** Null: the brokers tell none. */
  topicId: string | null;
  number: string;
  turns: StreamTurns;
  change: PlacementChange | null;
  bound: number;
}

/** What is known of a partition when it is assigned. */
export interface AssignedAt {
  topic: string;
  topicId: string | null;
  /** The committed offset, or where reading begins. */
  offset: number;
  turns: StreamTurns;
  /** Records that may be sent beyond the committed offset. */
  window: number;
}

/** The settings changed again before the records of the last change were through. */
export class ChangedAgain extends SettingsRefused {
  constructor(topic: string, from: number, { streams, turn }: StreamTurns) {
    super(
      `streams or turn was changed again before the last change was through: run with streams: ${streams}, turn: ${turn} until ${topic} has passed offset ${from}, then change them`,
    );
    this.name = 'ChangedAgain';
  }
}

/** Null: it is none of a sink's. */
export function parseNote(metadata: string): Note | null {
  let m: Record<string, unknown>;
  try {
    m = JSON.parse(metadata);
  } catch {
    return null; // another program's, or none
  }
  const count = (name: string, least: number) => Number.isSafeInteger(m?.[name]) && (m[name] as number) >= least;
  if (!count('n', 1) || !count('b', 1) || !count('u', 0)) return null;
  if (typeof m.k !== 'string' || m.k.length !== NUMBER_DIGITS) return null;
  if (m.s !== undefined && !(count('s', 0) && count('n2', 1) && count('b2', 1))) return null;
  const n = (name: string) => m[name] as number;
  return {
    topicId: typeof m.t === 'string' ? m.t : null,
    number: m.k,
    turns: { streams: n('n'), turn: n('b') },
    change: m.s === undefined ? null : { from: n('s'), turns: { streams: n('n2'), turn: n('b2') } },
    bound: n('u'),
  };
}

/** The metadata of a commit at `offset`. */
export function formatNote({ topicId, number, turns, change, bound }: Note, offset: number): string {
  const head = { ...(topicId === null ? {} : { t: topicId }), k: number };
  if (change === null) return JSON.stringify({ ...head, n: turns.streams, b: turns.turn, u: bound });
  const { from, turns: next } = change;
  if (offset >= from) return JSON.stringify({ ...head, n: next.streams, b: next.turn, u: bound });
  const rest = { u: bound, s: from, n2: next.streams, b2: next.turn };
  return JSON.stringify({ ...head, n: turns.streams, b: turns.turn, ...rest });
}

/** Whether the note is of this topic, and not of one that had its name before. */
export function isOf(note: Note, topicId: string | null): boolean {
  return note.topicId === null || topicId === null || note.topicId === topicId;
}

/** The note to go on with. Throws ChangedAgain where the former one and the settings cannot both hold. */
export function nextNote(before: Note | null, { topic, topicId, offset, turns, window }: AssignedAt): Note {
  if (before === null) {
    const number = topicNumber(topicId, topic);
    return { topicId, number, turns, change: null, bound: offset + window };
  }
  const bound = Math.max(before.bound, offset + window);
  const kept = { topicId: topicId ?? before.topicId, number: before.number, bound };
  const pending = before.change !== null && offset < before.change.from ? before.change : null;
  if (pending) {
    if (!same(pending.turns, turns)) throw new ChangedAgain(topic, pending.from, pending.turns);
    return { ...kept, turns: before.turns, change: pending };
  }
  const former = before.change?.turns ?? before.turns;
  if (same(former, turns)) return { ...kept, turns, change: null };
  // Below the bound records may have been sent by the former settings.
  return { ...kept, turns: former, change: { from: Math.max(before.bound, offset), turns } };
}

function same(a: StreamTurns, b: StreamTurns): boolean {
  return a.streams === b.streams && a.turn === b.turn;
}
