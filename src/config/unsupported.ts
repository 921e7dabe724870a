/** Options whose function this version does not have. They are refused: accepting them would promise what is not done. */
import type { Fault } from './errors.ts';
import { scalarAt, type Tree } from './tree.ts';

export interface Unsupported {
  /** `*` stands for every item of a list. */
  path: string[];
  /** Which values; none given: all. */
  values?: RegExp;
  what: string;
}

export function refuseUnsupported(tree: Tree, options: readonly Unsupported[], faults: Fault[]): void {
  for (const option of options) visit(tree, option.path, '', option, faults);
}

function visit(tree: Tree, path: string[], name: string, option: Unsupported, faults: Fault[]): void {
  const [step, ...rest] = path;
  if (step === undefined) {
    const scalar = scalarAt(tree, []);
    if (tree.kind === 'empty' || (option.values && !(scalar && option.values.test(scalar.text)))) return;
    faults.push({ ...tree.place, message: `${name}: ${option.what} is not supported in this version` });
  } else if (step === '*' && tree.kind === 'list') {
    for (const [i, item] of tree.items.entries()) visit(item, rest, `${name}[${i}]`, option, faults);
  } else if (tree.kind === 'map') {
    const entry = tree.entries.get(step);
    if (entry) visit(entry.value, rest, name === '' ? step : `${name}.${step}`, option, faults);
  }
}
