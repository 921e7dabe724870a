import { REST } from './pieces.ts';
import type { Preset } from './preset.ts';

const ERROR = String.raw`^(?<timestamp>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?<log.level>[a-z]+)\] (?<process.pid>\d+)#(?<process.thread.id>\d+): (?:\*(?<nginx.error.connection_id>\d+) )?`;

export const nginx: Preset = {
  about: 'Access logs (combined, with or without the host before and more behind) and error logs.',
  steps: [
    {
      parse: [
        { combined: { rest: 'nginx.access.rest' } },
        { combined: { vhost: true, rest: 'nginx.access.rest' } },
        { regex: { pattern: ERROR + REST } },
      ],
    },
    { time: { field: 'timestamp', format: 'nginx' } },
    { level: 'log.level' },
  ],
};
