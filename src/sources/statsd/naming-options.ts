/** What series are called, as it is configured: mappings, prefix, normalize, drop_tags, allow, deny. */
import { obstacle } from '../../config/backtracking.ts';
import { dictionary, list, option, required, section, type Values } from '../../config/option.ts';
import { oneOf, text } from '../../config/types.ts';
import { sourceOf } from './naming.ts';

/** Each is counted by itself. */
export const MOST_RULES = 64;

const mapping = section({
  match: required(text('pattern of a name', 'test.job.*.*'), 'What the whole name must match.'),
  match_type: option(
    oneOf('wildcard', 'regex'),
    'wildcard',
    'wildcard: each * stands for characters other than a point, and is a group. regex: a regular expression.',
  ),
  name: required(text('name', 'test.job'), 'What it is called then; $1 or ${1} is what the first group matched.'),
  tags: option(dictionary(text()), {}, 'Tags that are added; with $1, too.'),
});

const dropTags = section({
  metric: option(
    text('pattern of a name', 'http.*'),
    '*',
    'The names, as they are called then; * stands for anything.',
  ),
  tags: required(list(text('tag', 'user_id')), 'Keys of tags that are left out; * stands for anything.'),
});

export const namingFields = {
  mappings: option(
    list(mapping),
    [],
    'New names, and tags made of parts of them, as Datadog has it; the first that matches.',
  ),
  prefix: option(text('text', 'app.'), '', 'Put before each name, as it is.'),
  normalize: option(
    oneOf('none', 'prometheus', 'otel', 'datadog'),
    'none',
    'Names (and, but for otel, tags) as these take them; what they do not is `_`.',
  ),
  drop_tags: option(
    list(dropTags),
    [],
    'Tags that are left out, by names; series that differ in them only are one then.',
  ),
  allow: option(
    list(text('pattern of a name', 'app.*')),
    [],
    'Names that are sent, as they are called then; * stands for anything. []: all. What is left out is counted as filtered.',
  ),
  deny: option(
    list(text('pattern of a name', 'debug.*')),
    [],
    'Names that are not sent; counted as filtered, by pattern.',
  ),
};

const namingSection = section(namingFields);
export type NamingConfig = Values<typeof namingSection>;

/** Says what can never work. Places are within `statsd`. */
export function checkNaming(
  { mappings, allow, deny }: NamingConfig,
  refuse: (path: readonly (string | number)[], message: string) => void,
): void {
  if (allow.length + deny.length > MOST_RULES)
    refuse(['deny'], `has too many patterns: at most ${MOST_RULES} with allow`);
  for (const [i, mapping] of mappings.entries()) {
    const wrong = faultOf(mapping);
    if (wrong !== null) {
      refuse(['mappings', i, 'match'], wrong);
      continue;
    }
    const groups = new RegExp(`${sourceOf(mapping)}|`).exec('')!.length - 1;
    const templates = [
      ['name', mapping.name],
      ...Object.entries(mapping.tags).map(([key, value]) => [`tags.${key}`, value]),
    ];
    for (const [key, template] of templates) {
      const beyond = [...template!.matchAll(/\$\{?(\d+)\}?/g)].find(([, group]) => Number(group) > groups);
      if (beyond)
        refuse(
          ['mappings', i, ...key!.split(/\.(.*)/s).filter(Boolean)],
          `has ${beyond[0]}, and match has ${groups} groups`,
        );
    }
  }
}

function faultOf(mapping: NamingConfig['mappings'][number]): string | null {
  const { match, match_type } = mapping;
  if (match === '') return 'must not be empty';
  if (match_type === 'wildcard') {
    if (match.includes('**')) return 'has ** : one * stands for characters other than a point, and each part needs one';
    if (/^[a-zA-Z0-9_.*-]+$/.test(match)) return null;
    return 'may hold letters, digits, _ - . and *; with match_type: regex it is a regular expression';
  }
  try {
    new RegExp(match);
  } catch (error) {
    return `is no regular expression: ${(error as Error).message.split(': ').at(-1)}`;
  }
  const part = obstacle(sourceOf(mapping));
  return part === null ? null : `may take very long on some names: write it without ${part}`;
}
