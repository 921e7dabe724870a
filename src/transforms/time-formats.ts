/** Formats of times by name: what `time` takes where no pattern is given, and what formats of lines have in them. */
import { nearest } from '../config/errors.ts';
import { Wrong } from '../config/option.ts';
import type { TimeFormat } from '../kernel/process/time.ts';
import { timeSteps } from './time-pattern.ts';

const PATTERNS: Readonly<Record<string, string>> = {
  /** nginx's error log, Go's `log`. */
  nginx: '%Y/%m/%d %H:%M:%S%?f',
  klog: '%m%d %H:%M:%S%?f',
  /** asctime, Apache's error log. */
  ctime: '%a %b %e %H:%M:%S%?f %Y',
  date: '%a %b %e %H:%M:%S %Z %Y',
  http: '%a, %d %b %Y %H:%M:%S%?z',
  postgres: '%Y-%m-%d %H:%M:%S%?f %Z',
  /** Log4j's DATE, Redis. */
  log4j: '%d %b %Y %H:%M:%S%?f',
  tomcat: '%d-%b-%Y %H:%M:%S%?f',
  haproxy: '%d/%b/%Y:%H:%M:%S%?f',
  /** java.util.logging. */
  jul: '%b %d, %Y %I:%M:%S %p',
};
const NAMES = ['iso', 'epoch', 'apache', 'rfc3164', ...Object.keys(PATTERNS)];

/** What is tried where the configuration does not say: no text is of two of them. */
export const ANY_TIME: readonly TimeFormat[] = NAMES.map(timeFormat);

export const TIME_FORMAT_TEXT = `${NAMES.join(', ')}, or a pattern as strptime has them, for example '%d.%m.%Y %H:%M:%S'`;

/** A format by its name or pattern. Throws Wrong. */
export function timeFormat(text: string): TimeFormat {
  if (text === 'iso' || text === 'epoch' || text === 'apache' || text === 'rfc3164') return text;
  const pattern = PATTERNS[text];
  if (pattern !== undefined) return timeSteps(pattern);
  if (text.includes('%')) return timeSteps(text);
  const near = nearest(text, NAMES);
  throw new Wrong(`is no format of a time: ${near ? `did you mean ${near}?` : `use ${TIME_FORMAT_TEXT}`}`);
}
