/** What is asked of the chains, and what becomes of it. */
import type { AuditEvent } from './event.ts';
import { idKey, type KnownEvent } from './ids.ts';
import type { ProducerPosition } from './producers.ts';

export interface AuditRequest {
  stream: string;
  events: readonly AuditEvent[];
  /** Lines of the events, of NDJSON. */
  lines: readonly number[] | null;
  producer: ProducerPosition | null;
  /** Who sent it, as it is recorded. */
  peer: string;
}

/** What became of a request. `first` and `last` are null where the events are known, and their numbers are not any more. */
export interface TakenEvents {
  stream: string;
  first: number | null;
  last: number | null;
  hash: string | null;
  duplicate: boolean;
}

/** A line of a file, as the record that it is: [from, to) are the bytes of the file that it came from. */
export interface AuditLine {
  bytes: Buffer;
  /** The file's id in its records. */
  file: string;
  path: string;
  from: number;
  to: number;
}

/** Under what the ids of a request's events are known. */
export function idKeys({ stream, events }: AuditRequest): string[] {
  return events.map(({ id }) => idKey(stream, id));
}

export function takenEvents(stream: string, known: readonly (KnownEvent | null)[], duplicate: boolean): TakenEvents {
  const last = known.at(-1) ?? null;
  const [first, hash] = [known[0]?.sequence ?? null, last?.hash ?? null];
  return { stream, first, last: last?.sequence ?? null, hash, duplicate };
}

/** Where in the request these events stand, as it is told. */
export function linesAt({ lines, events }: AuditRequest, at: readonly number[]): { lines?: number[] } {
  return lines === null ? {} : { lines: at.map((i) => lines[i] ?? events.length) };
}
