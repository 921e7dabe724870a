/** Presets of libraries that write JSON. */
import type { Preset } from './preset.ts';

export const goZap: Preset = {
  about: 'zap in production (also klog and controller-runtime as JSON), log/slog, zerolog.',
  steps: [
    { parse: 'json' },
    { rename: { time: 'ts' }, when: { ts: { exists: false } } },
    { time: 'ts' },
    { level: 'level' },
    {
      rename: {
        msg: 'message',
        logger: 'log.logger',
        stacktrace: 'error.stack_trace',
      },
    },
  ],
};

export const pino: Preset = {
  about: 'pino, and bunyan: loggers of Node.js.',
  steps: [
    { parse: 'json' },
    { time: 'time' },
    { level: 'level' },
    {
      rename: {
        msg: 'message',
        pid: 'process.pid',
        name: 'log.logger',
        'err.type': 'error.type',
        'err.message': 'error.message',
        'err.stack': 'error.stack_trace',
      },
    },
  ],
};

export const ecs: Preset = {
  about: "Elastic's ECS loggers: their @timestamp and level become the record's.",
  steps: [{ parse: 'json' }, { time: '@timestamp' }, { level: 'log.level' }],
};
