/** YAML that was written for other programs, with the place of everything in it; and YAML that is made. */
import type { Fault } from './errors.ts';
import { readText } from './load.ts';
import { type MapTree, mergeTrees, readTree, type Tree } from './tree.ts';

/** Nothing is replaced in it. */
export const AS_IT_IS = { in: (text: string) => ({ text, substituted: false }) };

/** With `a.b: 1` as `a: {b: 1}`, as Elastic's programs mean it. Null: it cannot be read, and why is among the faults. */
export async function readForeign(path: string, faults: Fault[]): Promise<Tree | null> {
  const yaml = await import('yaml');
  const text = await readText(path, true, faults, 'the file');
  if (text === null) return null;
  const tree = readTree(yaml, text, path, AS_IT_IS, faults);
  const nested = nest(tree, faults);
  return faults.length > 0 ? null : nested;
}

function nest(tree: Tree, faults: Fault[]): Tree {
  if (tree.kind === 'list') return { ...tree, items: tree.items.map((item) => nest(item, faults)) };
  if (tree.kind !== 'map') return tree;
  let whole: Tree = { kind: 'map', place: tree.place, entries: new Map() };
  for (const [key, { place, value }] of tree.entries) {
    const parts = key.split('.').reverse();
    const inner = parts.reduce<Tree>(
      (below, part): MapTree => ({ kind: 'map', place, entries: new Map([[part, { place, value: below }]]) }),
      nest(value, faults),
    );
    whole = mergeTrees(whole, inner, key, faults);
  }
  return whole;
}

export async function yamlOf(value: unknown): Promise<string> {
  const yaml = await import('yaml');
  return yaml.stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
