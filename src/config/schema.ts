/**
 * Every option that is not an input's. `config/runnel.yaml`, the JSON Schema and the reference page are generated from
 * these and those of the inputs (`npm run generate`), in this order.
 */
import type * as v from 'valibot';
import { kafkaSection } from './kafka.ts';
import { maskList } from './mask.ts';
import { calledElsewhere, dictionary, type Fields, list, option, optional, type Section, section } from './option.ts';
import { duration, durationOrNever, hostPort, name, oneOf, path, size, sizeOrAuto, syncPolicy, text } from './types.ts';

/** Before those of the inputs. */
const GENERAL = {
  host: optional(
    name('text', 'web-1'),
    "This machine's name, on every record. Default: RUNNEL_HOST, NODE_NAME, else the machine's hostname.",
  ),
  data_dir: option(
    path('/var/lib/runnel'),
    '/var/lib/runnel',
    'Positions, the local log and the lock live here; one agent per data_dir.',
  ),
  lock: option(
    oneOf('flock', 'pid'),
    'flock',
    'How data_dir is locked. pid: a file with the process id, for systems where flock cannot be had.',
  ),
  tags: option(dictionary(text()), {}, 'Labels on every record, for example {env: prod}.'),
  mask: option(
    maskList(),
    [],
    'What is masked of the lines of all inputs under logs, and of audit events, before anything else sees them. By name: card (13 to 19 digits with the first digits and the check digit of a card), bearer (what stands behind Bearer and Basic), jwt, cloud_key (of AWS, Google, GitHub, GitLab, Slack, Stripe), private_key, email, iban, password (what is assigned to names that end in password, secret, token, api_key). logs[].mask and audit.mask add to it.',
  ),
  mask_key_file: optional(
    path('/etc/runnel/mask.key'),
    'The key of with: hash: at least 32 bytes, which others may not read. Who has it can try out what a hash was made of.',
  ),
  kafka: calledElsewhere(['output', 'outputs', 'sinks'], option(kafkaSection, {}, 'Where records go, and how.')),
};

/** Behind them. */
const REST = {
  spool: option(
    section({
      max_size: option(size({ min: '16MiB' }), '1GiB', 'The local log takes at most this much disk.'),
      when_full: option(
        oneOf('drop_oldest', 'block'),
        'drop_oldest',
        'drop_oldest: the oldest records make room, and are counted. block: inputs wait.',
      ),
      sync: option(
        syncPolicy(),
        '1s',
        'When what was written is forced to disk: always (each write), a duration, or never (the operating system decides; a power cut may then cost records).',
      ),
      max_age: option(
        durationOrNever({ min: '1m' }),
        'never',
        'Older records are dropped and counted. What the running agent wrote ages by a clock that cannot be set, so a jump of the time of day drops nothing; the time of day counts only at the start, for what an earlier run left.',
      ),
    }),
    {},
    'The local log: where records wait that cannot be read again, and where everything goes while there are no brokers.',
  ),
  admin: option(
    section({
      listen: option(
        hostPort(null, '127.0.0.1:8687'),
        '127.0.0.1:8687',
        'Health, status, /metrics and the page: numbers only.',
      ),
      hosts: option(
        list(name('host name', 'web-1.example.com')),
        [],
        'Names under which the page may be asked for, beside loopback, IP addresses and admin.listen.',
      ),
      socket: optional(
        path('/run/runnel/runnel.sock'),
        "Serves the same and what shows records (tap), to the owner and group only. Default: runnel.sock in the service's runtime directory, else in data_dir.",
      ),
    }),
    {},
    "The agent's own HTTP endpoint.",
  ),
  telemetry: option(
    section({
      statsd: optional(
        hostPort(8125, '127.0.0.1:8125'),
        "A StatsD server that the agent's own figures are sent to, every 10 s as runnel.*; port 8125 if none is given.",
      ),
    }),
    {},
    "The agent's own figures, beside /metrics.",
  ),
  shutdown_timeout: option(
    duration({ min: '1s', max: '10m' }),
    '8s',
    'How long SIGTERM waits for what is in flight. What is left then stays in its file or in the local log.',
  ),
  buffer_memory: option(
    sizeOrAuto({ min: '8MiB', max: '2GiB' }),
    'auto',
    'Everything in flight, compressed bytes included; the process is about 100 MB larger. auto: 32MiB, or as much as the topics and the inputs with fields in process need, if that is more.',
  ),
  log: option(
    section({
      level: option(
        oneOf('debug', 'info', 'warn', 'error'),
        'info',
        'What is of less weight is not said. debug also shows StatsD lines that could not be taken.',
      ),
      format: option(
        oneOf('text', 'json'),
        'text',
        'text: time, level and message, separated by blanks. json: an object a line, {"time", "level", "message"}.',
      ),
    }),
    {},
    "The agent's own log, on stderr. The contents of records are never in it, but at level debug.",
  ),
};

/** `consumers`: those of the processes behind Kafka, which have a file of their own. */
export function schemaWith(inputs: Fields, consumers: Fields): Section<Fields> {
  const sink = option(
    section(consumers),
    {},
    'What the processes behind Kafka do (runnel sink), each kind in a process of its own: in a file of its own, in which data_dir is /var/lib/runnel-sink by default, and admin.listen 127.0.0.1:8688. The agent (runnel run) leaves this alone.',
  );
  return section({ ...GENERAL, ...inputs, ...REST, sink });
}

type Own = Section<typeof GENERAL & typeof REST>;
/** What the schema gives; `Config` (config.ts) is that with the defaults that depend on the machine. */
export type RawConfig = v.InferOutput<Own>;
