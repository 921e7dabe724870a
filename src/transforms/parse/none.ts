/** `none`, the last of a list of formats: what was none of those before it is no failure, and goes on as a line. */
import type { ParseFormat } from './format.ts';

export const none: ParseFormat<object> = {
  name: 'none',
  text: 'Any line, left as it is: the last of a list.',
  option: false,
  fields: (_, names) => names.make(['message']),
  make:
    (_, { program }) =>
    ({ count }) => {
      program.texts.todo.fill(0, 0, count);
    },
};
