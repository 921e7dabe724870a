/**
 * What the ranges that arrived prove.
 *
 *   complete     every byte from the file's beginning to the last one that arrived came, and no byte in two ways
 *   incomplete   bytes are missing, or came cut in another way, or differ from the file
 *   undecided    bytes are missing that Kafka may have deleted, or what was read does not tell
 */
import type { FileComparison, LocalFile } from './compare.ts';
import type { ByteRange, Origin } from './origin.ts';

export type Result = 'complete' | 'incomplete' | 'undecided';

/** So many gaps are named; all are counted. */
const NAMED = 100;
const COMPACTED = 'and Kafka has deleted records of the topic (compaction)';

export interface Gap extends ByteRange {
  bytes: number;
}

export interface FileReport {
  host: string;
  path: string;
  id: string;
  result: Result;
  /** Why it is not complete. */
  reasons: string[];
  records: number;
  bytes: number;
  skipped_bytes: number;
  from: number;
  to: number;
  gaps: Gap[];
  gaps_total: number;
  missing_bytes: number;
  overlaps: Gap[];
  overlaps_total: number;
  duplicates: number;
  duplicate_bytes: number;
  unproven: number;
  compared?: {
    path: string;
    size: number;
    matching: number;
    /** Of these only that the file has such lines: steps or a mask may have changed what they say. */
    by_range: number;
    different: number;
    differing: Gap[];
    unread_bytes: number;
  };
}

/** What the agent that read the file says of lines that its configuration leaves out. */
export interface Filtered {
  host: string;
  /** By identity: the bytes that it has read, up to where it is safe, without a record behind them. */
  ends: ReadonlyMap<string, ByteRange>;
}

export interface Rules {
  /** Duplicates are a failure too. */
  exactlyOnce: boolean;
  /** A file may begin anywhere: reading began there. */
  anyStart: boolean;
  /** Kafka has deleted the beginning of a partition. */
  deleted: boolean;
  /** Kafka has deleted records from the middle. */
  compacted: boolean;
}

/** `filtered`: null where nothing may be missing because it was left out. */
export function judge(
  origin: Origin,
  rules: Rules,
  file: LocalFile | null,
  filtered: Filtered | null = null,
): FileReport {
  const { starts, ends } = origin.ranges;
  const doubts: string[] = [];
  const faults: string[] = [];
  const gaps: Gap[] = [];
  let total = 0;
  let missing = 0;
  const gap = (from: number, to: number) => {
    total++;
    missing += to - from;
    if (gaps.length < NAMED) gaps.push(sized({ from, to }));
  };
  if (starts.length > 0 && starts[0]! > 0 && !rules.anyStart) {
    gap(0, starts[0]!);
    if (rules.deleted) doubts.push('its beginning is missing, and Kafka has deleted the beginning of the topic');
    else if (rules.compacted) doubts.push(`its beginning is missing, ${COMPACTED}`);
    else faults.push('its beginning is missing (--any-start, if reading began there)');
  }
  const middle = total;
  for (let i = 1; i < starts.length; i++) gap(ends[i - 1]!, starts[i]!);
  if (total > middle) {
    if (rules.compacted) doubts.push(`bytes are missing, ${COMPACTED}`);
    else faults.push('bytes are missing');
  }
  if (origin.overlaps > 0) faults.push('records overlap');
  if (origin.unproven > 0) {
    doubts.push('bytes came again too late to tell whether in the same records (--remember more of them)');
  }
  if (rules.exactlyOnce && origin.duplicates + origin.unproven > 0) faults.push('records came more than once');
  const arrived = ends.at(-1) ?? 0;
  const end = filtered?.ends.get(origin.id);
  const to = end && end.from <= arrived ? Math.max(arrived, end.to) : arrived;
  const comparison = origin.comparison as FileComparison | null;
  let compared: FileReport['compared'];
  if (file && comparison) {
    const { matching, byRange, different, differing } = comparison;
    const unread = Math.max(0, file.size - to);
    if (different > 0) faults.push('records differ from the file');
    if (unread > 0 && file.endsLine(to, file.size)) {
      gap(to, file.size);
      if (filtered) doubts.push('the end of the file has not arrived, and is not known to be left out');
      else faults.push('the end of the file has not arrived');
    }
    compared = {
      path: file.path,
      size: file.size,
      matching,
      by_range: byRange,
      different,
      differing: differing.map(sized),
      unread_bytes: unread,
    };
  }
  return {
    host: origin.host,
    path: origin.path,
    id: origin.id,
    result: faults.length > 0 ? 'incomplete' : doubts.length > 0 ? 'undecided' : 'complete',
    reasons: [...faults, ...doubts],
    records: origin.records,
    bytes: origin.bytes,
    skipped_bytes: origin.skipped + to - arrived,
    from: starts[0] ?? 0,
    to,
    gaps,
    gaps_total: total,
    missing_bytes: missing,
    overlaps: origin.overlapping.map(sized),
    overlaps_total: origin.overlaps,
    duplicates: origin.duplicates,
    duplicate_bytes: origin.duplicateBytes,
    unproven: origin.unproven,
    ...(compared && { compared }),
  };
}

function sized({ from, to }: ByteRange): Gap {
  return { from, to, bytes: to - from };
}
