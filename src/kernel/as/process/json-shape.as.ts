// The shape of JSON lines: the names of the line before, in their order, with what is known of each. As long as a line has
// them, too, there is no hash to be made, nothing to be looked for, no equal name; and where a value begins does not wait for
// where its name ends.
//
// Entries of 64 bytes: the name and its quote, 32 bytes; then words, as below. SHAPE_END in place of a node ends a shape.
import { unescape } from '../container.as';
import { ONCE, IS_CELL, IS_NODE, IS_SLOW, LEFT_OUT, counts, find, firstWord, gatheredOf, hashOf, mayBeGathered, note, setSlow } from './json-names.as';
import { nestsDots } from './json-runs.as';
import { escaped, lone, noEscapes, stringEnd } from './json-text.as';

export const SHAPE: usize = 64;
export const BYTES: usize = 32;
export const KNOWN: usize = 36;
const HASH: usize = 40;
const NODE: usize = 44;
/** Of what follows the dot of a gathered name. */
const TAIL_HASH: usize = 48;
export const WITHIN: usize = 52;
const MASK_LOW: usize = 56;
const MASK_HIGH: usize = 60;
const SHAPE_END: u32 = 0xffffffff;
const SHAPE_MOST: usize = 64;
/** In place of a node: how deep within an object that no step names. Deeper ones are walked without a shape. */
export const PASSED: u32 = 0x100;
export const DEEPEST: u32 = PASSED + 30;
const LONGEST_NAME: usize = 512;

/** One entry more than a shape has, for a name that is not kept. */
let shapes: usize = 0;
/** Where a name with backslashes is written without. */
let unescaped: usize = 0;
let root: u32 = 0;
/** The entry that the next name is compared with, and the one where the next one is kept; 0: it is not. */
export let shape: usize = 0;
export let record: usize = 0;
/** Some names have backslashes. */
export let oddNames: bool = false;

export function useShapes(at: usize, room: usize, node: u32): void {
  shapes = at;
  unescaped = room;
  root = node;
}

@inline
export function beginShape(how: u32): void {
  shape = how == ONCE ? shapes : 0;
  record = 0;
  oddNames = false;
}

/** The text ends; `forget`: its names are no shape. */
@inline
export function closeShape(forget: bool): void {
  endShape();
  if (forget) store<u32>(shapes, SHAPE_END, NODE);
}

/** The entry of the name at `key`, if the shape goes on with it; else 0, and the shape is left. */
@inline
export function nextOfShape(key: usize, node: u32): usize {
  const entry = shape;
  if (entry == 0) return 0;
  if (isShape(entry, key, node)) {
    shape += SHAPE;
    return entry;
  }
  leaveShape();
  return 0;
}

/** Whether the name at `key` is that of the shape's entry. */
@inline
function isShape(entry: usize, key: usize, node: u32): bool {
  if (load<u32>(entry, NODE) != node) return false;
  const low = load<u32>(entry, MASK_LOW);
  const high = load<u32>(entry, MASK_HIGH);
  if ((<u32>i8x16.bitmask(i8x16.eq(v128.load(key), v128.load(entry))) & low) != low) return false;
  return high == 0 || (<u32>i8x16.bitmask(i8x16.eq(v128.load(key + 16), v128.load(entry, 16))) & high) == high;
}

/** The line has another name here: those before it are seen, and the shape goes on with it. */
export function leaveShape(): void {
  for (let entry = shapes; entry < shape; entry += SHAPE) {
    if (load<u32>(entry, NODE) >= PASSED) continue;
    note(load<u32>(entry, HASH));
    if (load<u32>(entry, WITHIN)) note(load<u32>(entry, TAIL_HASH));
  }
  record = shape;
  shape = 0;
}

/** What is known of the name at `key`, as an entry of a shape; 0: it is no name. */
export function newName(key: usize, to: usize, node: u32): usize {
  noEscapes();
  const keyEnd = stringEnd(key, to);
  if (keyEnd == 0) return 0;
  let name = key;
  let nameEnd = keyEnd;
  if (escaped) {
    endShape();
    if (lone || keyEnd - key > LONGEST_NAME) setSlow();
    else {
      name = unescaped;
      nameEnd = unescape(key, keyEnd, name);
    }
    oddNames = true;
    noEscapes();
  }
  const bytes = <u32>(nameEnd - name);
  const entry = record ? record : shapes + SHAPE * SHAPE_MOST;
  const word = firstWord(name, bytes);
  const hash = hashOf(word, bytes, nameEnd, node);
  let known = find(name, bytes, word, hash, node);
  if (!counts(hash, name, bytes)) {
    // Names within it may have been taken for the last ones.
    if (known & IS_NODE) setSlow();
    known = LEFT_OUT;
  }
  if (known & IS_SLOW) setSlow();
  if (known == 0 && nestsDots(node)) noDots(name, nameEnd);
  const may = node == root && (known & IS_CELL) == 0 && mayBeGathered(word);
  const within = may ? gatheredOf(name, bytes, word) : 0;
  if (within && name != key) setSlow();
  store<u32>(entry, <u32>(keyEnd - key), BYTES);
  store<u32>(entry, known, KNOWN);
  store<u32>(entry, <u32>within, WITHIN);
  let tail: u32 = 0;
  if (within) {
    tail = tailHash(within, key, keyEnd);
    const prefix = load<u32>(within, 16);
    if (!counts(tail, key + prefix, bytes - prefix)) store<u32>(entry, LEFT_OUT, KNOWN);
  }
  store<u32>(entry, hash, HASH);
  store<u32>(entry, tail, TAIL_HASH);
  if (record) keepName(key, bytes, node);
  return entry;
}

/** The shape goes on with the name at `key`. */
export function keepName(key: usize, bytes: u32, node: u32): void {
  if (bytes > 31 || record == shapes + SHAPE * (SHAPE_MOST - 1)) {
    endShape();
    return;
  }
  v128.store(record, v128.load(key));
  v128.store(record, v128.load(key, 16), 16);
  store<u32>(record, bytes, BYTES);
  store<u32>(record, node, NODE);
  const bits = <u32>(((<u64>1) << (bytes + 1)) - 1);
  store<u32>(record, bits & 0xffff, MASK_LOW);
  store<u32>(record, bits >> 16, MASK_HIGH);
  record += SHAPE;
}

/** No more names of the line are kept. */
function endShape(): void {
  if (record) store<u32>(record, SHAPE_END, NODE);
  record = 0;
}

/** `log.x` is x in log, as if it stood there. */
function tailHash(within: usize, key: usize, keyEnd: usize): u32 {
  const name = key + load<u32>(within, 16);
  if (nestsDots(load<u32>(within, 24))) noDots(name, keyEnd);
  const bytes = <u32>(keyEnd - name);
  return hashOf(firstWord(name, bytes), bytes, keyEnd, load<u32>(within, 24));
}

/** To nest a dotted name is left to JavaScript. */
function noDots(at: usize, to: usize): void {
  for (; at < to; at++) if (load<u8>(at) == 0x2e) setSlow();
}
