/** `logs` in the table of inputs. */
import type { InputKind } from '../../core/input.ts';
import { hasFields, needsArena, routesOf } from '../../transforms/process.ts';
import { checkLogs } from './check.ts';
import { completeLogs, type LogConfig, logsOption } from './options.ts';
import { figures, lines, notices, rows, type TailStatus, tables } from './report.ts';

/** What an input goes by, of itself and of others. */
export interface LogInput {
  input: LogConfig;
  host: string;
  tags: Record<string, string>;
  partition_by: 'host' | 'file';
}

export const logs: InputKind<'logs', LogConfig[], LogInput, TailStatus> = {
  name: 'logs',
  options: logsOption,
  complete: (raw, { kafka }) => completeLogs(raw as Parameters<typeof completeLogs>[0], kafka.topic_prefix),
  check: checkLogs,
  topics: (config) =>
    config.logs.flatMap(({ topic, process }, i) => {
      const fields = hasFields(process);
      const routes = routesOf(process).filter((route) => route.topic !== topic);
      const own = { topic, replayable: true, fields, arena: needsArena(process), path: ['logs', i, 'topic'] };
      if (routes.length === 0) return [own];
      const others = routes.map(({ topic, entry }) => {
        return { ...own, topic, arena: false, several: true, path: ['logs', i, 'process', entry] };
      });
      return [{ ...own, several: true }, ...others];
    }),
  inputs: ({ logs, host, tags, kafka: { partition_by } }) =>
    logs.map((input) => ({
      id: `logs.${input.name}`,
      title: `logs ${input.name}`,
      topics: topicsOf(input).map((topic) => ({ topic, replayable: true })),
      options: { input, host, tags, partition_by },
      about: input.include.join(', '),
    })),
  brief: ({ logs }) => `log inputs: ${logs.length}`,
  look: async (config, warn, stop) => (await import('./find/unmatched.ts')).warnOfIdle(config, warn, stop),
  nothing: { logs: [], mounts: [] },
  figures,
  lines,
  rows,
  tables,
  notices,
  open: async (config, host) => (await import('./open.ts')).openLogs(config, host),
};

/** Its own is the first. */
function topicsOf({ topic, process }: LogConfig): string[] {
  return [...new Set([topic, ...routesOf(process).map((route) => route.topic)])];
}
