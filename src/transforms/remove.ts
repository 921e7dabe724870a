/** `remove`: fields are left out. */
import { optional } from '../config/option.ts';
import { FieldEdits } from './fields/edits.ts';
import { globMeans, globsOption, type NameGlob } from './fields/name-glob.ts';
import type { Verb } from './verb.ts';

export const remove: Verb<readonly NameGlob[]> = {
  name: 'remove',
  option: optional(
    globsOption("[caller, 'debug.*']"),
    'Fields that are left out: names, or globs with * for any characters, dots too. An object goes with all that is in it, and where nothing is left in it. Globs but NAME.* look at every member of a line, up to 64 objects within one another.',
  ),
  fields(globs, names) {
    for (const [i, { kind, name }] of globs.entries()) if (kind === 'exact') names.read(name, i);
    names.remove((name) => globs.some((glob) => globMeans(name, glob)));
  },
  step(globs, { program }) {
    const edits = new FieldEdits(program);
    edits.remove(globs);
    return (batch, only) => edits.apply(batch, only);
  },
};
