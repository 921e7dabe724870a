/** `statsd`: what applications send. */

import { calledElsewhere, list, option, section, type Values } from '../../config/option.ts';
import { duration, fraction, integer, size } from '../../config/types.ts';
import { forwardAddress, listenEntry } from './listen-entry.ts';
import { namingFields } from './naming-options.ts';

const statsdSection = section(
  {
    listen: calledElsewhere(
      ['port', 'address', 'bind', 'host', 'listeners'],
      option(
        list(listenEntry()),
        ['udp://127.0.0.1:8125'],
        'Addresses: udp://, tcp:// (lines), unixgram:///path (unix:// means the same), unixstream:///path (lines, or messages with their length before them, as Datadog has it); or a map of address and: origin: true, which adds the container.id of the sending process (paths only); dialect: statsd, as etsy has it (+5|g is a step, names are cleaned); name_tags, a list of the ways in which tags stand in names: influx (name,k=v), librato (name#k=v), signalfx (name[k=v]). Anybody may send to a path who may reach it: its directory says who that is. []: none. One written here that cannot be bound ends the start; the default one only warns. A socket that systemd has bound there is taken over, and loses nothing over a restart.',
      ),
    ),
    receive_buffer: option(
      size({ min: '64KiB', max: '1GiB' }),
      '16MiB',
      'What the kernel may hold of datagrams that were not read yet (SO_RCVBUF, forced where the agent may).',
    ),
    max_connections: option(
      integer(1, 10_000),
      '256',
      'Connections over tcp:// and unixstream:// at once, of all listeners; more are closed at once, and counted. Each may keep 64 KiB.',
    ),
    idle_timeout: option(
      duration({ min: '1s', max: '24h' }),
      '10m',
      'A connection over tcp:// that brings nothing for so long is closed.',
    ),
    forward: option(
      list(forwardAddress()),
      [],
      'Where packets are repeated to as they come, udp:// or unixgram://, while one moves from one server to another. It never waits: what a socket has no room for is lost there, and counted.',
    ),
    flush_interval: option(
      duration({ min: '1s', max: '1h' }),
      '10s',
      'The length of a window, aligned to the wall clock; each series gives one record a window.',
    ),
    percentiles: option(
      list(fraction()),
      ['0.5', '0.95', '0.99'],
      'Percentiles that histograms carry, as p50, p95, p99.',
    ),
    ...namingFields,
    max_contexts: option(
      integer(1, 2_000_000),
      '100000',
      'Series that may live in a window; the samples of more are added to one series a name, marked runnel.overflow. About 400 bytes each, beside some 40 MB for all.',
    ),
    max_contexts_per_name: option(
      integer(1, 2_000_000),
      '2000000',
      'Series of one name that may live in a window; the samples of more are added to one series, marked runnel.overflow.',
    ),
    max_tags: option(
      integer(0, 1000),
      '64',
      'A series that was sent with more tags counts for its name alone (runnel.overflow).',
    ),
    max_length: option(
      integer(16, 4096),
      '1024',
      'Characters of a name (more are cut off), of the key and of the value of a tag; a series with longer ones counts for its name alone (runnel.overflow).',
    ),
    memory: option(
      size({ min: '1MiB', max: '2GiB' }),
      '64MiB',
      'For histograms, sets, names and tags of more than 256 bytes, and (an eighth of it) events, of all listeners together. Where it is used up, events are lost, percentiles and set sizes are coarser, then samples count for their name alone (runnel.overflow); both are counted.',
    ),
  },
  'statsd: {listen: [udp://127.0.0.1:8125]}, or statsd: {listen: []} for none',
);

export const statsdOption = option(statsdSection, {}, 'What applications send.');

export type StatsdConfig = Values<typeof statsdSection>;
