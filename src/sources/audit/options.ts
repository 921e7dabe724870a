/** `audit`: where applications send what must be as durable as their own data. Off until it is in the configuration. */

import { maskList } from '../../config/mask.ts';
import { dictionary, leaf, list, option, optional, secret, section, type Values, Wrong } from '../../config/option.ts';
import { duration, integer, name, oneOf, path, size, topic } from '../../config/types.ts';
import { readAuditAddress } from './listener-address.ts';

function listener() {
  const example = 'unix:///run/runnel/audit.sock';
  return leaf({ label: 'unix:///path or https://host:port', json: { type: 'string' }, example }, readAuditAddress);
}

function rate() {
  return leaf(
    { label: 'events a second', json: { type: 'string', pattern: '^\\d+/s$' }, example: '2000/s' },
    (text) => {
      const found = /^(\d{1,9})\/s$/.exec(text.trim());
      if (!found || Number(found[1]) === 0)
        throw new Wrong('must be a number of events a second, for example 2000/s, not {}');
      return Number(found[1]);
    },
  );
}

function digest() {
  const json = { type: 'string', pattern: '^[0-9a-f]{64}$' };
  return leaf({ label: 'sha-256 in hex', json, example: 'f'.repeat(64) }, (text) => {
    if (!/^[0-9a-f]{64}$/i.test(text)) {
      throw new Wrong("must be the token's sha-256 in 64 hexadecimal digits: printf %s TOKEN | sha256sum");
    }
    return text.toLowerCase();
  });
}

const auditSection = section(
  {
    listen: option(
      list(listener()),
      ['unix:///run/runnel/audit.sock'],
      'Where events are taken over HTTP: unix:///path (mode 0660, group of its directory) or https://host:port.',
    ),
    topic: optional(topic('runnel.audit'), 'Where events and seals go. Default: <kafka.topic_prefix>.audit.'),
    durability: option(
      oneOf('spool', 'kafka'),
      'spool',
      'When an event is answered 201. spool: it is synced in the local log. kafka: all in-sync replicas have it.',
    ),
    spool: option(
      section({
        max_size: option(
          size({ min: '16MiB' }),
          '4GiB',
          'On disk, beside spool.max_size. Nothing of it is ever dropped: when it is full, who sends waits.',
        ),
      }),
      {},
      'The local log of events. Each answer waits until it is synced, whatever spool.sync says.',
    ),
    hold: option(
      duration({ min: '100ms', max: '1m' }),
      '5s',
      'What there is no room for, or what Kafka does not acknowledge, waits so long, and is refused then (503).',
    ),
    streams: option(
      dictionary(
        section({
          allow: option(
            list(
              section({
                uid: optional(
                  name('user', 'shop'),
                  'A user, by name or number: one of this machine, or one that getent(1) knows (LDAP, SSSD).',
                ),
                token: optional(secret(name('token', 'shop')), 'Who sends this token, by its name in audit.tokens.'),
                certificate: optional(name('common name', 'shop'), "The common name of a client's certificate."),
              }),
            ),
            [],
            'Who may write it: any of these.',
          ),
          rate: optional(rate(), 'More events are refused (429).'),
        }),
        '{orders: {allow: [{uid: shop}]}}',
      ),
      {},
      'Streams that may be written, and by whom. Without any, whoever may open the socket may write any.',
    ),
    tokens: option(
      secret(dictionary(digest(), `{shop: ${'f'.repeat(64)}}`)),
      {},
      "Tokens that are taken over https, by their names: each one's sha-256 in hex.",
    ),
    tls: optional(
      section({
        cert_file: optional(path('/etc/runnel/audit.pem'), 'The certificate of the listeners, as PEM. Needs key_file.'),
        key_file: optional(path('/etc/runnel/audit.key'), 'Its key, as PEM.'),
        client_ca_file: optional(path('/etc/runnel/clients.pem'), 'Who signs the certificates of clients, as PEM.'),
      }),
      'TLS of the https listeners.',
    ),
    hosts: option(
      list(name('host name', 'web-1.example.com')),
      [],
      'Names in the Host header that are served, beside loopback, IP addresses and those of the listeners.',
    ),
    mask: option(
      maskList(),
      [],
      'What is masked of events before they are hashed, beside mask for all inputs: a secret must be text, as JSON is to stay JSON.',
    ),
    required_fields: option(
      list(name('field', 'event.action')),
      [],
      'Fields that an event must have beside @timestamp and event.id; without them it is refused (422).',
    ),
    ids: option(
      integer(1000, 10_000_000),
      '100000',
      'So many event.ids are known, over restarts: what comes again is not taken twice. 100 bytes of memory each.',
    ),
    seal: option(
      section({
        every: option(integer(1, 1_000_000), '1000', 'A stream is sealed after so many events,'),
        interval: option(duration({ min: '1s', max: '1h' }), '60s', 'and after so long, also when nothing came.'),
        rotate: option(duration({ min: '1m', max: '30d' }), '1h', 'Seals are signed with a new key after so long.'),
      }),
      {},
      'Signatures over the chain of a stream.',
    ),
    require: option(
      oneOf('strict', 'warn'),
      'warn',
      'What a topic with weak settings does. warn: the status says so. strict: nothing is taken (503) until it is right.',
    ),
    retention: option(duration({ min: '1h' }), '400d', 'The topic must keep records for so long at least.'),
  },
  'audit: {} for its default, unix:///run/runnel/audit.sock',
);

export const auditOption = optional(
  auditSection,
  'What applications send that must be as durable as their own data. Without it nothing listens.',
);

type RawAudit = Values<typeof auditSection>;
export type AuditConfig = Omit<RawAudit, 'topic'> & { topic: string };

export function completeAudit(raw: RawAudit | undefined, prefix: string): AuditConfig | undefined {
  return raw && { ...raw, topic: raw.topic ?? `${prefix}.audit` };
}
