/** `output.kafka` as `kafka`, and the topics of the inputs. */
import type { MigratedInput } from './filebeat-input.ts';
import type { ForeignOptions } from './foreign-options.ts';

const ITS_OWN = [
  'enabled',
  'version',
  'metadata',
  'max_retries',
  'backoff',
  'bulk_max_size',
  'bulk_flush_frequency',
  'timeout',
  'broker_timeout',
  'channel_buffer_size',
  'keep_alive',
  'max_message_bytes',
  'worker',
  'queue',
];
/** `%{[fields.app]}` */
const FROM_FIELDS = /%\{\[fields\.([\w.-]+)\]\}/g;

export function kafkaOf(output: ForeignOptions, inputs: readonly MigratedInput[]): Record<string, unknown> {
  const kafka: Record<string, unknown> = { brokers: output.texts('hosts') };
  const client = output.text('client_id');
  if (client !== undefined && client !== 'beats') kafka.client_id = client;
  const compression = output.text('compression');
  if (compression !== undefined) kafka.compression = compression;
  const level = output.text('compression_level');
  if (level !== undefined && (compression ?? 'gzip') === 'gzip') kafka.compression_level = Math.max(1, Number(level));
  login(output, kafka);
  tls(output.map('ssl'), kafka);
  topics(output, inputs);
  encoding(output.map('codec'), inputs);
  output.needless(['required_acks'], 'is not needed: a line is safe when all replicas have it (acks=all)');
  output.needless(
    ['partition'],
    'is not needed: the partition is that of the key, which is the host (kafka.partition_by)',
  );
  output.needless(ITS_OWN, 'is not needed');
  output.refuse('key', 'the key is the host, or <host>:<path> with kafka.partition_by: file');
  output.refuse('headers', 'has no counterpart: tags are labels in the record');
  output.refuse('topics', 'write a route step for each: process: [{route: TOPIC, when: CONDITION}]');
  return kafka;
}

function login(output: ForeignOptions, kafka: Record<string, unknown>): void {
  const username = output.text('username');
  const password = output.text('password');
  const mechanism = output.map('sasl').text('mechanism');
  if (username === undefined) return;
  kafka.sasl = { mechanism: mechanism?.toLowerCase() ?? 'plain', username, password };
}

function tls(ssl: ForeignOptions, kafka: Record<string, unknown>): void {
  if (ssl.keys().length === 0) return;
  const place = ssl.placeOf('certificate_authorities');
  const authorities = ssl.texts('certificate_authorities');
  const made: Record<string, unknown> = {};
  if (authorities.length > 1)
    ssl.unmapped(
      'certificate_authorities',
      place,
      `several files: put them into one, ca_file (${authorities.join(', ')})`,
    );
  if (authorities[0] !== undefined) made.ca_file = authorities[0];
  for (const [key, ours] of [
    ['certificate', 'cert_file'],
    ['key', 'key_file'],
  ] as const) {
    const value = ssl.text(key);
    if (value !== undefined) made[ours] = value;
  }
  if (ssl.text('verification_mode') === 'none') made.insecure = true;
  ssl.refuse('key_passphrase', 'keys with a passphrase are not read: take it away (openssl pkey), and chmod 600');
  ssl.needless(
    ['supported_protocols', 'cipher_suites', 'curve_types', 'renegotiation'],
    'is not needed: TLS 1.2 and 1.3 with their usual ciphers',
  );
  if (ssl.flag('enabled') !== false) kafka.tls = made;
}

function topics(output: ForeignOptions, inputs: readonly MigratedInput[]): void {
  const place = output.placeOf('topic');
  const topic = output.text('topic');
  if (topic === undefined) return;
  for (const { log, fields } of inputs) {
    const missing = [...topic.matchAll(FROM_FIELDS)]
      .map(([, name]) => name!)
      .find((name) => fields[name] === undefined);
    const made = topic.replace(FROM_FIELDS, (_, name) => fields[name] ?? '');
    if (missing !== undefined || made.includes('%{')) {
      output.unmapped(
        'topic',
        place,
        `${topic} is made of each record; here topics are named, one by one: logs[].topic, or route with topics`,
      );
      return;
    }
    log.topic = made;
  }
}

/** `format.string: '%{[message]}'` is the line as it is. */
function encoding(codec: ForeignOptions, inputs: readonly MigratedInput[]): void {
  if (codec.keys().length === 0) return;
  codec.needless(['json'], 'is not needed: records are JSON');
  if (!codec.has('format')) return;
  const place = codec.placeOf('format');
  const string = codec.map('format').text('string');
  if (string === '%{[message]}') for (const { log } of inputs) log.encoding = 'raw';
  else codec.unmapped('format', place, `${string} has no counterpart: encoding is json or raw`);
}
