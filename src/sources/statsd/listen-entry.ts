/** An entry of `statsd.listen`: an address, or a map with what else is to be known of it. */
import { either, nearest } from '../../config/errors.ts';
import { type ListenAddress, parseListener } from '../../config/listener.ts';
import { type Grammar, grammar, Wrong, WrongAt } from '../../config/option.ts';
import { DIALECTS, type Manner, NAME_TAGS } from './manner.ts';

export interface ListenEntry {
  /** As it was written; `unix://` is `unixgram://`. */
  address: string;
  /** The container that a sample comes from is one of its tags. */
  origin: boolean;
  dialect: Manner['dialect'];
  name_tags: Manner['nameTags'];
}

const EXAMPLE = 'udp://127.0.0.1:8125';
const ADDRESS = { type: 'string', pattern: '^(udp|tcp|unix|unixgram|unixstream)://' };
const KEYS = ['address', 'origin', 'dialect', 'name_tags'];
const PLAIN = { origin: false, dialect: 'dogstatsd', name_tags: [] } as const;

export function listenEntry(): Grammar<ListenEntry> {
  const properties = {
    address: { ...ADDRESS, description: 'Where to listen.' },
    origin: {
      type: 'boolean',
      description: 'The container.id of the sending process is one of its tags (paths only).',
    },
    dialect: { enum: [...DIALECTS], description: 'statsd: as etsy has it. +5|g is a step, names are cleaned.' },
    name_tags: {
      anyOf: [{ enum: [...NAME_TAGS] }, { type: 'array', items: { enum: [...NAME_TAGS] } }],
      description: 'Tags that stand in names: influx (name,k=v), librato (name#k=v), signalfx (name[k=v]).',
    },
  };
  const map = { type: 'object', properties, required: ['address'] };
  return grammar<ListenEntry>(
    {
      label: 'listener address',
      json: { anyOf: [ADDRESS, { ...map, additionalProperties: false }] },
      example: EXAMPLE,
    },
    (value) => (typeof value === 'object' && value !== null ? entryOf(value) : { address: addressOf(value), ...PLAIN }),
  );
}

/** Where packets are repeated to. */
export function forwardAddress(): Grammar<string> {
  return grammar<string>(
    {
      label: 'address',
      json: { type: 'string', pattern: '^(udp|unix|unixgram)://' },
      example: 'udp://127.0.0.1:8126',
    },
    (value) => {
      const address = addressOf(value);
      if (/^(udp|unixgram):/.test(address)) return address;
      throw new Wrong('must begin with udp:// or unixgram://: what is repeated are packets');
    },
  );
}

/** Where a listener is to be. */
export function placeIn({ address }: ListenEntry): ListenAddress {
  return parseListener(address);
}

function entryOf(map: object): ListenEntry {
  for (const key of Object.keys(map)) {
    if (KEYS.includes(key)) continue;
    const near = nearest(key, KEYS);
    throw new WrongAt([key], `is not known here${near ? `: did you mean ${near}?` : `: use ${KEYS.join(' and ')}`}`);
  }
  const {
    address: written,
    origin: asked = 'false',
    dialect = 'dogstatsd',
    name_tags: ways = [],
  } = map as Record<string, unknown>;
  if (written === undefined)
    throw new Wrong(`needs an address, for example {address: unixgram:///run/runnel/statsd.sock}`);
  const address = at('address', () => addressOf(written));
  if (asked !== 'true' && asked !== 'false') throw new WrongAt(['origin'], 'must be true or false, not {}');
  const origin = asked === 'true';
  if (origin && !address.startsWith('unix')) {
    throw new WrongAt(['origin'], 'is known of paths only: use unixgram:///path or unixstream:///path');
  }
  const name_tags = (Array.isArray(ways) ? ways : [ways]).map((way) => oneOf('name_tags', way, NAME_TAGS));
  return { address, origin, dialect: oneOf('dialect', dialect, DIALECTS), name_tags };
}

function oneOf<T extends string>(key: string, value: unknown, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  if (found) return found;
  const near = typeof value === 'string' ? nearest(value, [...words]) : null;
  throw new WrongAt([key], `must be ${either([...words])}${near ? `: did you mean ${near}?` : ''}`);
}

function addressOf(value: unknown): string {
  if (typeof value !== 'string') throw new Wrong(`must be a listener address, for example ${EXAMPLE}`);
  parseListener(value);
  return value.replace(/^unix:/, 'unixgram:');
}

/** An error of it is one of this key. */
function at<T>(key: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Wrong ? new WrongAt([key], error.message) : error;
  }
}
