/**
 * A configuration file as a tree of maps, lists and scalars in which everything knows its place.
 *
 * `readTree` turns YAML 1.2 into it: scalars stay text (what they mean is the option's business), `${...}` is replaced,
 * aliases and `<<` are followed within bounds. `mergeTrees` lays conf.d over the main file.
 */
import type { Alias, LineCounter, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { characterIn } from './characters.ts';
import { type Fault, type FilePlace, formatPlace } from './errors.ts';
import { Wrong } from './option.ts';
import { mask, type Substitute, unmask } from './substitute.ts';
import { syntaxFaults } from './syntax.ts';

export interface ScalarTree {
  kind: 'scalar';
  place: FilePlace;
  text: string;
  /** The environment or a file went into it: never shown. */
  substituted: boolean;
  /** Where a character of the text stands. */
  placeOf: (character: number) => FilePlace;
  /** What YAML makes of it. */
  value: string | number | boolean;
  /** That is a number which is written otherwise as a rule: 0x10, 007, 1e3, 2.50. */
  odd: boolean;
}
export interface ListTree {
  kind: 'list';
  place: FilePlace;
  items: Tree[];
}
export interface MapTree {
  kind: 'map';
  place: FilePlace;
  /** `place` is the key's. */
  entries: Map<string, { place: FilePlace; value: Tree }>;
}
/** `key:` with nothing behind it: the default. */
export interface EmptyTree {
  kind: 'empty';
  place: FilePlace;
}
export type Tree = ScalarTree | ListTree | MapTree | EmptyTree;

const MAX_DEPTH = 20;
const MAX_NODES = 200_000;
const AS_A_RULE = /^-?(0|[1-9]\d*)(\.\d*[1-9])?$/;

export type Yaml = typeof import('yaml');

/** Reads one file's text. Faults are added to `faults`; what could be read is returned. */
export function readTree(yaml: Yaml, text: string, file: string, substitution: Substitute, faults: Fault[]): Tree {
  const lines = new yaml.LineCounter();
  const empty: EmptyTree = { kind: 'empty', place: { file, line: 1, column: 1 } };
  const { masked, deep } = mask(text);
  const tooDeep = deep ?? deepBracket(yaml, masked);
  if (tooDeep !== null) {
    const what = deep === null ? 'brackets and braces' : '${';
    faults.push({ ...placeIn(text, tooDeep, file), message: `too many ${what} within each other` });
    return empty;
  }
  const document = yaml.parseDocument(masked, {
    version: '1.2',
    prettyErrors: false,
    uniqueKeys: false,
    lineCounter: lines,
    merge: true,
  });
  const reader = new TreeReader(yaml, masked, lines, file, substitution, faults);
  const saidOf = new Set<number>();
  const placeOf = (offset: number) => reader.place(offset);
  for (const { offset, message } of syntaxFaults(yaml, masked, document, placeOf)) {
    const place = reader.place(offset);
    // One mistake makes several errors on its line.
    if (!saidOf.has(place.line)) reader.fault(place, message);
    saidOf.add(place.line);
  }
  if (document.errors.length > 0 || saidOf.size > 0) return empty;
  return reader.read(document.contents as Node | null, 0, 0);
}

/** More of them open at once take the parser long, and then too long. */
const MAX_BRACKETS = 200;

/** Where a bracket or brace of YAML's is open within too many others. */
function deepBracket(yaml: Yaml, text: string): number | null {
  let depth = 0;
  let at = 0;
  for (const token of new yaml.Lexer().lex(text)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    if (depth > MAX_BRACKETS) return at;
    // Characters of the lexer's own stand for nothing in the text.
    if (!/^[\x02\x18\x1f]$/.test(token)) at += token.length;
  }
  return null;
}

function placeIn(text: string, offset: number, file: string): FilePlace {
  const before = text.slice(0, offset).split('\n');
  return { file, line: before.length, column: before.at(-1)!.length + 1 };
}

class TreeReader {
  readonly #yaml: Yaml;
  readonly #text: string;
  readonly #lines: LineCounter;
  readonly #file: string;
  readonly #substitution: Substitute;
  readonly #faults: Fault[];
  #nodes = 0;
  /** The last node of each anchor. Not those that are read again through an alias. */
  readonly #anchors = new Map<string, Node>();
  #aliased = 0;

  constructor(yaml: Yaml, text: string, lines: LineCounter, file: string, substitution: Substitute, faults: Fault[]) {
    this.#yaml = yaml;
    this.#text = text;
    this.#lines = lines;
    this.#file = file;
    this.#substitution = substitution;
    this.#faults = faults;
  }

  place(offset: number): FilePlace {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  fault(place: FilePlace, message: string): void {
    this.#faults.push({ ...place, message });
  }

  /** `at` is where to point when the node has no place of its own. */
  read(node: Node | null, at: number, depth: number): Tree {
    const place = this.place(node?.range?.[0] ?? at);
    if (node === null) return { kind: 'empty', place };
    if (depth > MAX_DEPTH || ++this.#nodes > MAX_NODES) {
      // Once, not for each of the nodes that a bomb of aliases would still give.
      if (depth > MAX_DEPTH || this.#nodes === MAX_NODES + 1)
        this.fault(place, 'is nested too deep, or grows too large through its aliases');
      return { kind: 'empty', place };
    }
    if (this.#yaml.isAlias(node)) {
      const target = this.#anchors.get((node as Alias).source);
      if (target) {
        this.#aliased++;
        const tree = this.read(target, at, depth + 1);
        this.#aliased--;
        return tree;
      }
      this.fault(place, 'this alias has no anchor: a text that begins with * needs quotes');
      return { kind: 'empty', place };
    }
    this.#note(node as Scalar | YAMLMap | YAMLSeq);
    if (this.#yaml.isMap(node)) return this.#readMap(node as YAMLMap, place, depth);
    if (this.#yaml.isSeq(node)) {
      const items = (node as YAMLSeq).items.map((item) => this.read(item as Node, node.range?.[0] ?? at, depth + 1));
      return { kind: 'list', place, items };
    }
    return this.#readScalar(node as Scalar, place);
  }

  #note(node: Scalar | YAMLMap | YAMLSeq): void {
    if (node.anchor !== undefined && this.#aliased === 0) this.#anchors.set(node.anchor, node);
  }

  #readScalar(node: Scalar, place: FilePlace): Tree {
    const plain = node.type === 'PLAIN' || node.type === undefined;
    const source = plain && typeof node.source === 'string' ? node.source : String(node.value ?? '');
    if (plain && node.value === null) return { kind: 'empty', place };
    try {
      const { text, substituted } = this.#substitution.in(unmask(source));
      if (plain && substituted && text.trim() === '') return { kind: 'empty', place };
      const [from = 0, to = 0] = node.range ?? [];
      const raw = this.#text.slice(from, to);
      const placeOf = (character: number) =>
        substituted ? place : this.place(from + characterIn(raw, node.type, character));
      const read = plain && !substituted ? node.value : null;
      const value = typeof read === 'number' || typeof read === 'boolean' ? read : text;
      return {
        kind: 'scalar',
        place,
        text,
        substituted,
        placeOf,
        value,
        odd: typeof value === 'number' && !AS_A_RULE.test(text),
      };
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      this.fault(place, error.message);
      return { kind: 'empty', place };
    }
  }

  #readMap(node: YAMLMap, place: FilePlace, depth: number): MapTree {
    const entries: MapTree['entries'] = new Map();
    const merged: Tree[] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const keyAt = pair.key?.range?.[0] ?? node.range?.[0] ?? 0;
      const keyPlace = this.place(keyAt);
      if (!this.#yaml.isScalar(pair.key)) {
        this.fault(keyPlace, 'a key must be a word');
        continue;
      }
      this.#note(pair.key);
      const key = unmask(typeof pair.key.source === 'string' ? pair.key.source : String(pair.key.value));
      const value = this.read(pair.value, keyAt, depth + 1);
      if (key === '<<' && pair.key.type === 'PLAIN') {
        merged.push(...(value.kind === 'list' ? value.items : [value]));
        continue;
      }
      const had = entries.get(key);
      if (had) this.fault(keyPlace, `${key} is set twice: here and at ${formatPlace(had.place)}`);
      else entries.set(key, { place: keyPlace, value });
    }
    // What the map says itself, and what was merged first, wins.
    for (const tree of merged) {
      if (tree.kind !== 'map') this.fault(tree.place, '<< needs a map, or a list of maps');
      else for (const [key, entry] of tree.entries) if (!entries.has(key)) entries.set(key, entry);
    }
    return { kind: 'map', place, entries };
  }
}

/** Lays `over` on `base`: maps merge, lists append, a scalar that both set is a fault. */
export function mergeTrees(base: Tree, over: Tree, name: string, faults: Fault[]): Tree {
  if (over.kind === 'empty') return base;
  if (base.kind === 'empty') return over;
  if (base.kind === 'map' && over.kind === 'map') {
    const entries = new Map(base.entries);
    for (const [key, entry] of over.entries) {
      const had = entries.get(key);
      const path = name === '' ? key : `${name}.${key}`;
      entries.set(key, had ? { place: had.place, value: mergeTrees(had.value, entry.value, path, faults) } : entry);
    }
    return { kind: 'map', place: base.place, entries };
  }
  if (base.kind === 'list' && over.kind === 'list') {
    return { kind: 'list', place: base.place, items: [...base.items, ...over.items] };
  }
  faults.push({ ...over.place, message: `${name} is set twice: here and at ${formatPlace(base.place)}` });
  return base;
}

/** What stands at a path, or the nearest thing around it. */
export function placeOf(tree: Tree, path: readonly (string | number)[]): FilePlace {
  let at = tree;
  let place = tree.place;
  for (const step of path) {
    let next: Tree | undefined;
    if (at.kind === 'list' && typeof step === 'number') next = at.items[step];
    else if (at.kind === 'map') next = at.entries.get(String(step))?.value;
    if (!next) break;
    place = next.place;
    at = next;
  }
  return place;
}

/** What stands at a path, undefined where nothing does. */
export function nodeAt(tree: Tree, path: readonly (string | number)[]): Tree | undefined {
  let at: Tree | undefined = tree;
  for (const step of path) {
    if (at?.kind === 'list' && typeof step === 'number') at = at.items[step];
    else if (at?.kind === 'map') at = at.entries.get(String(step))?.value;
    else return undefined;
  }
  return at;
}

export function scalarAt(tree: Tree, path: readonly (string | number)[]): ScalarTree | null {
  const at = nodeAt(tree, path);
  return at?.kind === 'scalar' ? at : null;
}

export function isSet(tree: Tree, path: readonly (string | number)[]): boolean {
  const at = nodeAt(tree, path);
  return at !== undefined && at.kind !== 'empty';
}

/** What YAML means: numbers, true and false, null where nothing stands. */
export function typedValue(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree.value;
  if (tree.kind === 'list') return tree.items.map(typedValue);
  const entries = tree.kind === 'map' ? [...tree.entries].map(([key, { value }]) => [key, typedValue(value)]) : null;
  return entries && Object.fromEntries(entries);
}

/** Plain values for the schema; what is empty is left out, and undefined in a list, where the others keep their places. */
export function plainValue(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree.text;
  if (tree.kind === 'list') return tree.items.map((item) => (item.kind === 'empty' ? undefined : plainValue(item)));
  const value: Record<string, unknown> = Object.create(null);
  if (tree.kind === 'map') {
    for (const [key, entry] of tree.entries) if (entry.value.kind !== 'empty') value[key] = plainValue(entry.value);
  }
  return value;
}
