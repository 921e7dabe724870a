/** `sink.opensearch` in the table of consumers. */
import type { Path, Saying } from '../../config/errors.ts';
import type { ConsumerKind, ConsumerSpec } from '../kind.ts';
import { completeOpenSearch, type OpenSearchOptions, opensearchOption } from './options.ts';
import { figures } from './report.ts';

export const opensearch: ConsumerKind<'opensearch', OpenSearchOptions> = {
  name: 'opensearch',
  summary: 'topics into data streams of OpenSearch or Elasticsearch',
  options: opensearchOption,
  consumers: (raw, config) =>
    completeOpenSearch(raw, config).map((options, i) => ({
      id: options.group,
      path: ['sink', 'opensearch', i],
      group: options.group,
      session_timeout: options.session_timeout,
      topics: options.topics,
      options,
    })),
  check(specs, _, refuse, warn) {
    for (const spec of specs) checkOne(spec, refuse, warn);
    for (const [i, { path, options }] of specs.entries()) {
      const other = specs.slice(0, i).find(({ options: { stream_prefix } }) => stream_prefix === options.stream_prefix);
      if (other) {
        const message = `is ${options.stream_prefix}, as of another entry: two may not write to the same streams`;
        refuse([...path, 'stream_prefix'], message);
      }
      const at = options.topics.indexOf(options.dead_letter_topic);
      if (at >= 0) {
        refuse([...path, 'topics', at], 'is the dead-letter topic: what is refused would be read again for ever');
      }
    }
  },
  setup: async (spec, host) => (await import('./setup/setup.ts')).setUp(spec, host),
  examine: async (spec, host, how) => (await import('./examine.ts')).examineOpenSearch(spec, host, how),
  figures,
  open: async (spec, host) => (await import('./open.ts')).openOpenSearch(spec, host),
};

function checkOne({ path, options }: ConsumerSpec<OpenSearchOptions>, refuse: Saying, warn: Saying): void {
  const { urls, username, password, api_key, tls, topics, bulk, buffer_memory, streams } = options;
  const at = (...keys: (string | number)[]): Path => [...path, ...keys];
  if (urls.length === 0) refuse(at('urls'), 'is empty: name at least one node, for example https://os-1:9200');
  if (topics.length === 0) refuse(at('topics'), 'is empty: name at least one topic');
  if (username !== undefined && password === undefined)
    refuse(at('username'), 'needs password: the secret that goes with the name');
  if (password !== undefined && username === undefined) refuse(at('password'), 'needs username: who logs in with it');
  if (api_key !== undefined && username !== undefined) refuse(at('api_key'), 'contradicts username: use one of them');
  if (tls?.cert_file !== undefined && tls.key_file === undefined)
    refuse(at('tls', 'cert_file'), 'needs key_file: the key of the certificate');
  if (tls?.key_file !== undefined && tls.cert_file === undefined)
    refuse(at('tls', 'key_file'), 'needs cert_file: the certificate of the key');
  if (tls?.insecure && tls.ca_file !== undefined) {
    refuse(at('tls', 'insecure'), 'contradicts ca_file: nothing would be checked against it');
  }
  const plain = urls.findIndex((url) => url.startsWith('http:'));
  if (tls && plain >= 0) refuse(at('urls', plain), 'is http, and tls is set: write https');
  if (plain >= 0 && (password !== undefined || api_key !== undefined) && !isLoopback(urls[plain]!)) {
    warn(at('urls', plain), 'is http: who is between reads the password and every record');
  }
  const least = 2 * bulk.size;
  if (buffer_memory < least) {
    refuse(at('buffer_memory'), `must be at least ${Math.ceil(least / 2 ** 20)}MiB: two requests of bulk.size`);
  }
  if (streams > 100)
    warn(at('streams'), `is ${streams}: each is an index of its own; one or two for each data node are enough`);
  if (options.rollover === false && options.retention !== null) {
    warn(
      at('rollover'),
      'is none: only indices that a policy of the cluster has rolled over can be deleted by retention',
    );
  }
}

function isLoopback(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}
