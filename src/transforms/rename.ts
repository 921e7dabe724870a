/** `rename`: fields get other names, objects with all that is in them. What had the new name is overwritten. */
import { grammar, optional, WrongAt } from '../config/option.ts';
import { fieldName, madeName } from './field.ts';
import { FieldEdits } from './fields/edits.ts';
import type { Verb } from './verb.ts';
import { entriesOf } from './written.ts';

const EXAMPLE = '{msg: message}';

export const rename: Verb<readonly [string, string][]> = {
  name: 'rename',
  option: optional(
    grammar({ label: 'map of names', json: { type: 'object' }, example: EXAMPLE }, (value) => {
      const renames = entriesOf(value, EXAMPLE, (old, next, path) => {
        const names: [string, string] = [fieldName(old, path), madeName(next, path)];
        const [one, other] = names;
        if (one === other) throw new WrongAt(path, 'is its name already');
        if (overlap(one, other)) {
          throw new WrongAt(path, 'would put a field within itself, or in place of what it is in: use another name');
        }
        return names;
      });
      for (const [old, next] of renames) {
        const after = renames.find(([other]) => other !== old && overlap(other, next));
        if (after) {
          throw new WrongAt(
            [old],
            `comes to ${next}, and ${after[0]} is renamed beside it: which comes first? Make two steps`,
          );
        }
      }
      return renames;
    }),
    'Fields get other names: {OLD: NEW, ...}. An object is renamed with all that is in it; what had the new name is overwritten.',
  ),
  fields(renames, names) {
    for (const [old, next] of renames) names.rename(old, next, old);
  },
  step(renames, { program }) {
    const edits = new FieldEdits(program);
    for (const [old, next] of renames) edits.rename(old, next);
    return (batch, only) => edits.apply(batch, only);
  },
};

/** Whether one of the names is the other, or is within it. */
function overlap(one: string, other: string): boolean {
  return `${one}.`.startsWith(`${other}.`) || `${other}.`.startsWith(`${one}.`);
}
