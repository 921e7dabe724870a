/** All that can be configured: what holds for the whole agent, and the section of each kind of input. */
import { checkAcross } from './config/across.ts';
import { type CommonConfig as Common, complete, type Env } from './config/config.ts';
import * as load from './config/load.ts';
import { schemaWith } from './config/schema.ts';
import type { AnyKind } from './core/input.ts';
import { INPUTS } from './sources/all.ts';

/** The sections of these kinds. */
type Sections<Kinds extends readonly AnyKind[]> = {
  [K in Kinds[number] as K['name']]: ReturnType<K['complete']>;
};
export type ConfigOf<Kinds extends readonly AnyKind[]> = Common & Sections<Kinds>;
export type Config = ConfigOf<typeof INPUTS>;
export type Loaded = load.LoadedAs<Config>;
export type LocatedConfig = load.LocatedAs<Config>;

export function optionsOf<Kinds extends readonly AnyKind[]>(kinds: Kinds): load.Options<ConfigOf<Kinds>> {
  return {
    schema: schemaWith(
      Object.assign({}, ...kinds.map(({ name, options, beside }) => ({ [name]: options, ...beside }))),
    ),
    complete(raw, env) {
      const config = complete(raw, env);
      const sections = kinds.map((kind) => [kind.name, kind.complete(raw[kind.name], config)]);
      return { ...config, ...Object.fromEntries(sections) };
    },
    check(config, refuse, warn) {
      for (const kind of kinds) kind.check?.(config, refuse, warn);
      checkAcross(
        config,
        kinds.flatMap((kind) => kind.topics(config)),
        refuse,
      );
    },
  };
}

/** Throws ConfigError with everything that is wrong. */
export function loadConfig(path: string, { env = process.env }: { env?: Env } = {}): Promise<Loaded> {
  return load.loadWith(path, optionsOf(INPUTS), { env });
}

/** The configuration that values, written as in a file, stand for; for built-in defaults and tests. */
export function configFrom(values: Record<string, unknown>, env: Env = process.env): Config {
  return load.fromValues(values, optionsOf(INPUTS), env);
}
