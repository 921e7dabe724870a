/** `otlp`: where applications send spans, metrics and logs. Off until it is in the configuration. */
import { calledElsewhere, list, listOrNone, option, optional, section, type Values } from '../../config/option.ts';
import { duration, integer, name, oneOf, path, size, topic, yesNo } from '../../config/types.ts';
import { endpoint } from './endpoint.ts';
import { sampling } from './sampling-options.ts';

export const SIGNALS = ['traces', 'metrics', 'logs'] as const;
export type Signal = (typeof SIGNALS)[number];

const otlpSection = section(
  {
    http: calledElsewhere(
      ['http_endpoint', 'listen'],
      option(
        listOrNone(endpoint(4318, '127.0.0.1:4318')),
        ['127.0.0.1:4318'],
        'OTLP over HTTP (protobuf and JSON; gzip, deflate, zstd): host:port or unix:///path. []: none.',
      ),
    ),
    grpc: calledElsewhere(
      ['grpc_endpoint'],
      option(
        listOrNone(endpoint(4317, '127.0.0.1:4317')),
        ['127.0.0.1:4317'],
        'OTLP over gRPC: host:port or unix:///path. []: none.',
      ),
    ),
    signals: option(
      list(oneOf(...SIGNALS)),
      [...SIGNALS],
      'What is taken; others are answered with 404 or UNIMPLEMENTED.',
    ),
    tls: optional(
      section({
        cert_file: optional(path('/etc/runnel/otlp.pem'), 'The certificate of the listeners, as PEM. Needs key_file.'),
        key_file: optional(path('/etc/runnel/otlp.key'), 'Its key, as PEM.'),
        client_ca_file: optional(
          path('/etc/runnel/clients.pem'),
          'Only clients with a certificate of one of these are served, as PEM.',
        ),
      }),
      'TLS on all addresses with a port.',
    ),
    token_file: optional(
      path('/etc/runnel/otlp.token'),
      'Only clients that send its text are served: Authorization: Bearer TEXT.',
    ),
    hosts: option(
      list(name('host name', 'web-1.example.com')),
      [],
      'Names in the Host header that are served, beside loopback, IP addresses and those of the listeners.',
    ),
    cors_origins: option(
      list(name('origin', 'https://shop.example.com')),
      [],
      'Origins of pages in browsers that may send over HTTP.',
    ),
    max_request: calledElsewhere(
      ['max_request_body_size', 'max_recv_msg_size_mib'],
      option(
        size({ min: '64KiB', max: '64MiB' }),
        '8MiB',
        'A request may have so many bytes when it is inflated; larger ones are refused (413, RESOURCE_EXHAUSTED).',
      ),
    ),
    hold: option(
      duration({ max: '1m' }),
      '5s',
      'A request for which there is no room waits so long, and is refused then. Half of all clients lose what is refused.',
    ),
    spool: option(
      section({
        max_size: option(
          size({ min: '16MiB' }),
          '1GiB',
          'On disk, beside spool.max_size. What was answered is never dropped: when it is full, requests wait.',
        ),
      }),
      {},
      'The local log of what came over OTLP. Each answer waits until it is synced, whatever spool.sync says.',
    ),
    metrics_topic: optional(
      topic('runnel.otlp-metrics'),
      'Where metrics go, as they came. Default: <kafka.topic_prefix>.otlp-metrics.',
    ),
    logs_topic: optional(
      topic('runnel.otlp-logs'),
      'Where logs go, as they came. Default: <kafka.topic_prefix>.otlp-logs.',
    ),
  },
  'otlp: {} for its defaults, 127.0.0.1:4318 (HTTP) and 127.0.0.1:4317 (gRPC)',
);

export const otlpOption = optional(otlpSection, 'What applications send over OTLP. Without it nothing listens.');

const tracesSection = section({
  topic: optional(topic('runnel.traces'), 'Where spans go. Default: <kafka.topic_prefix>.traces.'),
  encoding: option(
    oneOf('otlp_proto', 'json'),
    'otlp_proto',
    'otlp_proto: an ExportTraceServiceRequest with the spans of one trace, as they came. json: a document a span.',
  ),
  key: option(
    oneOf('trace_id', 'host', 'service'),
    'trace_id',
    'What the key is, and with it the partition: trace_id brings all spans of a trace into one, from all hosts.',
  ),
  metrics: option(
    section({
      enabled: option(yesNo(), 'true', 'Calls, errors and durations of the spans, before sampling, in metrics.topic.'),
      operations_per_service: option(
        integer(1, 2000),
        '200',
        'Names of spans that a service has series for; more count as span.name _other.',
      ),
      attributes: option(
        list(name('attribute', 'http.route')),
        [],
        'Attributes of spans that make series of their own, at most 4.',
      ),
      server_and_consumer_only: option(yesNo(), 'false', 'Only of spans that answer others; without it, of all.'),
    }),
    {},
    'Metrics of spans: traces.span.metrics.calls and .duration.',
  ),
  sampling: option(sampling(), {}, 'Which spans go on. By default all.'),
});

export const tracesOption = option(tracesSection, {}, 'What becomes of spans that came over OTLP.');

const datadogSection = section(
  {
    listen: option(
      listOrNone(endpoint(8126, '127.0.0.1:8126')),
      ['127.0.0.1:8126'],
      'Where: host:port or unix:///path. What otlp says of TLS, tokens, hosts, sizes and room holds here, too.',
    ),
  },
  'datadog: {} for its default, 127.0.0.1:8126',
);

export const datadogOption = optional(
  datadogSection,
  "Spans of Datadog's tracers, as they send them to an agent of Datadog (v0.4, v0.5): they become OTLP. Needs otlp.",
);

export type DatadogOptions = Values<typeof datadogSection>;
export type OtlpOptions = Values<typeof otlpSection>;
type RawTraces = Values<typeof tracesSection>;
export type TracesOptions = Omit<RawTraces, 'topic'> & { topic: string };
export type TracesEncoding = TracesOptions['encoding'];

export function completeTraces(raw: RawTraces, prefix: string): TracesOptions {
  return { ...raw, topic: raw.topic ?? `${prefix}.traces` };
}

/** Where metrics and logs go. */
export function topicsOf(
  { metrics_topic, logs_topic }: OtlpOptions,
  prefix: string,
): Record<'metrics' | 'logs', string> {
  return { metrics: metrics_topic ?? `${prefix}.otlp-metrics`, logs: logs_topic ?? `${prefix}.otlp-logs` };
}
