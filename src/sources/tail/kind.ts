/** `logs` in the table of inputs. */
import type { CommonConfig } from '../../config/config.ts';
import type { InputKind, InputTopic } from '../../core/input.ts';
import { countsMetrics, hasFields, needsArena, routesOf, type StepConfig } from '../../transforms/process.ts';
import { checkLogs } from './check.ts';
import type { LineMetricsConfig } from './metrics.ts';
import { completeLogs, type LogConfig, logsOption } from './options.ts';
import { figures, lines, notices, rows, type TailStatus, tables } from './report.ts';
import { stepsOf } from './watched.ts';

/** What an input goes by, of itself and of others. */
export interface LogInput {
  input: LogConfig;
  host: string;
  tags: Record<string, string>;
  partition_by: 'host' | 'file';
  /** Null: its steps make no metrics. */
  metrics: LineMetricsConfig | null;
  mask_key_file?: string | undefined;
}

export const logs: InputKind<'logs', LogConfig[], LogInput, TailStatus> = {
  name: 'logs',
  options: logsOption,
  complete: (raw, config) => completeLogs(raw as Parameters<typeof completeLogs>[0], config),
  check: checkLogs,
  topics: (config) =>
    config.logs.flatMap((input, i) => {
      const { topic, masks } = input;
      const process = stepsOf(config, input);
      const fields = hasFields(process);
      const routes = routesOf(process).filter((route) => route.topic !== topic);
      const metrics = metricsOf(config, process);
      const counted = metrics ? [{ topic: metrics.topic, replayable: false, path: ['metrics', 'topic'] }] : [];
      const arenas = Number(needsArena(process)) + Number(isFirstWith(config.logs, masks, i));
      const chained = input.audit ? chainedIn(config) : {};
      const own = { topic, replayable: true, fields, arenas, path: ['logs', i, 'topic'], ...chained };
      if (routes.length === 0) return [own, ...counted];
      const others = routes.map(({ topic, entry }) => {
        return { ...own, topic, arenas: 0, several: true, path: ['logs', i, 'process', entry] };
      });
      return [{ ...own, several: true }, ...others, ...counted];
    }),
  inputs: (config) =>
    config.logs.map((written) => {
      const { host, tags, mask_key_file, kafka } = config;
      const process = stepsOf(config, written);
      const audited = written.audit ? chainedIn(config) : {};
      const input = { ...written, process, ...(audited.topic !== undefined && { topic: audited.topic }) };
      const metrics = metricsOf(config, input.process);
      const topics: InputTopic[] = topicsOf(input).map((topic) => ({ topic, replayable: true, ...audited }));
      if (metrics) topics.push({ topic: metrics.topic, replayable: false });
      return {
        id: `logs.${input.name}`,
        title: `logs ${input.name}`,
        topics,
        options: { input, host, tags, partition_by: kafka.partition_by, mask_key_file, metrics },
        about: aboutOf(input),
      };
    }),
  brief: ({ logs }) => `log inputs: ${logs.length}`,
  async look(config, warn, stop) {
    (await import('./journald/look.ts')).warnOfJournals(config, warn);
    await (await import('./find/unmatched.ts')).warnOfIdle(config, warn, stop);
  },
  diagnose: async (config, tell, stop) => (await import('./find/diagnose.ts')).diagnoseFiles(config, tell, stop),
  nothing: { logs: [], mounts: [] },
  figures,
  lines,
  rows,
  tables,
  notices,
  open: async (config, host) => (await import('./open.ts')).openLogs(config, host),
};

/** Metrics have one topic, whoever brings them, and those of lines are aggregated as StatsD's are. */
function metricsOf(config: CommonConfig, process: readonly StepConfig[]): LineMetricsConfig | null {
  if (!countsMetrics(process)) return null;
  const { metrics, statsd } = config as unknown as {
    metrics: { topic: string };
    statsd: { flush_interval: number; percentiles: number[] };
  };
  return { topic: metrics.topic, interval: statsd.flush_interval, percentiles: statsd.percentiles };
}

/** Lines of an audit stream go to the spool of audit. */
function chainedIn(config: CommonConfig): Partial<InputTopic> {
  const { audit } = config as unknown as { audit?: { topic: string; spool: { max_size: number } } };
  return {
    replayable: false,
    ...(audit && { topic: audit.topic, durable: { group: 'audit', max_size: audit.spool.max_size } }),
  };
}

/** What it reads, in words. */
function aboutOf({ include, journald }: LogConfig): string {
  return journald ? ['the journal', ...journald.units, ...journald.match].join(', ') : include.join(', ');
}

/** Its own is the first. */
function topicsOf({ topic, process }: LogConfig): string[] {
  return [...new Set([topic, ...routesOf(process).map((route) => route.topic)])];
}

/** Inputs with the same masks share their tables. */
function isFirstWith(logs: readonly LogConfig[], masks: LogConfig['masks'], i: number): boolean {
  const same = JSON.stringify(masks);
  return masks.length > 0 && logs.findIndex((other) => JSON.stringify(other.masks) === same) === i;
}
