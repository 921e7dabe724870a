/** A YAML file that is no configuration, read by a schema. Nothing in it is replaced, and it stands for itself. */
import * as v from 'valibot';
import { ConfigError, type Fault, type Path } from './errors.ts';
import { fit } from './fit.ts';
import { AS_IT_IS } from './foreign.ts';
import { optionName, readText } from './load.ts';
import type { Grammar } from './option.ts';
import { shapeOf } from './shape.ts';
import { nodeAt, placeOf, plainValue, readTree, scalarAt, type Tree, typedValue } from './tree.ts';

export interface Document<T> {
  values: T;
  /** What stands at a path, as YAML means it. */
  typed(path: Path): unknown;
  /** What is to be said of it, with its place. */
  says(path: Path, message: string): Fault;
}

/** Throws ConfigError with everything that is wrong. */
export async function loadDocument<T>(path: string, schema: Grammar<T>): Promise<Document<T>> {
  const faults: Fault[] = [];
  const yaml = await import('yaml');
  const text = await readText(path, true, faults, 'the file');
  const shape = shapeOf(schema);
  let tree: Tree = { kind: 'empty', place: { file: path, line: 1, column: 1 } };
  if (text !== null) tree = fit(readTree(yaml, text, path, AS_IT_IS, faults), shape, '', faults);
  if (faults.length === 0 && tree.kind === 'empty') faults.push({ ...tree.place, message: 'the file is empty' });
  const result = v.safeParse(schema, plainValue(tree));
  for (const issue of result.issues ?? []) {
    // What is missing or has the wrong form was said when the tree was fitted.
    if (issue.kind === 'schema') continue;
    const at = (issue.path ?? []).map((item) => item.key as string | number);
    const value = JSON.stringify(scalarAt(tree, at)?.text.slice(0, 80) ?? '');
    faults.push({ ...placeOf(tree, at), message: `${optionName(at)} ${issue.message.replaceAll('{}', () => value)}` });
  }
  if (faults.length > 0 || !result.success) throw new ConfigError(faults);
  return {
    values: result.output,
    typed: (at) => {
      const node = nodeAt(tree, at);
      return node && typedValue(node);
    },
    says: (at, message) => ({ ...placeOf(tree, at), message: `${optionName(at)} ${message}` }),
  };
}
