/** `traces.sampling`: which spans go on. */
import {
  alternative,
  calledElsewhere,
  dictionary,
  type Leaf,
  leaf,
  list,
  option,
  optional,
  section,
  Wrong,
} from '../../config/option.ts';
import { duration, name, oneOf, text, yesNo } from '../../config/types.ts';

export const STATUSES = ['unset', 'ok', 'error'] as const;
const MOST_A_SECOND = 10_000_000;

const rule = section({
  name: optional(name('text', 'slow'), 'What it is called in status and figures; without it by its number.'),
  status: optional(oneOf(...STATUSES), 'Of the span.'),
  slower_than: optional(duration(), 'Spans that took longer.'),
  service: optional(text('glob', 'health*'), 'service.name of what sent it.'),
  operation: calledElsewhere(
    ['span', 'span_name', 'route'],
    optional(text('glob', 'GET /health*'), 'The name of the span.'),
  ),
  attributes: optional(
    dictionary(text('glob')),
    'Attributes of the span and their values, for example {http.route: /api/*}.',
  ),
  keep: alternative(yesNo(), 'true: they go on. false: they do not.'),
  probability: optional(probability(), 'So many go on, all or none of a trace.'),
  limit: optional(rate(), 'At most so many spans a second of those that go on by this rule.'),
});

/** What a section may hold is checked by `checkSampling`. */
export function sampling() {
  return section({
    probability: option(
      probability(),
      '1',
      'So many spans go on where no rule says otherwise: all or none of a trace, on every host alike (OpenTelemetry consistent probability sampling).',
    ),
    rules: option(list(rule), [], 'The first one that matches decides. What none matches goes by probability.'),
    limit: optional(rate(), 'At most so many spans a second go on by probability.'),
    write_threshold: option(
      yesNo(),
      'true',
      'Notes the probability in the tracestate of the spans (ot=th:...), so that what counts them behind can weigh them.',
    ),
  });
}

interface Rule {
  keep?: boolean | undefined;
  probability?: number | undefined;
  [condition: string]: unknown;
}

/** What a rule needs beside what its schema says. */
export function checkSampling(
  { rules }: { rules: readonly object[] },
  refuse: (path: (string | number)[], message: string) => void,
): void {
  for (const [i, one] of rules.entries()) {
    const { keep, probability, name: _, limit: __, ...conditions } = one as Rule;
    if (Object.values(conditions).every((value) => value === undefined))
      refuse(['rules', i], 'needs what it is for: status, slower_than, service, operation or attributes');
    if ((keep === undefined) === (probability === undefined))
      refuse(['rules', i], `needs ${keep === undefined ? '' : 'only one of '}keep: true or probability`);
  }
}

/** A part of all, both ends included. */
export function probability(): Leaf<number> {
  return leaf(
    { label: 'number from 0 to 1', json: { type: 'number', minimum: 0, maximum: 1 }, example: '0.1' },
    (value) => {
      const number = /^(\d+(\.\d*)?|\.\d+)(e-?\d+)?$/i.test(value.trim()) ? Number(value) : Number.NaN;
      if (number >= 0 && number <= 1) return number;
      const percent = /^(\d+(\.\d+)?)\s*%$/.exec(value.trim())?.[1];
      const meant = percent === undefined ? '' : `: write ${Number((Number(percent) / 100).toPrecision(12))}`;
      throw new Wrong(`must be a number from 0 to 1, for example 0.1, not {}${meant}`);
    },
  );
}

/** Spans a second. */
export function rate(): Leaf<number> {
  const json = { type: 'string', pattern: '^\\d+/s$' };
  return leaf({ label: 'number a second', json, example: '1000/s' }, (value) => {
    const count = Number(/^(\d{1,9})\/s$/.exec(value.trim())?.[1] ?? Number.NaN);
    if (count >= 1 && count <= MOST_A_SECOND) return count;
    throw new Wrong(`must be spans a second, from 1/s to ${MOST_A_SECOND}/s, for example 1000/s, not {}`);
  });
}
