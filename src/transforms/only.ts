/** `only`: all fields but some are left out. */
import { optional } from '../config/option.ts';
import { FieldEdits } from './fields/edits.ts';
import { globMeans, globsOption, type NameGlob } from './fields/name-glob.ts';
import type { Verb } from './verb.ts';

export const only: Verb<readonly NameGlob[]> = {
  name: 'only',
  option: optional(
    globsOption("[message, log.level, 'http.*']"),
    'The fields that stay, written as with remove; all others are left out. What the envelope says stays, and error.type.',
  ),
  fields(globs, names) {
    for (const [i, { kind, name }] of globs.entries()) if (kind === 'exact') names.read(name, i);
    names.only((name) => globs.some((glob) => globMeans(name, glob)));
  },
  step(globs, { program }) {
    const edits = new FieldEdits(program);
    edits.only(globs);
    return (batch, chosen) => edits.apply(batch, chosen);
  },
};
