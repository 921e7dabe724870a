/**
 * What a series is called, from what was sent: asked once for each new spelling, never for a sample.
 *
 *   sent -> mappings (the first that matches) -> prefix -> normalize -> drop_tags -> allow, deny -> the series, or the rule
 */
import { LOOKED_AT, linear, quickUpTo } from '../../config/backtracking.ts';
import { matchesWildcard } from '../../config/wildcards.ts';
import type { NamingConfig } from './naming-options.ts';
import type { Tag } from './tags.ts';

type Named = { name: string; tags: readonly Tag[] };

export class Naming {
  /** Those that leave series out, as they are called in status and figures. */
  readonly rules: readonly string[];
  readonly #o: NamingConfig;
  readonly #mappings: Mapper[];
  readonly #normalize: (named: Named) => Named;
  /** Everything is called as it was sent. */
  readonly isNone: boolean;

  constructor(options: NamingConfig) {
    this.#o = options;
    this.rules = rulesOf(options);
    this.#mappings = options.mappings.map((mapping) => new Mapper(mapping));
    this.#normalize = NORMALIZE[options.normalize];
    const { prefix, mappings, allow, deny, drop_tags, normalize } = options;
    const lists = [mappings, allow, deny, drop_tags];
    this.isNone = prefix === '' && normalize === 'none' && lists.every((list) => list.length === 0);
  }

  /** A number is that of the rule which leaves it out. */
  apply(sent: Named): Named | number {
    if (this.isNone) return sent;
    const { prefix, drop_tags, allow, deny } = this.#o;
    const mapped = this.#mapped(sent);
    const { name, tags } = this.#normalize({ ...mapped, name: prefix + mapped.name });
    const dropped = drop_tags.filter(({ metric }) => matchesWildcard(metric, name)).flatMap((rule) => rule.tags);
    const kept = tags.filter(([key]) => !dropped.some((pattern) => matchesWildcard(pattern, key)));
    const denied = deny.findIndex((pattern) => matchesWildcard(pattern, name));
    if (denied >= 0) return denied;
    if (allow.length > 0 && !allow.some((pattern) => matchesWildcard(pattern, name))) return deny.length;
    return { name, tags: kept };
  }

  #mapped(sent: Named): Named {
    for (const mapping of this.#mappings) {
      const mapped = mapping.apply(sent);
      if (mapped) return mapped;
    }
    return sent;
  }
}

export function rulesOf({ allow, deny }: NamingConfig): string[] {
  return [...deny.map((pattern) => `deny ${pattern}`), ...(allow.length > 0 ? ['allow'] : [])];
}

class Mapper {
  readonly #mapping: NamingConfig['mappings'][number];
  readonly #regex: RegExp;
  readonly #long: RegExp;
  readonly #quick: number;

  constructor(mapping: NamingConfig['mappings'][number]) {
    this.#mapping = mapping;
    const source = sourceOf(mapping);
    this.#quick = quickUpTo(source);
    this.#regex = new RegExp(source);
    this.#long = this.#quick < LOOKED_AT ? linear(source)! : this.#regex;
  }

  /** Null: it does not match. */
  apply({ name, tags }: Named): Named | null {
    // Nobody's metric has such a name.
    if (name.length > LOOKED_AT) return null;
    const found = (name.length > this.#quick ? this.#long : this.#regex).exec(name);
    if (!found) return null;
    const filled = (template: string) => template.replace(/\$\{?(\d+)\}?/g, (_, group) => found[Number(group)] ?? '');
    const added = Object.entries(this.#mapping.tags).map(([key, value]): Tag => [key, filled(value)]);
    // Where nothing is left of the name it is what was sent.
    return { name: filled(this.#mapping.name) || name, tags: [...tags, ...added] };
  }
}

/** As a regular expression of the whole name; `*` of a wildcard is a group. */
export function sourceOf({ match, match_type }: { match: string; match_type: 'wildcard' | 'regex' }): string {
  if (match_type === 'regex') return `^(?:${match})$`;
  const parts = match.split('*').map((part) => part.replace(/[.-]/g, '\\$&'));
  return `^${parts.join('([^.]*)')}$`;
}

const NORMALIZE: Record<NamingConfig['normalize'], (named: Named) => Named> = {
  none: (named) => named,
  // https://prometheus.io/docs/concepts/data_model/
  prometheus: ({ name, tags }) => ({
    name: notDigit(name.replace(/[^a-zA-Z0-9_:]/g, '_')),
    tags: tags.map(([key, value]): Tag => [notDigit(key.replace(/[^a-zA-Z0-9_]/g, '_')), value]),
  }),
  // https://opentelemetry.io/docs/specs/otel/metrics/api/#instrument-name-syntax
  otel: ({ name, tags }) => ({ name: named(name.replace(/[^a-zA-Z0-9_.\-/]/g, '_'), 255), tags }),
  // https://docs.datadoghq.com/metrics/custom_metrics/#naming-custom-metrics
  datadog: ({ name, tags }) => ({
    name: named(name.replace(/[^a-zA-Z0-9_.]/g, '_'), 200),
    tags: tags.map(([key, value]): Tag => [datadogTag(key), datadogTag(value).slice(0, 200)]),
  }),
};

function notDigit(name: string): string {
  return /^\d/.test(name) ? `_${name}` : name;
}

/** It begins with a letter; where there is none it is called what it is. */
function named(name: string, longest: number): string {
  return name.replace(/^[^a-zA-Z]+/, '').slice(0, longest) || 'unnamed';
}

function datadogTag(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}_\-:./]/gu, '_');
}
