import { REST } from './pieces.ts';
import type { Preset } from './preset.ts';

const TIME = String.raw`(?<timestamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Za-z0-9+-][A-Za-z0-9+:-]*)`;
const PID = String.raw`\[(?<process.pid>\d+)(?:-\d+)?\]`;
const LEVEL = '(?<log.level>[A-Z0-9]+): +';
const [USER, DATABASE] = ['(?<user.name>[^, ]+)?', '(?<postgresql.log.database>[^, ]+)?'];
const CLIENT = '(?:,app=(?<postgresql.log.application_name>[^,]+)?)?(?:,(?:client|host)=(?<source.address>[^, ]+)?)?';

const LINES = [
  // '%m [%p] ', Debian's '%m [%p] %q%u@%d '
  String.raw`^${TIME} ${PID}(?:-\d+)? (?:(?<user.name>[^@ ]*)@(?<postgresql.log.database>[^ ]*) )?${LEVEL}${REST}`,
  // pgBadger's '%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ', and with db first
  String.raw`^${TIME} ${PID}:? \[\d+-\d+\] (?:user=${USER},db=${DATABASE}${CLIENT} )?${LEVEL}${REST}`,
  String.raw`^${TIME} ${PID}:? \[\d+-\d+\] db=${DATABASE},user=${USER}${CLIENT} ${LEVEL}${REST}`,
  // Amazon's '%t:%r:%u@%d:[%p]:'
  String.raw`^(?<timestamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+):(?:(?<source.address>[^ (]+)\((?<source.port>\d+)\)|\[local\])?:(?<user.name>[^@ ]+)?@(?<postgresql.log.database>[^ ]+)?:${PID}:${LEVEL}${REST}`,
];
const DEBUG = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`DEBUG${n}`, 'debug']));

export const postgres: Preset = {
  about:
    'Lines with a log_line_prefix as PostgreSQL, Debian, pgBadger and Amazon have it; join lines with multiline first.',
  steps: [
    { parse: LINES.map((pattern) => ({ regex: { pattern } })) },
    { time: { field: 'timestamp', format: ['iso', 'postgres'] } },
    { level: { field: 'log.level', map: { LOG: 'info', ...DEBUG } } },
  ],
};
