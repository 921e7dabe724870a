import { REST } from './pieces.ts';
import type { Preset } from './preset.ts';

const LINE = String.raw`^(?<timestamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Za-z0-9+:-]+) \[(?<process.pid>\d+)\](?:-\d+)? (?:(?<user.name>[^@ ]*)@(?<postgresql.log.database>[^ ]*) )?(?<log.level>[A-Z0-9]+):  `;
const DEBUG = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`DEBUG${n}`, 'debug']));

export const postgres: Preset = {
  about: "Lines with log_line_prefix '%m [%p] ' or Debian's '%m [%p] %q%u@%d '; join lines with multiline first.",
  steps: [
    { parse: { regex: { pattern: LINE + REST } } },
    { time: { field: 'timestamp', format: ['iso', 'postgres'] } },
    { level: { field: 'log.level', map: { LOG: 'info', ...DEBUG } } },
  ],
};
