/** `otlp` and `traces` in the table of inputs: what applications send over OTLP, and what becomes of spans. */
import type { CommonConfig } from '../../config/config.ts';
import type { Configured, InputKind, InputTopic } from '../../core/input.ts';
import { soleInput } from '../../core/sole-input.ts';
import { certificateProblem } from '../../http/tls.ts';
import { checkOptions } from './check.ts';
import { parseEndpoint } from './endpoint.ts';
import {
  completeTraces,
  type DatadogOptions,
  datadogOption,
  type OtlpOptions,
  otlpOption,
  type Signal,
  type TracesOptions,
  topicsOf,
  tracesOption,
} from './options.ts';
import { figures, lines, NOTHING, type OtlpSaid, rows, tables } from './report.ts';

/** What it goes by, of itself and of others. */
export interface OtlpInput {
  config: OtlpOptions;
  /** Where Datadog's tracers send. */
  datadog: readonly string[];
  traces: TracesOptions;
  topics: Readonly<Record<Signal, string>>;
  /** Of metrics of spans. */
  metrics: { topic: string; interval: number; percentiles: readonly number[] };
  host: string;
  tags: Record<string, string>;
}

/** Its spool's name, and budget. */
const GROUP = 'otlp';

/** With the sections of others that it goes by. */
type WithTraces = CommonConfig & {
  traces: TracesOptions;
  datadog?: DatadogOptions | undefined;
  metrics: { topic: string; interval: number };
  statsd: { percentiles: readonly number[] };
};

export const otlp: InputKind<'otlp', OtlpOptions | undefined, OtlpInput, OtlpSaid> = {
  name: 'otlp',
  options: otlpOption,
  beside: { datadog: datadogOption },
  complete: (raw) => raw as OtlpOptions | undefined,
  check(config, refuse, warn) {
    const { otlp } = config;
    const datadog = datadogIn(config);
    checkOptions(otlp, tracesIn(config), datadog, refuse);
    if (!otlp || otlp.token_file !== undefined || otlp.tls !== undefined) return;
    const all = { 'otlp.http': otlp.http, 'otlp.grpc': otlp.grpc, 'datadog.listen': datadog };
    for (const [name, addresses] of Object.entries(all)) {
      for (const [i, address] of addresses.entries()) {
        if (isNear(address)) continue;
        warn([...name.split('.'), i], 'listens beyond this machine for anybody: set otlp.tls or otlp.token_file');
      }
    }
  },
  async look({ otlp }, warn) {
    const problem = certificateProblem(otlp?.tls?.cert_file);
    if (problem !== null) warn(['otlp', 'tls', 'cert_file'], problem);
  },
  topics: (config) => (config.otlp ? durableTopics(config.otlp, config) : []),
  inputs(config) {
    const { otlp: options, host, tags } = config;
    if (!options) return [];
    const { traces, metrics, statsd } = config as Configured<'otlp', OtlpOptions> & WithTraces;
    const topics = { traces: traces.topic, ...topicsOf(options, config.kafka.topic_prefix) };
    const input = {
      config: options,
      datadog: datadogIn(config),
      traces,
      topics,
      metrics: { topic: metrics.topic, interval: metrics.interval, percentiles: statsd.percentiles },
      host,
      tags,
    };
    const all = { http: options.http, grpc: options.grpc, datadog: input.datadog };
    const about = Object.entries(all)
      .flatMap(([name, addresses]) => addresses.map((at) => `${name} ${at}`))
      .join(', ');
    return [{ id: 'otlp', title: 'otlp', topics: durableTopics(options, config), options: input, about }];
  },
  brief: (config) =>
    config.otlp ? `OTLP: ${[...config.otlp.http, ...config.otlp.grpc, ...datadogIn(config)].join(', ')}` : null,
  nothing: NOTHING,
  figures,
  lines,
  rows,
  tables,
  open: async (_, host) =>
    soleInput<OtlpInput, OtlpSaid['otlp']>(
      async (options, first) => new (await import('./source.ts')).OtlpSource(options, host, first),
      (said) => (said ? { otlp: said } : NOTHING),
    ),
};

/** Its options only: spans come in over OTLP. */
export const traces: InputKind<'traces', TracesOptions, never, object> = {
  name: 'traces',
  options: tracesOption,
  complete: (raw, { kafka }) => completeTraces(raw as Parameters<typeof completeTraces>[0], kafka.topic_prefix),
  topics: () => [],
  inputs: () => [],
  brief: () => null,
  nothing: {},
  figures: () => undefined,
  lines: () => [],
  rows: () => [],
  tables: () => [],
  open: async () => ({
    open: () => Promise.reject(new Error('traces come in over otlp')),
    problems: () => [],
    status: () => ({}),
    close: async () => undefined,
  }),
};

function tracesIn(config: CommonConfig): TracesOptions {
  return (config as WithTraces).traces;
}

/** Where Datadog's tracers send. */
function datadogIn(config: CommonConfig): readonly string[] {
  return (config as WithTraces).datadog?.listen ?? [];
}

function durableTopics(options: OtlpOptions, config: CommonConfig): (InputTopic & { path: string[] })[] {
  const { topic } = tracesIn(config);
  const { metrics, logs } = topicsOf(options, config.kafka.topic_prefix);
  const durable = { group: GROUP, max_size: options.spool.max_size };
  const all: Record<Signal, InputTopic & { path: string[] }> = {
    traces: { topic, replayable: false, durable, path: ['traces', 'topic'] },
    metrics: { topic: metrics, replayable: false, durable, path: ['otlp', 'metrics_topic'] },
    logs: { topic: logs, replayable: false, durable, path: ['otlp', 'logs_topic'] },
  };
  // One memory for all: what is sent of one waits for the others anyway.
  const [first, ...others] = options.signals.map((signal) => all[signal]);
  return first ? [first, ...others.map((one) => ({ ...one, within: first.topic }))] : [];
}

/** Nobody reaches it from elsewhere. */
function isNear(address: string): boolean {
  const endpoint = parseEndpoint(address);
  return 'path' in endpoint || endpoint.host === 'localhost' || /^127\.|^::1$/.test(endpoint.host);
}
