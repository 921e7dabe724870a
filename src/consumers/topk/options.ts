/** `sink.topk`: rankings of metrics, kept in Redis. */
import type { CommonConfig } from '../../config/config.ts';
import type { Path, Saying } from '../../config/errors.ts';
import {
  dictionary,
  type Leaf,
  leaf,
  list,
  listOrOne,
  option,
  optional,
  required,
  secret,
  section,
  type Values,
  valuesOf,
  Wrong,
} from '../../config/option.ts';
import { tlsOption } from '../../config/tls.ts';
import { duration, integer, name, text, topic } from '../../config/types.ts';
import type { Aggregate, RankingOptions } from './ranking.ts';
import { planWindows, type TumblingWindow } from './windows.ts';

/** Entries of a batch: a record has to fit, whatever wants it. */
const MOST_RANKINGS = 100;
const MOST_WINDOWS = 8;
const MOST_FIELDS = 8;
const WINDOW = { min: '1s', max: '31d' };

function word(label: string, pattern: RegExp, example: string, not: string): Leaf<string> {
  const json = { type: 'string', pattern: pattern.source };
  return leaf({ label, json, example }, (value) => {
    if (!pattern.test(value)) throw new Wrong(not);
    return value;
  });
}

const rankingName = word(
  'name',
  /^[a-zA-Z0-9._-]{1,100}$/,
  'requests-by-path',
  "must be 1 to 100 letters, digits, '.', '_' or '-', not {}: it is part of the keys in Redis",
);
const keyPart = word(
  'text without braces',
  /^[^\s{}\x00-\x20\x7f]{1,200}$/,
  'runnel',
  'must be 1 to 200 characters without blanks and braces, not {}: it is part of the keys in Redis, where braces say what lies together in a cluster',
);

const AGGREGATES = ['sum', 'count', 'max', 'min'] as const satisfies readonly Aggregate[];
const PERCENTILE = /^(p\d{1,2}(_\d+)?|p100|median|percentile|quantile)$/i;

/** Percentiles are asked for most, and cannot be had. */
const aggregate = leaf(
  { label: 'sum, count, max or min', json: { enum: AGGREGATES }, example: 'sum' },
  (value): Aggregate => {
    if (AGGREGATES.includes(value as Aggregate)) return value as Aggregate;
    if (PERCENTILE.test(value)) {
      throw new Wrong(
        `must be sum, count, max or min, not {}: the percentiles of several records do not add up to one of all. The worst one is value: max with field: ${/^p\d/.test(value) ? value : 'p95'}`,
      );
    }
    if (/^(avg|average|mean)$/i.test(value)) {
      throw new Wrong('must be sum, count, max or min, not {}: take one ranking with sum and one with count');
    }
    throw new Wrong('must be sum, count, max or min, not {}');
  },
);

const redisUrl = leaf(
  {
    label: 'redis:// or rediss:// URL',
    json: { type: 'string', pattern: '^rediss?://' },
    example: 'redis://redis-1:6379',
  },
  (value) => {
    const url = URL.canParse(value) ? new URL(value) : null;
    if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
      throw new Wrong('must be redis://host:6379, or rediss://host:6379 with TLS');
    }
    if (!/^\/?(\d{1,4})?$/.test(url.pathname))
      throw new Wrong('must end with the number of a database, or without one');
    return value;
  },
);

const rankingSection = section({
  name: required(rankingName, 'What `runnel topk` asks for; part of the keys.'),
  metric: required(
    name('metric name', 'http.requests'),
    "The metric's name; `*` stands for any characters, as in http.*.duration.",
  ),
  by: required(
    list(name('field', 'attributes.path')),
    'Fields whose values are ranked: attributes.path, labels.env, host.name, name. Several are one name together.',
  ),
  value: option(
    aggregate,
    'sum',
    'sum, max or min of the field, or count: how many records. There are no percentiles: those of several records do not add up; value: max with field: p95 is the worst one.',
  ),
  field: optional(
    name('field', 'value'),
    'The number that is taken: value (of sums and gauges), count, sum, min, max, avg, p95 (of histograms). Default: value; with count: none has to be there.',
  ),
});

const topkSection = section({
  redis: required(
    section(
      {
        url: required(
          redisUrl,
          'Where Redis is (6.2 or later, or Valkey); rediss:// with TLS. Of a cluster or of sentinels: one of them, and more in nodes.',
        ),
        nodes: option(
          list(redisUrl),
          [],
          'More nodes of the cluster, or more sentinels, that are asked where the first one does not answer.',
        ),
        sentinel_master: optional(name('text', 'mymaster'), 'url is a sentinel: the name of what it watches.'),
        username: optional(name('text', 'runnel'), 'Who logs in; without it the default user.'),
        password: optional(secret(name('secret', '${REDIS_PASSWORD}')), 'The secret that goes with it.'),
        tls: tlsOption(
          'Speaks TLS to Redis, as a URL that begins with rediss:// does, too; tls: {} trusts the certificates of the system.',
          'server',
          'The own certificate, as PEM. Needs key_file.',
        ),
        prefix: option(keyPart, 'runnel', 'What all keys begin with.'),
      },
      'redis: {url: redis://redis-1:6379}',
    ),
    'Where rankings are kept.',
  ),
  topics: optional(list(topic('runnel.metrics')), 'What is read. Default: <topic_prefix>.metrics.'),
  group: optional(
    topic('runnel-topk'),
    'The consumer group: its processes share the partitions. It is part of the keys, too: another group counts anew. Default: <topic_prefix>-topk.',
  ),
  session_timeout: option(
    duration({ min: '6s', max: '5m' }),
    '10s',
    'How long a process may be silent before others take over its partitions.',
  ),
  windows: option(
    list(duration(WINDOW)),
    ['1m', '10m', '1h', '1d'],
    'Tumbling windows, in UTC. One that consists of at most 30 of a shorter one is not written, but added up when it is read: 10m of 1m, 1d of 1h.',
  ),
  keep: option(
    dictionary(text('duration', '2h'), '{1h: 7d}'),
    {},
    'How long a window can be read after its end, for example {1h: 7d}. Default: 72 windows, at least 2h; from 1d on 90 windows. What another window is made of is kept as long as that.',
  ),
  max_names: option(
    integer(10, 100_000),
    '10000',
    'Names a window and ranking. With a quarter more, the least ones are cut, and counted. About 118 bytes a name.',
  ),
  rankings: required(list(rankingSection), 'What is ranked.'),
});

export const topkOption = optional(
  listOrOne(topkSection),
  '`runnel sink topk`: rankings of metrics by time windows, kept in Redis. One, or a list. See docs/topk.md.',
);

type RawTopk = Values<typeof topkSection>;
export interface TopkOptions extends Omit<RawTopk, 'windows' | 'keep' | 'rankings' | 'topics' | 'group'> {
  topics: string[];
  group: string;
  windows: TumblingWindow[];
  rankings: RankingOptions[];
  /** Keys of `keep` that are no window, or whose value is no duration: for `checkTopk`. */
  wrongKeep: { key: string; message: string }[];
  /** Windows that are no whole seconds, or there twice. */
  wrongWindows: { index: number; message: string }[];
}

/** `raw`: what the schema gave; undefined where nothing is written. */
export function completeTopk(raw: unknown, { kafka }: CommonConfig): TopkOptions[] {
  return ((raw ?? []) as RawTopk[]).map((one) => completeOne(one, kafka.topic_prefix));
}

function completeOne(raw: RawTopk, topicPrefix: string): TopkOptions {
  const { windows, keep, rankings, ...rest } = raw;
  const wrongWindows: TopkOptions['wrongWindows'] = [];
  const lengths = new Map<number, { name: string; seconds: number }>();
  windows.forEach((ms, index) => {
    const seconds = ms / 1000;
    if (!Number.isInteger(seconds)) wrongWindows.push({ index, message: 'must be whole seconds' });
    else if (lengths.has(seconds)) wrongWindows.push({ index, message: 'is there twice' });
    else lengths.set(seconds, { name: durationName(seconds), seconds });
  });
  const wrongKeep: TopkOptions['wrongKeep'] = [];
  const kept = new Map<number, number>();
  for (const [key, value] of Object.entries(keep)) {
    const seconds = secondsOf(key);
    const long = secondsOf(value, { min: '1s', max: '3650d' });
    const names = [...lengths.values()].map(({ name }) => name).join(', ');
    if (seconds === null || !lengths.has(seconds)) wrongKeep.push({ key, message: `is none of the windows: ${names}` });
    else if (long === null) wrongKeep.push({ key, message: 'must be a duration from 1s to 3650d' });
    else kept.set(seconds, Math.ceil(long));
  }
  return {
    ...rest,
    topics: raw.topics ?? [`${topicPrefix}.metrics`],
    group: raw.group ?? `${topicPrefix}-topk`,
    windows: planWindows([...lengths.values()], kept),
    rankings: rankings.map((ranking) => ({ ...ranking, field: ranking.field ?? null })),
    wrongKeep,
    wrongWindows,
  };
}

/** Seconds; null: it is no duration. */
export function secondsOf(text: string, range: { min: string; max: string } = WINDOW): number | null {
  try {
    return valuesOf(duration(range), text) / 1000;
  } catch {
    // What is wrong with it is said by who asks.
    return null;
  }
}

/** 3600 is 1h. */
export function durationName(seconds: number): string {
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const) {
    if (seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

const MEMBERS = ['name', 'type', 'unit', 'attributes', 'labels', 'host', 'event', 'start', 'interval', '@timestamp'];

/** `at`: where the section stands. */
export function checkTopk(options: TopkOptions, at: Path, refuse: Saying, warn: Saying): void {
  for (const { index, message } of options.wrongWindows) refuse([...at, 'windows', index], message);
  if (options.windows.length === 0 && options.wrongWindows.length === 0)
    refuse([...at, 'windows'], 'must not be empty');
  if (options.windows.length > MOST_WINDOWS) refuse([...at, 'windows'], `has more than ${MOST_WINDOWS} windows`);
  for (const { key, message } of options.wrongKeep) refuse([...at, 'keep', key], message);
  if (options.topics.length === 0) refuse([...at, 'topics'], 'must not be empty');
  const { redis } = options;
  if ((redis.tls?.cert_file === undefined) !== (redis.tls?.key_file === undefined)) {
    refuse([...at, 'redis', 'tls'], 'needs both cert_file and key_file, or neither');
  }
  if (options.rankings.length === 0) refuse([...at, 'rankings'], 'must not be empty: there is nothing to rank');
  if (options.rankings.length > MOST_RANKINGS) refuse([...at, 'rankings'], `has more than ${MOST_RANKINGS} rankings`);
  const seen = new Set<string>();
  options.rankings.forEach((ranking, i) => {
    const place = [...at, 'rankings', i];
    if (seen.has(ranking.name)) refuse([...place, 'name'], `is there twice: ${ranking.name}`);
    seen.add(ranking.name);
    checkRanking(ranking, place, refuse, warn);
  });
}

function checkRanking({ by, value, field }: RankingOptions, at: Path, refuse: Saying, warn: Saying): void {
  if (by.length === 0) refuse([...at, 'by'], 'must not be empty: name the fields whose values are ranked');
  if (by.length > MOST_FIELDS) refuse([...at, 'by'], `has more than ${MOST_FIELDS} fields`);
  by.forEach((one, i) => {
    const first = one.split('.')[0]!;
    if (MEMBERS.includes(first)) return;
    warn([...at, 'by', i], `${one} is no field of a metric record: did you mean attributes.${one}?`);
  });
  if (field === null || value === 'max' || value === 'min') return;
  if (value === 'sum' && PERCENTILE.test(field)) {
    refuse(
      [...at, 'field'],
      `${field} cannot be summed: the percentiles of several records do not add up. value: max with field: ${field} is the worst one`,
    );
  } else if (value === 'sum' && ['avg', 'min', 'max'].includes(field)) {
    warn([...at, 'field'], `the sum of ${field} over records means nothing: did you mean field: sum?`);
  }
}
