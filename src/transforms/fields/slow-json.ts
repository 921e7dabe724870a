/**
 * JSON that the kernel gives back: equal names, very many members, names with escapes, lone surrogates, deep nesting, what
 * is the envelope's within `log` or `event`, and fields that there are already. What comes of it is what the kernel would
 * make: named fields in their cells, of equal names the last, and all others as they stand, one run for each object.
 */
import type { Program } from '../program.ts';
import { NAMES_OF_ENVELOPE, NESTED, OWN_IN_LOG, objectsOf, WHOLE } from './envelope.ts';
import { isFullObject, type Member, membersOf, withoutLone } from './json-text.ts';
import { gatheredBelow, nameWithin } from './names.ts';
import { RunsOfRow } from './runs.ts';
import type { FieldNode } from './tree.ts';

/** Values by name, or objects of such. */
type Nest = Map<string, string | Nest>;

/** Members that no step names: as they stand, by name; and in a nest, where dotted names are nested. */
interface Rest {
  readonly texts: Map<string, string>;
  readonly nest: Nest;
}

/** What is known of a name within an object. */
interface Known {
  leaf: number | null;
  child: FieldNode | null;
}

/** Kinds of cells, as the kernel numbers them, and a JSTR's flag for backslashes. */
const [JSTR, RAW] = [2, 3] as const;
const ESCAPED = 1;
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class SlowJson {
  readonly #program: Program;
  readonly #top: FieldNode;
  /** By node's number, then by dotted name below it. */
  readonly #known: Map<string, Known>[];
  readonly #own: readonly string[];
  readonly #runs: RunsOfRow;
  readonly #gathered: ReturnType<typeof gatheredBelow>;
  /** Objects that steps name, the deepest first. */
  readonly #objects: FieldNode[];
  #cells = new Map<number, string>();
  /** Members of objects in cells that the line has under dotted names. */
  #parts = new Map<FieldNode, Member[]>();
  #rests = new Map<FieldNode, Rest>();
  /** By dotted name. */
  #conflicts = new Map<string, string>();

  /** `top`: whose members the texts have. */
  constructor(program: Program, top: FieldNode) {
    const { nodes } = program.tree;
    this.#program = program;
    this.#runs = new RunsOfRow(program);
    this.#top = top;
    this.#gathered = gatheredBelow(program.tree, top);
    const objects = top.path === '' ? objectsOf(program.named).map((name) => program.tree.at(name)) : [];
    this.#objects = objects.sort((a, b) => b.path.length - a.path.length);
    this.#own = top.path === '' ? [...OWN_IN_LOG.map((name) => `log.${name}`), ...WHOLE, ...program.own] : [];
    this.#known = nodes.map((node) => {
      const below = nodes.flatMap((other): [string, Known][] => {
        const name = nameWithin(other.path, node.path);
        return name === null ? [] : [[name, { leaf: other.leaf, child: other.rest === null ? null : other }]];
      });
      return new Map(below);
    });
  }

  /**
   * Puts the object that the text is into row `row` of the rows in use, in place of cell `instead`; false: there is no
   * room. `fresh`: there is nothing else in the row.
   */
  parse(text: Buffer, row: number, instead: number, fresh = false): boolean {
    const object = withoutLone(text.toString(), () => this.#program.replacedInSteps(1));
    this.#cells = new Map();
    this.#rests = new Map();
    this.#parts = new Map();
    this.#conflicts = new Map();
    const had = fresh ? [] : this.#runs.of(row);
    for (const { node, members } of had) this.#putAll(node, `{${members}}`, true);
    this.#putAll(this.#top, object, false);
    return this.#write(
      row,
      instead,
      had.map(({ node }) => node),
    );
  }

  /** `pass`: none of them is named. */
  #putAll(node: FieldNode, object: string, pass: boolean): void {
    const members = membersOf(object);
    const last = new Map<string, number>();
    for (const [i, { name }] of members.entries()) last.set(name, i);
    // Of equal names the last, in the place of the first.
    for (const i of last.values()) {
      if (pass) this.#pass(node, members[i]!);
      else this.#put(node, members[i]!);
    }
  }

  #put(node: FieldNode, member: Member): void {
    const { name, value } = member;
    const known = this.#known[node.number]!.get(name);
    const dotted = name.includes('.');
    if ((dotted || node !== this.#top) && this.#conflictsWithOwn(node, name, value)) return;
    if (known?.child && isFullObject(value)) this.#putAll(known.child, value, false);
    else if (known && known.leaf !== null) this.#cells.set(known.leaf, value);
    else {
      const within = dotted && node === this.#top ? this.#objectOf(name) : undefined;
      if (!within) this.#pass(node, member);
      else {
        const tail = name.slice(within.path.length + 1);
        const part = { name: tail, value, text: `${JSON.stringify(tail)}:${value}` };
        if (within.rest !== null) this.#put(within, part);
        else this.#parts.set(within, [...(this.#parts.get(within) ?? []), part]);
      }
    }
  }

  /** The object that a dotted name at the top is a member of. */
  #objectOf(name: string): FieldNode | undefined {
    return (
      this.#gathered.find((one) => isBelow(name, one.name))?.node ??
      this.#objects.find(({ path }) => isBelow(name, path))
    );
  }

  /** Members that were written apart from their object come to it; where it is none they stay as they are. */
  #join(row: number): void {
    for (const [{ path, leaf }, parts] of this.#parts) {
      const there = this.#cells.get(leaf!) ?? this.#runs.valueIn(row, leaf!);
      const object = there === null || there === '{}' ? '{}' : there;
      if (object[0] !== '{') {
        for (const { name, value } of parts) {
          const dotted = `${path}.${name}`;
          this.#pass(this.#top, { name: dotted, value, text: `${JSON.stringify(dotted)}:${value}` });
        }
        continue;
      }
      const members = new Map([...membersOf(object), ...parts].map((member) => [member.name, member.text]));
      this.#cells.set(leaf!, `{${[...members.values()].join()}}`);
    }
  }

  #conflictsWithOwn(node: FieldNode, name: string, value: string): boolean {
    const path = node.path === '' ? name : `${node.path}.${name}`;
    if (!this.#own.some((own) => path === own || isBelow(path, own))) return false;
    this.#conflicts.set(path, value);
    return true;
  }

  #pass(node: FieldNode, { name, value, text }: Member): void {
    let rest = this.#rests.get(node);
    if (!rest) {
      rest = { texts: new Map(), nest: new Map() };
      this.#rests.set(node, rest);
    }
    if (NESTED.has(node.path)) nest(rest.nest, name.split('.'), value);
    else rest.texts.set(name, text);
  }

  /**
   * With those that the row has had. What has a cell of its own, and of which there is something more here, comes here: else
   * `conflict` had two members of one name.
   */
  #conflictsOf(row: number): { members: Nest; gone: number[] } {
    const { tree } = this.#program;
    const all: Nest = new Map();
    const gone: number[] = [];
    const had = membersOf(`{${this.#runs.conflictsOf(row)}}`);
    const names = new Set(
      [...had.map(({ name }) => name), ...this.#conflicts.keys()].map((name) => name.split('.')[0]),
    );
    for (const path of NAMES_OF_ENVELOPE) {
      const { leaf } = tree.at(path);
      if (leaf === null || !names.has(path.split('.')[0])) continue;
      const value = this.#cells.get(leaf) ?? this.#runs.valueIn(row, leaf);
      if (value === null) continue;
      this.#cells.delete(leaf);
      gone.push(leaf);
      nest(all, path.split('.'), value);
    }
    for (const { name, value } of had)
      for (const [path, inner] of leavesOf(name, value)) nest(all, path.split('.'), inner);
    for (const [path, value] of this.#conflicts) nest(all, path.split('.'), value);
    return { members: all, gone };
  }

  #write(row: number, instead: number, had: readonly FieldNode[]): boolean {
    this.#join(row);
    const { process, tree } = this.#program;
    const cells: [cell: number, kind: number, flags: number, text: string][] = [];
    if (this.#conflicts.size > 0 || this.#runs.conflictsOf(row) !== '') {
      const { members, gone } = this.#conflictsOf(row);
      for (const cell of gone) cells.push([cell, 0, 0, '']);
      cells.push([tree.conflicts!, RAW, 0, inside(members)]);
      this.#program.conflicted = true;
    }
    for (const [cell, value] of this.#cells) {
      if (value[0] !== '"') cells.push([cell, RAW, 0, value]);
      else {
        const escaped = value.includes('\\');
        if (escaped) process.noteHiding();
        cells.push([cell, JSTR, escaped ? ESCAPED : 0, value.slice(1, -1)]);
      }
    }
    for (const [node, { texts, nest }] of this.#rests) {
      cells.push([node.rest!, RAW, 0, texts.size > 0 ? [...texts.values()].join() : inside(nest)]);
    }
    let size = 0;
    for (const [, , , text] of cells) size += Buffer.byteLength(text);
    let at = process.sideTake(size);
    if (at === 0) return false;
    process.setCell(row, instead, 0, 0);
    for (const node of had) this.#runs.clear(row, node);
    for (const [cell, kind, flags, text] of cells) {
      const bytes = process.bytes.write(text, at);
      process.setCell(row, cell, at, (bytes | (kind << 24) | (flags << 28)) >>> 0);
      at += bytes;
    }
    return true;
  }
}

/** As strict as the kernel is. */
export function isObject(text: Buffer): boolean {
  try {
    const value = JSON.parse(DECODER.decode(text));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    // It is no JSON.
    return false;
  }
}

function isBelow(path: string, of: string): boolean {
  return path.length > of.length + 1 && path.startsWith(of) && path[of.length] === '.';
}

/** An object's members one by one, by their dotted names. */
function leavesOf(name: string, value: string): [path: string, value: string][] {
  if (!isFullObject(value)) return [[name, value]];
  return membersOf(value).flatMap((member) => leavesOf(`${name}.${member.name}`, member.value));
}

/** Puts a value into a nest; where something else is in its way it keeps its dotted name. */
function nest(into: Nest, parts: readonly string[], value: string): void {
  const [name, ...rest] = parts as [string, ...string[]];
  if (rest.length === 0) {
    into.set(name, value);
    return;
  }
  const there = into.get(name);
  if (typeof there === 'string' && isFullObject(there)) {
    into.set(name, new Map(membersOf(there).map((member) => [member.name, member.value])));
  } else if (there === undefined) into.set(name, new Map());
  const below = into.get(name)!;
  if (typeof below === 'string') into.set(parts.join('.'), value);
  else nest(below, rest, value);
}

/** The text of a nest's members. */
function inside(nest: Nest): string {
  return [...nest]
    .map(([name, value]) => `${JSON.stringify(name)}:${typeof value === 'string' ? value : `{${inside(value)}}`}`)
    .join();
}
