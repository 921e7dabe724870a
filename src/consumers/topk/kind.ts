/** `sink.topk` in the table of consumers. */
import type { ConsumerKind } from '../kind.ts';
import { topkFigures } from './figures.ts';
import { checkTopk, completeTopk, type TopkOptions, topkOption } from './options.ts';

export const topk: ConsumerKind<'topk', TopkOptions> = {
  name: 'topk',
  summary: 'rankings of metrics by time windows, kept in Redis',
  options: topkOption,
  consumers: (raw, config) =>
    completeTopk(raw, config).map((options, i) => ({
      id: options.group,
      path: ['sink', 'topk', i],
      group: options.group,
      session_timeout: options.session_timeout,
      topics: options.topics,
      options,
    })),
  check(specs, _, refuse, warn) {
    for (const { path, options } of specs) checkTopk(options, path, refuse, warn);
    const seen = new Set<string>();
    for (const { path, options } of specs) {
      options.rankings.forEach(({ name }, i) => {
        const place = [...path, 'rankings', i, 'name'];
        if (seen.has(name)) refuse(place, `is ${name}, as of another entry: runnel topk could not tell them apart`);
      });
      for (const { name } of options.rankings) seen.add(name);
    }
  },
  setup: async (spec) => (await import('./setup.ts')).setUpTopk(spec),
  figures: topkFigures,
  open: async (spec, host) => new (await import('./open.ts')).TopkConsumer(spec, host),
};
