/**
 * All that can be configured: what holds for the whole agent, the section of each kind of input, and what the consumers
 * behind Kafka do, which have a file of their own.
 */
import { checkAcross } from './config/across.ts';
import { type CommonConfig as Common, complete, type Env } from './config/config.ts';
import type { Saying } from './config/errors.ts';
import * as load from './config/load.ts';
import { schemaWith } from './config/schema.ts';
import { CONSUMERS } from './consumers/all.ts';
import type { AnyConsumerKind, ConsumerSpec } from './consumers/kind.ts';
import type { AnyKind } from './core/input.ts';
import { INPUTS } from './sources/all.ts';

/** The sections of these kinds. */
type Sections<Kinds extends readonly AnyKind[]> = {
  [K in Kinds[number] as K['name']]: ReturnType<K['complete']>;
};
/** The consumers that are configured, by the name of their kind. */
export interface WithSinks {
  sink: Readonly<Record<string, readonly ConsumerSpec<unknown>[]>>;
}
export type ConfigOf<Kinds extends readonly AnyKind[]> = Common & WithSinks & Sections<Kinds>;
export type Config = ConfigOf<typeof INPUTS>;
export type Loaded = load.LoadedAs<Config>;
export type LocatedConfig = load.LocatedAs<Config>;

export function optionsOf<Kinds extends readonly AnyKind[]>(
  kinds: Kinds,
  consumers: readonly AnyConsumerKind[] = CONSUMERS,
): load.Options<ConfigOf<Kinds>> {
  return {
    schema: schemaWith(
      Object.assign({}, ...kinds.map(({ name, options, beside }) => ({ [name]: options, ...beside }))),
      Object.fromEntries(consumers.map((kind) => [kind.name, kind.options])),
    ),
    complete(raw, env) {
      const config = complete(raw, env);
      const sections = kinds.map((kind) => [kind.name, kind.complete(raw[kind.name], config)]);
      const written = raw.sink as Record<string, unknown>;
      const sink = Object.fromEntries(consumers.map((kind) => [kind.name, kind.consumers(written[kind.name], config)]));
      return { ...config, ...Object.fromEntries(sections), sink };
    },
    check(config, refuse, warn) {
      for (const kind of kinds) kind.check?.(config, refuse, warn);
      checkAcross(
        config,
        kinds.flatMap((kind) => kind.topics(config)),
        refuse,
      );
      checkSinks(config, consumers, refuse, warn);
    },
  };
}

function checkSinks(
  config: Common & WithSinks,
  consumers: readonly AnyConsumerKind[],
  refuse: Saying,
  warn: Saying,
): void {
  for (const kind of consumers) {
    const specs = config.sink[kind.name] ?? [];
    for (const [i, { group, path }] of specs.entries()) {
      if (specs.findIndex((other) => other.group === group) === i) continue;
      refuse([...path, 'group'], `is ${group}, as of another entry: each needs a group of its own`);
    }
    kind.check?.(specs, config, refuse, warn);
  }
  const some = Object.values(config.sink).find((specs) => specs.length > 0)?.[0];
  if (some && config.kafka.brokers.length === 0) {
    refuse(some.path.slice(0, 2), 'reads from Kafka, and kafka.brokers is empty: name the brokers');
  }
}

/** Throws ConfigError with everything that is wrong. */
export function loadConfig(path: string, { env = process.env }: { env?: Env } = {}): Promise<Loaded> {
  return load.loadWith(path, optionsOf(INPUTS), { env });
}

/** The configuration that values, written as in a file, stand for; for built-in defaults and tests. */
export function configFrom(values: Record<string, unknown>, env: Env = process.env): Config {
  return load.fromValues(values, optionsOf(INPUTS), env);
}
