/**
 * `route`: records go to another topic than the input's. The last step that applies wins; a record goes to one topic.
 *
 *   {route: logs.errors, when: {line: {contains: ERROR}}}
 *   {route: {by: tenant, topics: {acme: logs.acme, globex: logs.globex}}}     the field's value; any other stays where it is
 *
 * Topics stand in the configuration one by one: none is ever made of what a record holds.
 */
import { nearest } from '../config/errors.ts';
import { grammar, optional, WrongAt } from '../config/option.ts';
import { wrongOfTopic } from '../config/types.ts';
import { routesIn } from '../core/batch.ts';
import { fieldName } from './field.ts';
import { textOf } from './values.ts';
import type { Verb } from './verb.ts';

type RouteOptions = { topic: string } | { by: string; topics: readonly [value: string, topic: string][] };

const MOST_TOPICS = 64;
const EXAMPLE = '{route: logs.errors, when: {line: {contains: ERROR}}}';
const BY = '{by: tenant, topics: {acme: logs.acme}}';

export const route: Verb<RouteOptions> = {
  name: 'route',
  option: optional(
    grammar<RouteOptions>(
      { label: 'topic, or by and topics', json: { type: ['string', 'object'] }, example: EXAMPLE },
      (value) => {
        if (typeof value !== 'object' || value === null) return { topic: topicOf(value, []) };
        const { by, topics, ...others } = value as Record<string, unknown>;
        for (const key of Object.keys(others)) {
          const near = nearest(key, ['by', 'topics']);
          throw new WrongAt([key], `is not known: ${near ? `did you mean ${near}?` : `write ${BY}`}`);
        }
        if (by === undefined || topics === undefined) throw new WrongAt([], `needs by and topics, as in ${BY}`);
        return { by: fieldName(by, ['by']), topics: topicsBy(topics) };
      },
    ),
    'The topic that lines go to in place of the input’s, with when for some of them; or {by: FIELD, topics: {VALUE: TOPIC}}: by the value of a field, where a value that is not listed stays. ' +
      'The last step that applies wins. Each topic has a position of its own in each file; one that takes nothing holds up only the files that have lines for it.',
  ),
  fields(options, names) {
    if ('by' in options) names.read(options.by, 'by');
  },
  topics: (options) => ('by' in options ? options.topics.map(([, topic]) => topic) : [options.topic]),
  step(options, context) {
    if ('topic' in options) {
      const number = context.route(options.topic);
      return (batch, only) => {
        const routes = routesIn(batch);
        if (only) for (let i = 0; i < batch.count; i++) routes[i] = only[i] ? number : routes[i]!;
        else routes.fill(number, 0, batch.count);
      };
    }
    const { program } = context;
    const cell = program.cell(options.by);
    const numbers = new Map(options.topics.map(([value, topic]) => [value, context.route(topic)]));
    return (batch, only) => {
      const routes = routesIn(batch);
      program.rowsOf(batch);
      for (let i = 0; i < batch.count; i++) {
        if (only && !only[i]) continue;
        const value = textOf(program, batch, i, cell);
        const number = value === null ? undefined : numbers.get(value);
        if (number !== undefined) routes[i] = number;
      }
    };
  },
};

function topicOf(value: unknown, path: readonly (string | number)[]): string {
  if (typeof value !== 'string') throw new WrongAt(path, 'must be a topic');
  const wrong = wrongOfTopic(value);
  if (wrong !== null) throw new WrongAt(path, wrong.replace('{}', JSON.stringify(value)));
  return value;
}

function topicsBy(value: unknown): [value: string, topic: string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WrongAt(['topics'], `must name a topic for each value, as in ${BY}`);
  }
  const all = Object.entries(value);
  if (all.length === 0) throw new WrongAt(['topics'], 'is empty: all would stay where they are; leave the step out');
  if (new Set(Object.values(value)).size > MOST_TOPICS) {
    throw new WrongAt(['topics'], `names more than ${MOST_TOPICS} topics: each takes memory`);
  }
  return all.map(([text, topic]) => [text, topicOf(topic, ['topics', text])]);
}
