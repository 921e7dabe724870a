/** `kafka`: where records go, and how. */
import { alternative, calledElsewhere, commaList, option, optional, secret, section } from './option.ts';
import { tlsOption } from './tls.ts';
import { duration, hostPort, integer, name, oneOf, path, topic, url, yesNo } from './types.ts';

export const kafkaSection = section({
  brokers: calledElsewhere(
    ['bootstrap_servers', 'bootstrap.servers', 'bootstrap-servers', 'bootstrap', 'hosts', 'servers', 'endpoints'],
    option(
      commaList(hostPort(9092, 'kafka-1:9092')),
      [],
      'Brokers to ask first; port 9092 if none is given. Empty: everything goes to the local log only.',
    ),
  ),
  topic_prefix: option(
    topic('runnel', 200),
    'runnel',
    'Topics are called <prefix>.logs, <prefix>.metrics, <prefix>.events and so on.',
  ),
  create_topics: option(
    yesNo(),
    'true',
    "Creates a missing topic with the broker's default partitions and replicas. Where that is off or forbidden, only the topic's own data waits, and it resumes by itself.",
  ),
  compression: option(oneOf('none', 'gzip', 'snappy', 'lz4', 'zstd'), 'zstd', 'How blocks are compressed.'),
  compression_level: option(
    integer(1, 22),
    '1',
    'Higher is smaller and slower: gzip 1 to 9, zstd 1 to 22; lz4 and snappy have none.',
  ),
  partition_by: option(
    oneOf('host', 'file'),
    'host',
    "What the key is, and with it the partition (murmur2, as Java's default partitioner): host: the host, so all its records keep their order. file: <host>:<path>, so a host's files spread over the partitions.",
  ),
  delivery: calledElsewhere(
    ['acks', 'enable_idempotence', 'enable.idempotence', 'idempotent', 'transactional_id'],
    option(
      oneOf('at_least_once', 'exactly_once'),
      'at_least_once',
      'at_least_once: idempotent; twice at most the unacknowledged window after a kill -9. exactly_once: transactions; nothing twice for readers with read_committed.',
    ),
  ),
  transaction_timeout: option(
    duration({ min: '1s', max: '15m' }),
    '10s',
    'With exactly_once: when the broker aborts the transaction of an agent that died.',
  ),
  linger: option(
    duration({ max: '1m' }),
    '50ms',
    'How long an open block waits for more records before it is sent. Longer: fewer, better compressed blocks.',
  ),
  client_id: option(name(), 'runnel', "The name in the broker's logs and quotas."),
  tls: tlsOption(
    "Speaks TLS to the brokers. tls: {} uses the system's certificates.",
    'broker',
    "The agent's own certificate, as PEM. Needs key_file.",
  ),
  sasl: calledElsewhere(
    ['authentication', 'auth', 'sasl_mechanism', 'sasl.mechanism'],
    optional(
      section(
        {
          mechanism: option(
            oneOf('plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer', 'aws-msk-iam'),
            'scram-sha-512',
            'How the agent proves who it is. plain and scram: with username and password. oauthbearer: with a token, from token_file or from token_url. aws-msk-iam: with the credentials that AWS gives to this host, in region; needs the package aws-msk-iam-sasl-signer-js beside runnel.',
          ),
          username: calledElsewhere(['user', 'login'], optional(name('text', 'runnel'), 'Who the agent logs in as.')),
          password: optional(
            secret(name('secret', '${KAFKA_PASSWORD}')),
            'The secret that goes with the name. Better from the environment, ${KAFKA_PASSWORD}, or a file, ${file:/run/secrets/kafka}, than written here.',
          ),
          token_file: alternative(
            path('/var/run/secrets/kafka/token'),
            'oauthbearer: a file that holds a token; read again for each connection.',
          ),
          token_url: alternative(
            url('https://login.example.com/oauth2/token'),
            'oauthbearer: where a token is had for client_id and client_secret (OAuth 2.0, client credentials). Asked again before the token ends.',
          ),
          client_id: alternative(name('text', 'runnel'), 'oauthbearer, with token_url: who asks.'),
          client_secret: alternative(
            secret(name('secret', '${OAUTH_CLIENT_SECRET}')),
            'oauthbearer, with token_url: the secret that goes with client_id.',
          ),
          scope: alternative(
            name('text', 'kafka'),
            'oauthbearer, with token_url: what the token is for, where the server wants to know.',
          ),
          region: alternative(name('region', 'eu-central-1'), "aws-msk-iam: the cluster's region."),
        },
        'sasl: {username: ..., password: ...}',
      ),
      'Logs in to the brokers.',
    ),
  ),
});
