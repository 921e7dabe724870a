/** Which instance a series belongs to, and how many there may be. */

/** Instances of a rule, and of all; what is more is one, with the label `overflow`. */
export const MOST_INSTANCES_OF_RULE = 1000;
export const MOST_INSTANCES = 20_000;
export const OVERFLOW_LABELS = { overflow: 'true' };

export function chosenLabels(
  attributes: Readonly<Record<string, string>>,
  by: readonly string[],
): Record<string, string> {
  const some: Record<string, string> = {};
  for (const name of by) if (attributes[name] !== undefined) some[name] = attributes[name];
  return some;
}

/** The same for the same labels, whatever their order. */
export function labelKey(attributes: Readonly<Record<string, string>>): string {
  let key = '';
  for (const name of Object.keys(attributes).sort()) key += `${name}\x1f${attributes[name]}\x1e`;
  return key;
}
