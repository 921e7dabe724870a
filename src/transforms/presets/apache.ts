import { REST } from './pieces.ts';
import type { Preset } from './preset.ts';

const TIME = String.raw`^\[(?<timestamp>[A-Z][a-z]{2} [A-Z][a-z]{2} [^\]]+)\]`;
/** 2.4 */
const ERROR = String.raw`${TIME} \[(?<apache.error.module>[^:\]]+)?:(?<log.level>[a-z0-9]+)\] \[pid (?<process.pid>\d+)(?::tid (?<process.thread.id>\d+))?\] (?:\[client (?<source.address>[^\]]+):(?<source.port>\d+)\] )?`;
/** 2.2 */
const OLD_ERROR = String.raw`${TIME} \[(?<log.level>[a-z]+)\] (?<message>(?:\[client (?<source.address>[^\]]+)\] )?[\s\S]*)$`;

export const apache: Preset = {
  about: 'Access logs (common, combined, both with the host before) and error logs (2.2 and 2.4).',
  steps: [
    {
      parse: [
        { combined: { rest: 'apache.access.rest' } },
        { combined: { vhost: true, rest: 'apache.access.rest' } },
        'common',
        { common: { vhost: true } },
        { regex: { pattern: ERROR + REST } },
        { regex: { pattern: OLD_ERROR } },
      ],
    },
    { time: { field: 'timestamp', format: 'ctime' } },
    { level: 'log.level' },
  ],
};
