// The shape of JSON lines: the names of the line before, in their order, with what is known of each. As long as a line has
// them, too, there is no hash to be made, nothing to be looked for, no equal name; and where a value begins does not wait for
// where its name ends.
//
// Some values are the same in line after line, too: the host, the program, its version. Those that the first line of a call
// has are kept beside the names, and need not be read again until one differs, for the rest of the call.
//
// Entries of 64 bytes: 32 of the name, quote, colon and value; then words, as below. SHAPE_END in place of a node ends a shape.
import { unescape } from '../container.as';
import { ONCE, IS_CELL, IS_NODE, IS_SLOW, LEFT_OUT, counts, find, firstWord, gatheredOf, hashOf, mayBeGathered, note, setSlow } from './json-names.as';
import { nestsDots } from './json-runs.as';
import { escaped, lone, noEscapes, stringEnd } from './json-text.as';
import { find as findByte } from './scan.as';

const DOT: u8 = 0x2e;
export const SHAPE: usize = 64;
export const BYTES: usize = 32;
export const KNOWN: usize = 36;
const HASH: usize = 40;
const NODE: usize = 44;
/** Of what follows the dot of a gathered name. */
const TAIL_HASH: usize = 48;
export const WITHIN: usize = 52;
/** A bit for each byte up to the colon, and for each up to the one behind the value; 0: the value is not kept. */
const NAME_BITS: usize = 56;
const VALUE_BITS: usize = 60;
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
/** Values are kept. */
export let keeping: bool = false;
/** Which of the 32 bytes that were compared last are those of the shape. */
let alike: u32 = 0;
/** Some names have backslashes. */
export let oddNames: bool = false;

export function useShapes(at: usize, room: usize, node: u32): void {
  shapes = at;
  unescaped = room;
  root = node;
}

@inline
export function beginShape(how: u32, isFirst: bool): void {
  shape = how == ONCE ? shapes : 0;
  record = 0;
  keeping = isFirst;
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
  const low = <u32>i8x16.bitmask(i8x16.eq(v128.load(key), v128.load(entry)));
  alike = low | (<u32>i8x16.bitmask(i8x16.eq(v128.load(key + 16), v128.load(entry, 16))) << 16);
  const name = load<u32>(entry, NAME_BITS);
  if ((alike & name) == name && load<u32>(entry, NODE) == node) {
    shape = entry + SHAPE;
    return entry;
  }
  leaveShape();
  return 0;
}

/** Behind the value of the name at `key`, whose entry was just found, if it is the one that is kept; else 0. */
@inline
export function keptEnd(entry: usize, key: usize, to: usize): usize {
  const bits = load<u32>(entry, VALUE_BITS);
  if (bits == 0) return 0;
  const end = key + popcnt(bits) - 1;
  if ((alike & bits) == bits && end <= to) return end;
  store<u32>(entry, 0, VALUE_BITS);
  return 0;
}

/** Keeps the value of the name at `key`, that ends at `end`, if it is short; one without backslashes, that was read. */
export function keepValue(entry: usize, key: usize, end: usize): void {
  if (end - key > 31) return;
  v128.store(entry, v128.load(key));
  v128.store(entry, v128.load(key + 16), 16);
  store<u32>(entry, <u32>(((<u64>1) << (end - key + 1)) - 1), VALUE_BITS);
}

/** The line has another name here: those before it are seen, and the shape goes on with it. */
export function leaveShape(): void {
  for (let entry = shapes; entry < shape; entry += SHAPE) {
    if (load<u32>(entry, NODE) >= PASSED) continue;
    note(load<u32>(entry, HASH));
    if (load<u32>(entry, WITHIN)) note(load<u32>(entry, TAIL_HASH));
  }
  record = shape;
  keeping = true;
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
  const may = node == root && (known & IS_CELL) == 0 && mayBeGathered(word) && findByte(name, nameEnd, DOT) < nameEnd;
  const within = may ? gatheredOf(name, bytes, word) : 0;
  if (within && (name != key || load<u32>(within, 28))) setSlow();
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
  if (bytes > 30 || load<u8>(key + bytes + 1) != 0x3a || record == shapes + SHAPE * (SHAPE_MOST - 1)) {
    endShape();
    return;
  }
  v128.store(record, v128.load(key));
  v128.store(record, v128.load(key, 16), 16);
  store<u32>(record, bytes, BYTES);
  store<u32>(record, node, NODE);
  store<u32>(record, <u32>(((<u64>1) << (bytes + 2)) - 1), NAME_BITS);
  store<u32>(record, 0, VALUE_BITS);
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
