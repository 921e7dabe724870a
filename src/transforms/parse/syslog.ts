/** `parse: syslog`: RFC 3164 and 5424, told apart, with and without <PRI>; and what rsyslog writes to files. */
import { placeWords, STRUCTURED_ROOM } from '../../kernel/process/formats.ts';
import { SEVERITIES } from '../../kernel/process/levels.ts';
import { CLAIMED, fixedFormat } from './fixed.ts';

const NAMES = ['priority', 'facility.code', 'severity.code', 'version', 'hostname', 'appname', 'procid', 'msgid'];

export const syslog = fixedFormat({
  name: 'syslog',
  text: 'syslog: RFC 3164 and RFC 5424, told apart, with and without <PRI>.',
  parser: 'syslog',
  timed: 'zone',
  options: {},
  names: () => ['message', ...[...NAMES, 'structured_data'].map((name) => `log.syslog.${name}`), 'log.level', CLAIMED],
  numbers: (_, { arena }) => [placeWords(arena, SEVERITIES), arena.reserve(STRUCTURED_ROOM)],
});
