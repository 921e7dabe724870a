/** What somebody who looks at the agent should do something about, and what. */
import type { AnyKind } from '../../core/input.ts';
import { count, formatSize } from '../../core/units.ts';
import type { History } from '../history.ts';
import type { LiveStatus } from '../shape.ts';

export interface Advice {
  text: string;
  /** Null: what it says is all there is to say. */
  remedy: string | null;
  /** Seconds that it holds, as far as was seen; null: not known. */
  since: number | null;
}

/** A local log that is as full as this will soon lose something, or hold something up. */
const FULL = 0.8;
/** What was counted once, and not again for so many seconds, is under Lost, and nothing to do about now. */
const PAST = 15 * 60;
const COUNTED = /^\d+ (?:rejected|refused|dropped by the kernel)$|^step \d+: \d+ failed$/;
/** Days of a certificate. */
const SOON = 14;

/** By how a reason begins (status.ts): the first that fits. */
const REMEDIES: readonly [RegExp, string][] = [
  [
    /^kafka: /,
    'Nothing is lost while there is room: files wait where they are, the rest is in the local log. runnel validate --deep asks each broker and says what stands in the way.',
  ],
  [
    /^topic \S+: topic_missing/,
    'Create the topic, or set kafka.create_topics. Only its own data waits, and goes on by itself.',
  ],
  [
    /^topic \S+: (topic|group|cluster|transactional_id)?_?forbidden/,
    'Give the user the right: runnel validate --deep names it. Only its own data waits, and goes on by itself.',
  ],
  [
    /^topic /,
    'Its data waits, and goes on by itself. runnel validate --deep compares what the topic accepts with what is sent.',
  ],
  [/^local log of /, 'Look at the disk of data_dir: room, health and permissions.'],
  [/^cannot serve status /, 'Free that address, or set admin.listen to another one.'],
  [/^books of /, 'This is a fault of the agent: please report it.'],
  [/: step \d+ has dropped all /, 'Try the step on a line: runnel explain log PATH LINE.'],
  [/\b(EACCES|permission denied)\b/i, 'Give the agent’s user the right to it, by a group or an ACL.'],
  [/\b(ENOSPC|no space left)\b/i, 'Make room on that disk.'],
  [/\b\d+ rejected\b/, 'Lines that are no StatsD: what is wrong with them stands under Lost.'],
  [/dropped by the kernel/, 'Raise statsd.receive_buffer and net.core.rmem_max.'],
  [/\b\d+ refused\b/, 'Requests that were not served: the log of the agent says why.'],
  [
    /step \d+: \d+ failed/,
    'Lines that a step could not change passed as they were: runnel explain log PATH LINE shows one.',
  ],
  [/\bfiles? cannot be read\b/, 'Give the agent’s user the right to read them, by a group or an ACL.'],
  [/\b(EADDRINUSE|address already in use)\b/i, 'Something else listens there: end it, or configure another address.'],
];

export function adviceOf(status: LiveStatus, kinds: readonly AnyKind[], since: ReturnType<History['since']>): Advice[] {
  return [
    ...status.reasons.map((text, i) => ({ text, remedy: adviceOn(text), since: since.reasons[i] ?? null })),
    ...room(status),
    ...certificates(status),
    ...inputs(status, kinds, since.notes),
  ];
}

export function adviceOn(reason: string): string | null {
  return REMEDIES.find(([begins]) => begins.test(reason))?.[1] ?? null;
}

function room({ spool, kafka }: LiveStatus): Advice[] {
  return spool.budgets.flatMap(({ group, bytes, max_size }) => {
    if (bytes < max_size * FULL) return [];
    const [name, option] = group === null ? ['local log', 'spool'] : [`local log of ${group}`, `${group}.spool`];
    const raise = `raise ${option}.max_size`;
    const remedy =
      kafka.state === 'not_configured' ? `Configure kafka.brokers, or ${raise}.` : `Bring Kafka back, or ${raise}.`;
    return [
      {
        text: `the ${name} is full to ${Math.round((bytes / max_size) * 100)} % of ${formatSize(max_size)}`,
        remedy,
        since: null,
      },
    ];
  });
}

function certificates({ kafka }: LiveStatus): Advice[] {
  return Object.entries(kafka.certificate_days_left).flatMap(([broker, days]) => {
    if (days > SOON) return [];
    return [
      {
        text: `the certificate of ${broker} lasts ${count(Math.floor(days), 'day')}`,
        remedy: 'Renew it.',
        since: null,
      },
    ];
  });
}

function inputs(status: LiveStatus, kinds: readonly AnyKind[], since: ReadonlyMap<string, number>): Advice[] {
  const rows = kinds.flatMap((kind) => kind.rows(status));
  return rows.flatMap(({ name, note }) => {
    const seconds = since.get(name) ?? 0;
    const isPast = seconds > PAST && note.split(', ').every((part) => COUNTED.test(part));
    return note === '' || isPast ? [] : [{ text: `${name}: ${note}`, remedy: adviceOn(note), since: null }];
  });
}
