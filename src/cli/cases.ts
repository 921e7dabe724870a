/**
 * Cases of `runnel test`, a YAML file:
 *
 *   - input: shop                          # its name; or by the path
 *     path: /var/log/shop/a.json           # default: the first that the input includes
 *     lines: ['{"level":"error"}']
 *     expect:                              # the records that come of them, in any order, and no others
 *       - topic: runnel.logs               # when it matters
 *         value: {log.level: error, message: ~}   # what it holds among others; ~: it does not hold this
 */
import { loadDocument } from '../config/document.ts';
import { ConfigError } from '../config/errors.ts';
import { grammar, list, optional, required, section } from '../config/option.ts';
import { text } from '../config/types.ts';

export interface Expected {
  topic?: string;
  /** A text of a raw record, else what its document holds. */
  value: unknown;
}

export interface Case {
  input: string | null;
  path: string | null;
  lines: string[];
  expect: Expected[];
}

const anything = grammar({ label: 'map', json: {}, nulls: true }, (value) => value);

const schema = list(
  section({
    input: optional(text(), 'The name of an input.'),
    path: optional(text(), 'The path of the file that has the lines.'),
    lines: required(list(text('text in quotes')), 'The lines.'),
    expect: optional(
      list(section({ topic: optional(text(), 'The topic.'), value: required(anything, 'What it holds.') })),
      'The records that come of them; [] for none.',
    ),
  }),
);

const NO_EXPECTATION = 'needs expect: the records that come of its lines, [] where all are dropped';

/** Throws ConfigError. */
export async function loadCases(file: string): Promise<Case[]> {
  const { values, typed, says } = await loadDocument(file, schema);
  const faults = values.flatMap(({ expect }, i) => (expect ? [] : [says([i], NO_EXPECTATION)]));
  if (faults.length > 0) throw new ConfigError(faults);
  return values.map(({ input, path, lines, expect }, i) => ({
    input: input ?? null,
    path: path ?? null,
    lines,
    expect: (expect ?? []).map(({ topic }, j) => {
      return { ...(topic !== undefined && { topic }), value: typed([i, 'expect', j, 'value']) };
    }),
  }));
}
