/**
 * JSON that the kernel gives back: equal names, very many members, names with escapes, lone surrogates, deep nesting, what
 * is the envelope's within `log` or `event`, and fields that there are already. What comes of it is what the kernel would
 * make: named fields in their cells, of equal names the last, and all others as they stand, one run for each object.
 */
import type { Program } from '../program.ts';
import { NESTED, OWN_IN_LOG } from './envelope.ts';
import { isFullObject, membersOf, withoutLone } from './json-text.ts';
import { gatheredBelow, nameWithin } from './names.ts';
import { RunsOfRow } from './runs.ts';
import type { FieldNode } from './tree.ts';

/** Values by name, or objects of such. */
type Nest = Map<string, string | Nest>;

/** Kinds of cells, as the kernel numbers them, and a JSTR's flag for backslashes. */
const [JSTR, RAW] = [2, 3] as const;
const ESCAPED = 1;
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

interface Known {
  leaf: number | null;
  child: FieldNode | null;
}

export class SlowJson {
  readonly #program: Program;
  readonly #top: FieldNode;
  /** By node's number and dotted name below it. */
  readonly #known = new Map<string, Known>();
  readonly #own: readonly string[];
  readonly #runs: RunsOfRow;
  readonly #gathered: ReturnType<typeof gatheredBelow>;
  #cells = new Map<number, string>();
  #rests = new Map<FieldNode, Nest>();
  #conflicts: Nest = new Map();

  /** `top`: whose members the texts have. */
  constructor(program: Program, top: FieldNode) {
    this.#program = program;
    this.#runs = new RunsOfRow(program);
    this.#top = top;
    this.#gathered = gatheredBelow(program.tree, top);
    this.#own = top.path === '' ? [...OWN_IN_LOG.map((name) => `log.${name}`), ...program.own] : [];
    for (const node of program.tree.nodes) {
      for (const other of program.tree.nodes) {
        const name = nameWithin(other.path, node.path);
        if (name === null) continue;
        this.#known.set(`${node.number} ${name}`, { leaf: other.leaf, child: other.rest === null ? null : other });
      }
    }
  }

  /**
   * Puts the object that the text is into row `row` of the rows in use, in place of cell `instead`; false: it is none, or
   * there is no room.
   */
  parse(text: Buffer, row: number, instead: number): boolean {
    const object = this.#read(text);
    if (object === null) return false;
    this.#cells = new Map();
    this.#rests = new Map();
    this.#conflicts = new Map();
    const had = this.#runs.of(row);
    for (const { node, members } of had) {
      this.#rests.set(node, new Map([...membersOf(`{${members}}`)].map(({ name, value }) => [name, value])));
    }
    for (const { name, value } of membersOf(object)) this.#put(this.#top, name, value);
    return this.#write(
      row,
      instead,
      had.map(({ node }) => node),
    );
  }

  #read(text: Buffer): string | null {
    try {
      const object = DECODER.decode(text);
      const value = JSON.parse(object);
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
      return withoutLone(object, () => this.#program.replacedInSteps(1));
    } catch {
      // It is no JSON.
      return null;
    }
  }

  #put(node: FieldNode, name: string, value: string): void {
    const path = node.path === '' ? name : `${node.path}.${name}`;
    const own = this.#own.find((one) => path === one || path.startsWith(`${one}.`));
    if (own !== undefined) {
      nest(this.#conflicts, path.split('.'), value);
      return;
    }
    const known = this.#known.get(`${node.number} ${name}`);
    if (known?.child && isFullObject(value)) {
      for (const member of membersOf(value)) this.#put(known.child, member.name, member.value);
    } else if (known && known.leaf !== null) this.#cells.set(known.leaf, value);
    else {
      const gathered =
        node === this.#top &&
        this.#gathered.find((one) => name.startsWith(`${one.name}.`) && name.length > one.name.length + 1);
      if (gathered) this.#put(gathered.node, name.slice(gathered.name.length + 1), value);
      else this.#pass(node, name, value);
    }
  }

  #pass(node: FieldNode, name: string, value: string): void {
    const rest = this.#rests.get(node) ?? new Map();
    this.#rests.set(node, rest);
    if (NESTED.has(node.path)) nest(rest, name.split('.'), value);
    else rest.set(name, value);
  }

  #write(row: number, instead: number, had: readonly FieldNode[]): boolean {
    const { process, tree } = this.#program;
    const cells: { cell: number; kind: number; flags: number; text: string }[] = [];
    for (const [cell, value] of this.#cells) {
      if (value[0] !== '"') cells.push({ cell, kind: RAW, flags: 0, text: value });
      else cells.push({ cell, kind: JSTR, flags: value.includes('\\') ? ESCAPED : 0, text: value.slice(1, -1) });
    }
    for (const [node, rest] of this.#rests) cells.push({ cell: node.rest!, kind: RAW, flags: 0, text: inside(rest) });
    if (this.#conflicts.size > 0) {
      cells.push({ cell: tree.conflicts!, kind: RAW, flags: 0, text: inside(this.#conflicts) });
    }
    const texts = cells.map(({ text }) => Buffer.from(text));
    const size = texts.reduce((sum, { length }) => sum + length, 0);
    let at = process.sideTake(size);
    if (at === 0) return false;
    process.setCell(row, instead, 0, 0);
    for (const node of had) this.#runs.clear(row, node);
    for (const [i, { cell, kind, flags }] of cells.entries()) {
      const text = texts[i]!;
      text.copy(process.bytes, at);
      process.setCell(row, cell, at, (text.length | (kind << 24) | (flags << 28)) >>> 0);
      at += text.length;
    }
    return true;
  }
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
    into.set(name, new Map([...membersOf(there)].map((member) => [member.name, member.value])));
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
