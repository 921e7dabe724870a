/**
 * Writes a program into the kernel's memory, as as/process/regex.as.ts reads it:
 *
 *   head           8 words: first instruction | choices | slots | only from the beginning | set of first bytes, or 0 |
 *                  table of literals, or 0 | address of groups | how many (as/process/regex-rows.as.ts)
 *   instructions   8 words each
 *   sets           304 bytes each, and ranges
 *   texts          16 bytes each
 */
import { Needles } from '../../needles.ts';
import { ANY_FIRST, type CharacterSet, firstSet, OPS, type PatternNode } from './nodes.ts';
import { PatternError } from './parse.ts';
import { AT_END } from './sets.ts';

/** Where programs go: an `Arena`. */
export interface PatternRoom {
  /** The memory that addresses are of. */
  readonly bytes: Buffer;
  /** The address of so many bytes, a multiple of 16. */
  reserve(bytes: number): number;
}

const HEAD_BYTES = 32;
const NODE_BYTES = 32;
const SET_BYTES = 304;
const TEXT_BYTES = 16;
const FLAGS_AT = 32;
const RANGES_AT = 292;
/** Of which a character may be skipped without another look: it is a byte, or all that begin with it are in. */
const SKIPPED = [1, 3];
/** A fraction of an input's arena. */
const MOST_NODES = 8192;
/** As many walks as the kernel has room for. */
const MOST_WALKS = 1024;
const CHOICES: readonly PatternNode['op'][] = ['split', 'lazy', 'greedy'];

/** What is written for one pattern. */
export interface PatternPlan {
  readonly nodes: readonly PatternNode[];
  readonly choices: number;
  readonly slots: number;
  readonly anchored: boolean;
  readonly literals: readonly Buffer[] | null;
}

/** `int`, `float`: a number where it is one. */
export type GroupType = 'text' | 'int' | 'float';

/** What becomes of a captured group. */
export interface GroupCell {
  cell: number;
  type: GroupType;
  /** Nothing is no value. */
  notEmpty: boolean;
}

const TYPE_BITS = { text: 0, int: 0x100, float: 0x200 } as const;
const NOT_EMPTY = 0x400;
/** No cell. */
export const NOWHERE = 0xffff;
const GROUPS_AT = 24;

/** All nodes that can be reached, the first one first. */
export function nodesFrom(start: PatternNode): PatternNode[] {
  const all = new Set([start]);
  for (const node of all) {
    if (node.next) all.add(node.next);
    if (node.other) all.add(node.other);
  }
  return [...all];
}

/** How many of them are choices. Throws where there are too many nodes. */
export function choicesAmong(nodes: readonly PatternNode[]): number {
  if (nodes.length > MOST_NODES || nodes.filter(({ op }) => op === 'greedy').length > MOST_WALKS) {
    throw new PatternError(0, 'becomes too large: counted repetitions of groups are written out, make them fewer');
  }
  return nodes.filter(({ op }) => CHOICES.includes(op)).length;
}

/** Tells a program where its groups go; null: nobody wants one. */
export function placeGroups(head: number, groups: readonly (GroupCell | null)[], room: PatternRoom): void {
  const at = room.reserve(groups.length * 4);
  const word = (group: GroupCell) => group.cell | TYPE_BITS[group.type] | (group.notEmpty ? NOT_EMPTY : 0);
  words(
    room,
    at,
    groups.map((group) => (group ? word(group) : NOWHERE)),
  );
  words(room, head + GROUPS_AT, [at, groups.length]);
}

/** The address of the program's head. */
export function placeProgram({ nodes, choices, slots, anchored, literals }: PatternPlan, room: PatternRoom): number {
  const head = room.reserve(HEAD_BYTES + nodes.length * NODE_BYTES);
  const addresses = new Map(nodes.map((node, i) => [node, head + HEAD_BYTES + i * NODE_BYTES]));
  const sets = new SetPlaces(room);
  const [start] = nodes;
  const first = start!.first.every((bits, i) => bits === ANY_FIRST[i]) ? 0 : sets.place(firstSet(start!.first));
  words(room, head, [
    addresses.get(start!)!,
    choices,
    slots,
    anchored ? 1 : 0,
    first,
    literals ? placeLiterals(literals, room) : 0,
  ]);
  let choice = 0;
  let walk = 0;
  for (const node of nodes) {
    const { op, next, other, set, second, text, least } = node;
    let from = set ? sets.place(set) : 0;
    if (op === 'text') {
      from = room.reserve(TEXT_BYTES);
      room.bytes.set(text, from);
    }
    const number = CHOICES.includes(op) ? choice++ : node.group;
    const to = (of: PatternNode | null) => (of ? addresses.get(of)! : 0);
    const most = op === 'greedy' ? walk++ : node.most;
    const amount = op === 'text' ? text.length : least;
    words(room, to(node), [OPS[op], to(next), to(other), from, second ? sets.place(second) : 0, amount, number, most]);
  }
  return head;
}

function words({ bytes }: PatternRoom, at: number, values: readonly number[]): void {
  for (const value of values) at = bytes.writeUInt32LE(value, at);
}

function placeLiterals(literals: readonly Buffer[], room: PatternRoom): number {
  const at = room.reserve(new Needles(literals).tables(0).length);
  room.bytes.set(new Needles(literals).tables(at), at);
  return at;
}

class SetPlaces {
  readonly #room: PatternRoom;
  readonly #places = new Map<string, number>();

  constructor(room: PatternRoom) {
    this.#room = room;
  }

  place({ key, known, ranges }: CharacterSet): number {
    const placed = this.#places.get(key);
    if (placed !== undefined) return placed;
    const { bytes } = this.#room;
    const at = this.#room.reserve(SET_BYTES + ranges.length * 4);
    this.#places.set(key, at);
    for (let byte = 0; byte < AT_END; byte++) {
      // The run of a set goes on over what continues a character that is in it.
      if (!SKIPPED.includes(known[byte]!) && !(byte >= 0x80 && byte < 0xc0 && known.includes(3))) continue;
      bytes[at + (byte < 0x80 ? 0 : 16) + (byte & 15)]! |= 1 << ((byte >> 4) & 7);
    }
    bytes.set(known, at + FLAGS_AT);
    words(this.#room, at + RANGES_AT, [at + SET_BYTES, ranges.length / 2, 0, ...ranges]);
    return at;
  }
}
