/** `sink.opensearch`: from topics to the data streams of OpenSearch or Elasticsearch. */
import type { CommonConfig } from '../../config/config.ts';
import {
  alternative,
  calledElsewhere,
  commaList,
  list,
  listOrOne,
  option,
  optional,
  orFalse,
  required,
  secret,
  section,
  type Values,
} from '../../config/option.ts';
import { tlsOption } from '../../config/tls.ts';
import { duration, durationOrNever, integer, name, oneOf, size, topic, url, yesNo } from '../../config/types.ts';
import { streamPrefix } from './names.ts';

/** What records a stream holds: each kind has its own mappings. */
export const RECORD_KINDS = ['logs', 'metrics', 'events', 'traces', 'alerts', 'audit'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

const one = section({
  urls: calledElsewhere(
    ['url', 'hosts', 'host', 'endpoint', 'endpoints', 'nodes'],
    required(
      commaList(url('https://os-1:9200')),
      'The nodes of OpenSearch or Elasticsearch that are written to, in turn. One that does not answer rests for 5 s to a minute.',
    ),
  ),
  username: calledElsewhere(
    ['user', 'login'],
    optional(name('text', 'runnel'), 'Who it logs in as, with HTTP Basic. Needs password.'),
  ),
  password: optional(
    secret(name('secret', '${OPENSEARCH_PASSWORD}')),
    'The secret that goes with the name. Better from the environment, ${OPENSEARCH_PASSWORD}, or a file, ${file:/run/secrets/opensearch}, than written here.',
  ),
  api_key: alternative(
    secret(name('secret', '${ELASTICSEARCH_API_KEY}')),
    'In place of name and password: the key as Elasticsearch gives it (id and key, in base64).',
  ),
  tls: tlsOption(
    'How https is spoken. tls: {} is the default: the certificates of the system are trusted.',
    'node',
    'The own certificate, as PEM. Needs key_file.',
  ),
  topics: calledElsewhere(
    ['topic'],
    optional(list(topic('runnel.logs')), 'What is read. Default: <kafka.topic_prefix>.logs.'),
  ),
  group: calledElsewhere(
    ['group_id', 'consumer_group'],
    optional(
      topic('runnel-sink-logs'),
      "Kafka's consumer group: its processes share the partitions. Default: <kafka.topic_prefix>-sink-<records>, for example runnel-sink-logs.",
    ),
  ),
  session_timeout: option(
    duration({ min: '6s', max: '5m' }),
    '10s',
    'A process that is not heard of for so long loses its partitions. One that is started again before that goes on at once.',
  ),
  records: optional(
    oneOf(...RECORD_KINDS),
    'What the records are, and with that which mappings their streams have. Default: the last part of the first topic, if it is one of these words, else logs.',
  ),
  streams: option(
    integer(1, 1000),
    '4',
    'Data streams that are written in turn. At least as many as there are data nodes, so that all of them work.',
  ),
  stream_prefix: optional(
    streamPrefix('ds'),
    'The streams are called <stream_prefix>-1, <stream_prefix>-2 and so on. Default: ds for logs, else <records>-ds.',
  ),
  turn: option(integer(1, 1_000_000), '1000', 'Records of a partition that go to one stream in a row.'),
  window: option(
    integer(100, 1_000_000),
    '20000',
    'Records of a partition that may be written and not committed. After a crash so many are looked up before they are written again.',
  ),
  bulk: option(
    section({
      size: option(
        size({ min: '64KiB', max: '50MiB' }),
        '5MiB',
        'A request is sent when it has so many bytes, at most.',
      ),
      linger: option(duration({ max: '1m' }), '500ms', 'It is sent after so long with what it has.'),
      in_flight: option(
        integer(1, 32),
        '2',
        'Requests on their way to a stream. Fewer for some minutes after one was refused because the cluster is too busy (429).',
      ),
    }),
    {},
    'What is sent at once.',
  ),
  buffer_memory: option(
    size({ min: '16MiB', max: '4GiB' }),
    '64MiB',
    'What is read and not written yet. Reading stops where it is used up.',
  ),
  compression: option(oneOf('none', 'gzip', 'zstd'), 'none', 'Of requests. zstd is taken by OpenSearch alone.'),
  template: option(
    section({
      install: option(
        yesNo(),
        'true',
        'At the start, templates and streams that are not there are made. false: runnel sink opensearch --setup does it, once, with rights that the sink then does not need.',
      ),
      shards: option(
        integer(1, 100),
        '1',
        'Primary shards of a stream. With one, streams are what spreads over the nodes.',
      ),
      replicas: option(integer(0, 10), '1', 'Copies of each shard.'),
      refresh_interval: option(duration({ min: '1s', max: '10m' }), '5s', 'After so long what was written is found.'),
      attributes: optional(
        oneOf('keyword', 'flat'),
        'How attributes of metrics and spans are indexed. keyword: each is a field of its own, which can be counted by; 2000 fields at most. flat: one field for all of them, for names that are many or clash (a and a.b); OpenSearch then finds by them and cannot count by them. Default: keyword with OpenSearch, flat with Elasticsearch, which counts by them, too.',
      ),
    }),
    {},
    'Settings and mappings of the streams. They hold from the next rollover on.',
  ),
  rollover: option(
    orFalse(
      {
        size: option(size({ min: '1MiB' }), '30GiB', "When the primaries of a stream's newest index are so large."),
        age: option(durationOrNever({ min: '1m' }, 'none', '1d'), '1d', 'When it is so old. none: whatever its age.'),
        docs: optional(integer(1, 2_000_000_000), 'When it has so many documents.'),
      },
      'none',
    ),
    {},
    'When a stream goes on in a new index. none: a policy of the cluster (ISM, ILM) does it.',
  ),
  retention: option(
    durationOrNever({ min: '1m' }, 'none', '14d'),
    'none',
    'An index is deleted, whole, when nothing was written to it for so long. none: nothing is ever deleted, or a policy of the cluster does it.',
  ),
  dead_letter_topic: optional(
    topic('runnel.dead-letter'),
    'Where records go that are refused for good: the value as it was, with headers topic, partition, offset, status and reason. Default: <kafka.topic_prefix>.dead-letter.',
  ),
});

export const opensearchOption = optional(
  listOrOne(one),
  'Writes topics into data streams of OpenSearch or Elasticsearch. A map, or a list of maps: one process does all of them.',
);

type Raw = Values<typeof one>;
export type OpenSearchOptions = Omit<Raw, 'records' | 'stream_prefix' | 'dead_letter_topic'> & {
  topics: string[];
  group: string;
  records: RecordKind;
  stream_prefix: string;
  dead_letter_topic: string;
};

/** Fills in the defaults that depend on other options. */
export function completeOpenSearch(raw: unknown, { kafka }: CommonConfig): OpenSearchOptions[] {
  return ((raw ?? []) as Raw[]).map((given) => {
    const topics = given.topics ?? [`${kafka.topic_prefix}.logs`];
    const records = given.records ?? recordsOf(topics[0] ?? '');
    return {
      ...given,
      topics,
      records,
      group: given.group ?? `${kafka.topic_prefix}-sink-${records}`,
      stream_prefix: given.stream_prefix ?? (records === 'logs' ? 'ds' : `${records}-ds`),
      dead_letter_topic: given.dead_letter_topic ?? `${kafka.topic_prefix}.dead-letter`,
    };
  });
}

function recordsOf(name: string): RecordKind {
  const last = name.split('.').at(-1);
  return RECORD_KINDS.find((kind) => kind === last) ?? 'logs';
}
