/**
 * Fits a file's tree to the shape of the schema, before files are merged: unknown keys are named with their nearest
 * known one, a single value becomes a list where a list is wanted, a map where a list is wanted is refused, and so on.
 * What comes out has the schema's shape; only the scalars are still to be read.
 */
import { either, type Fault, MOST_FAULTS, nearest } from './errors.ts';
import type { LeafInfo } from './option.ts';
import type { Field, Shape } from './shape.ts';
import { ODD_SPACE, PLAIN_SPACE } from './syntax.ts';
import type { MapTree, Tree } from './tree.ts';

export function fit(tree: Tree, shape: Shape, name: string, faults: Fault[]): Tree {
  const empty: Tree = { kind: 'empty', place: tree.place };
  const refuse = (message: string): Tree => {
    faults.push({ ...tree.place, message: name === '' ? `the file ${message}` : `${name} ${message}` });
    return empty;
  };
  if (tree.kind === 'empty')
    return shape.kind === 'list' && shape.none ? { kind: 'list', place: tree.place, items: [] } : tree;
  if (faults.length > MOST_FAULTS) return empty;
  switch (shape.kind) {
    case 'leaf':
      if (tree.kind === 'scalar') return tree;
      return refuse(
        `must be a single value (${shape.info.label}), ${shape.info.example === undefined ? '' : `for example ${shape.info.example}, `}not a ${tree.kind}`,
      );
    case 'grammar':
      return isWhole(tree, name, undefined, shape.info, faults) ? tree : empty;
    case 'choice':
      return fitChoice(tree, shape, name, faults);
    case 'list': {
      if (tree.kind === 'map' && shape.single) {
        return { kind: 'list', place: tree.place, items: [fit(tree, shape.item, name, faults)] };
      }
      if (tree.kind === 'map' || (tree.kind === 'scalar' && shape.item.kind === 'map'))
        return refuse(`is a list: ${asList(tree, shape.item, name)}`);
      const given = tree.kind === 'scalar' ? [tree] : tree.items;
      const all = shape.commas ? given.flatMap(parted) : given;
      if (tree.kind === 'scalar' && all.length === 1)
        return { kind: 'list', place: tree.place, items: [fit(tree, shape.item, name, faults)] };
      const items: Tree[] = [];
      for (const [i, item] of all.entries()) {
        // An empty item would shift the ones behind it away from their places.
        if (item.kind === 'empty') {
          if (!isFaulty(item, faults)) faults.push({ ...item.place, message: `${name}[${i}] is empty` });
        } else items.push(fit(item, shape.item, `${name}[${i}]`, faults));
      }
      return { kind: 'list', place: tree.place, items };
    }
    case 'dictionary':
      if (tree.kind !== 'map') return refuse(`must be a map, for example ${shape.example}, not ${article(tree)}`);
      return fitEntries(tree, () => shape.value, name, faults);
    case 'map':
      if (shape.orFalse && tree.kind === 'scalar') return tree;
      if (tree.kind !== 'map') {
        const [first] = [...shape.fields.entries()].find(([, { required }]) => required) ?? [...shape.fields][0]!;
        if (name === '') return refuse(`must be a map with keys such as ${first}, not ${article(tree)}`);
        return refuse(`is a map: write ${shape.write ?? mapOf(first, tree, name)}`);
      }
      return fitMap(tree, shape, name, faults);
  }
}

function fitChoice(tree: Tree, shape: Shape & { kind: 'choice' }, name: string, faults: Fault[]): Tree {
  const { fields, beside, info } = shape;
  const refuse = (message: string): Tree => {
    faults.push({ ...tree.place, message: `${name} ${message}` });
    return { kind: 'empty', place: tree.place };
  };
  const keys = [...fields.keys()];
  const wanted = `${either(keys)}, for example ${info.example}`;
  if (tree.kind === 'scalar') {
    const { what, known } = info.named;
    if (known.includes(tree.text)) return tree;
    if (tree.substituted) return refuse(`must be a ${what}: what \${...} put here is none, and is not shown`);
    const text = JSON.stringify(tree.text.slice(0, 80));
    if (keys.includes(tree.text))
      return refuse(`is only ${text}: write it with what it is to do, for example ${info.example}`);
    const near = nearest(tree.text, [...known, ...keys]);
    const list = known.length > 0 ? `; a ${what} is one of ${known.join(', ')}` : '';
    return refuse(
      `is no ${what}: ${text}${near ? `, did you mean ${near}?` : `: it must be a map with ${wanted}${list}`}`,
    );
  }
  if (tree.kind !== 'map') return refuse(`must be a map with ${wanted}, not ${article(tree)}`);
  const chosen = [...tree.entries.keys()].filter((key) => fields.has(key));
  if (chosen.length > 1) return refuse(`has ${chosen.join(' and ')}: make a step of each, in the order they are meant`);
  const [other, entry] = [...tree.entries].find(([key]) => !fields.has(key) && info.others?.[key]) ?? [];
  if (other !== undefined) {
    faults.push({ ...entry!.place, message: `unknown key ${other} in ${name}: write ${info.others![other]}` });
    return { kind: 'empty', place: tree.place };
  }
  const unknown = [...tree.entries.keys()].some((key) => !fields.has(key) && !beside.has(key));
  if (chosen.length === 0 && !unknown) return refuse(`needs ${wanted}`);
  const told = faults.length;
  const fitted = fitMap(tree, { kind: 'map', fields: new Map([...fields, ...beside]), orFalse: false }, name, faults);
  for (const [key, { place, value }] of tree.entries) {
    if (value.kind === 'empty') faults.push({ ...place, message: `${name}.${key} is empty` });
  }
  return faults.length > told ? { kind: 'empty', place: tree.place } : fitted;
}

function fitMap(tree: MapTree, shape: Shape & { kind: 'map' }, name: string, faults: Fault[]): Tree {
  const fitted = fitEntries(
    tree,
    (key, place) => {
      const field = shape.fields.get(key);
      if (field) return field.shape;
      faults.push({ ...place, message: unknownKey(key, name, shape, tree.entries.get(key)!.value) });
      return null;
    },
    name,
    faults,
  );
  for (const [key, field] of shape.fields) {
    const entry = tree.entries.get(key);
    const needed = field.required && !(shape.unless !== undefined && tree.entries.has(shape.unless));
    if (needed && (!entry || isEmpty(entry.value))) {
      // An empty one may be what a fault that was told already has left, and a missing one may have another name there.
      if (entry ? isFaulty(entry.value, faults) : isMeant(key, name, faults)) continue;
      faults.push({ ...(entry?.place ?? tree.place), message: `${name} needs ${key}: ${firstSentence(field.text)}` });
    } else if (field.fallback === undefined && field.shape.kind === 'map' && entry?.value.kind === 'empty') {
      faults.push({
        ...entry.place,
        message: `${name === '' ? key : `${name}.${key}`} is empty: write ${field.shape.write ?? `${key}: {} for its defaults`}, or leave it out`,
      });
    }
  }
  return fitted;
}

function fitEntries(
  tree: MapTree,
  shapeFor: (key: string, place: MapTree['place']) => Shape | null,
  name: string,
  faults: Fault[],
): MapTree {
  const entries: MapTree['entries'] = new Map();
  for (const [key, entry] of tree.entries) {
    if (faults.length > MOST_FAULTS) break;
    const shape = shapeFor(key, entry.place);
    if (!shape) continue;
    const path = name === '' ? key : `${name}.${key}`;
    entries.set(key, { place: entry.place, value: fit(entry.value, shape, path, faults) });
  }
  return { kind: 'map', place: tree.place, entries };
}

/** Within what has a grammar of its own there are no defaults. `key`: the last one above it. */
function isWhole(tree: Tree, name: string, key: string | undefined, info: LeafInfo, faults: Fault[]): boolean {
  const refuse = (message: string) => {
    faults.push({ ...tree.place, message: `${name} ${message}` });
    return false;
  };
  if (tree.kind === 'empty') {
    // It may be what a fault that was told already has left.
    if (isFaulty(tree, faults)) return false;
    return info.nulls || refuse(`is empty${info.empty ? `: ${info.empty}` : ''}`);
  }
  if (tree.kind === 'scalar') {
    if (!tree.odd || !info.numbers?.(key)) return true;
    return refuse(
      `is a number that is compared as it is written, and YAML reads ${tree.text.slice(0, 80)} as another: quote it`,
    );
  }
  const parts =
    tree.kind === 'list'
      ? tree.items.map((item, i) => isWhole(item, `${name}[${i}]`, key, info, faults))
      : [...tree.entries].map(([inner, { value }]) => isWhole(value, `${name}.${inner}`, inner, info, faults));
  return parts.every((is) => is);
}

function isEmpty(tree: Tree): boolean {
  return tree.kind === 'empty' || (tree.kind === 'list' && tree.items.length === 0);
}

function firstSentence(text: string): string {
  const first = text.split('. ')[0]!.replace(/\.$/, '');
  return first.charAt(0).toLowerCase() + first.slice(1);
}

/** Whether a key that is not known was told to be meant for this one. */
export function isMeant(key: string, name: string, faults: readonly Fault[]): boolean {
  const where = placed(name);
  return faults.some(
    ({ message }) =>
      message.startsWith(`unknown key ${key}:...${where}: `) ||
      (message.startsWith('unknown key ') && message.endsWith(`${where}: did you mean ${key}?`)),
  );
}

/** ` in logs`, for any of them. */
function placed(name: string): string {
  const list = name.replace(/\[\d+\]$/, '');
  return list === '' ? '' : ` in ${list}`;
}

export function isFaulty({ place }: Tree, faults: readonly Fault[]): boolean {
  return faults.some((f) => f.file === place.file && f.line === place.line && f.column === place.column);
}

function unknownKey(key: string, name: string, shape: Shape & { kind: 'map' | 'choice' }, value: Tree): string {
  const { fields } = shape;
  const where = placed(name);
  if (ODD_SPACE.test(key)) return PLAIN_SPACE;
  const colon = key.indexOf(':');
  // `password:hunter2`: what follows the colon is a value, and maybe a secret.
  if (colon > 0) return `unknown key ${key.slice(0, colon)}:...${where}: put a space after the colon`;
  const brace = /^(\w+)\s*[[{]/.exec(key)?.[1];
  if (brace !== undefined) return `unknown key ${key.slice(0, 40)}${where}: put a colon after ${brace}`;
  const found = [...fields].find(([, { elsewhere }]) => elsewhere.includes(key))?.[0];
  const known = [...fields.keys()];
  const near = found ?? nearest(key, known);
  if (near) return `unknown key ${key}${where}: did you mean ${near}?`;
  if (/^(enabled?|on)$/.test(key) && name !== '') return `unknown key ${key}${where}: ${switched(shape, value)}`;
  const inside = within(key, name, fields);
  if (inside) return `unknown key ${key}${where}: did you mean ${inside}?`;
  return `unknown key ${key}${where}: known keys are ${known.join(', ')}`;
}

/** `enabled: false` and the like. */
function switched(shape: Shape, value: Tree): string {
  const off = value.kind === 'scalar' && /^(false|no|off)$/i.test(value.text);
  if (!off) return 'leave it out: what is written is on';
  const none = shape.kind === 'map' && / or (.* for none)$/.exec(shape.write ?? '')?.[1];
  return none ? `write ${none}` : 'leave all of it out';
}

/** The option of this name, or that others call so, one level below. */
function within(key: string, name: string, fields: ReadonlyMap<string, Field>): string | null {
  for (const [outer, { shape }] of fields) {
    const [of, map] = shape.kind === 'list' ? ['[]', shape.item] : ['', shape];
    if (map.kind !== 'map') continue;
    for (const [inner, { elsewhere }] of map.fields) {
      const joined =
        key.startsWith(outer) && /^[._-]$/.test(key.slice(outer.length, -inner.length)) && key.endsWith(inner);
      if (inner === key || joined || elsewhere.includes(key))
        return [name, `${outer}${of}`, inner].filter(Boolean).join('.');
    }
  }
  return null;
}

/** What would be a list: `write logs: [{include: ...}]`. */
function asList(tree: Tree, item: Shape, name: string): string {
  const key = lastOf(name);
  if (item.kind === 'choice') return `write ${key}: [${item.info.example}]`;
  if (item.kind !== 'map') return `write ${key}: [${item.kind === 'leaf' ? (item.info.example ?? '...') : '...'}]`;
  const first = [...item.fields].find(([, { required }]) => required)?.[0] ?? [...item.fields.keys()][0]!;
  if (tree.kind !== 'map') return `write ${key}: [{${first}: ${shown(tree)}}]`;
  // `logs: {nginx: {include: ...}}`
  const named = [...tree.entries].find(([entry, { value }]) => value.kind === 'map' && !item.fields.has(entry))?.[0];
  if (named !== undefined && item.fields.has('name') && /^[\w.-]+$/.test(named))
    return `write ${key}: [{name: ${named}, ...}]`;
  const has = [...tree.entries.keys()].find((entry) => item.fields.has(entry));
  return `write ${key}: [{${has ?? first}: ...}]`;
}

function mapOf(first: string, tree: Tree, name: string): string {
  const map = `{${first}: ${shown(tree)}}`;
  return name.endsWith(']') ? map : `${lastOf(name)}: ${map}`;
}

/** A value that is meant, where it is one and no secret. */
function shown(tree: Tree): string {
  return tree.kind === 'scalar' &&
    !tree.substituted &&
    /^[\w./*:@-]{1,80}$/.test(tree.text) &&
    !/^(true|false|yes|no|on|off)$/i.test(tree.text)
    ? tree.text
    : '...';
}

function lastOf(name: string): string {
  return name.replace(/^.*\./, '');
}

/** `a, b` as two. */
function parted(tree: Tree): Tree[] {
  if (tree.kind !== 'scalar' || !tree.text.includes(',')) return [tree];
  const texts = tree.text.split(',').map((text) => text.trim());
  return texts.filter((text) => text !== '').map((text) => ({ ...tree, text }));
}

function article(tree: Tree): string {
  return tree.kind === 'scalar' ? 'a single value' : `a ${tree.kind}`;
}
