// JSON objects into rows: members that a step names into their cells, all others as they stand, in stretches.
//
//   {"level":30,"pid":7,"req":{"id":1,"method":"GET"},"msg":"done"}
//     cell       run 1          run      cell           cell             level, req.method and msg are named
//
// Names are looked up by node: the objects that have named fields, one of which is the one that is walked. Each node has a
// cell for its first run; more runs of whatever node go to a few cells that all share, with the node's number.
//
// Lines of one program mostly have the same names in the same order. So those of the line before are kept (its shape), and as
// long as a line has them, too, what is known of a name is read beside it: no hash, no search, no look for equal names, and
// where the value begins does not wait for where the name ends.
//
// Where two names may be equal the line is walked twice more: first the last place of each name is found, then members in
// other places are left out.
//
// What JavaScript does instead: very many members, more runs than cells, equal names with backslashes, nesting that is too
// deep, and members that are the envelope's within `log` or `event`.
//
// The table of names, made by transforms/field-tree.ts; entries by open addressing, at most a quarter in use:
//
//   0   first eight bytes u64 | bytes u32 | node u8, flags u8, cell u8, child u8 | address of the name u32 | 0 u32
import { ESCAPED, JSTR, RAW, TEXT, cellMeta, clearRow, mergeRow, rowAt, setCell } from './cells.as';
import { beginText, blank, escaped, lone, noEscapes, replaceLone, stringEnd, tooDeep, useSpill, valueEnd } from './jsontext.as';
import { unescape } from './unescape.as';
import { textEnd, textStart } from './texts.as';

/** Flags of a name. */
const IS_CELL: u32 = 0x100;
const IS_NODE: u32 = 0x200;
const IS_SLOW: u32 = 0x400;

const ENTRY: usize = 24;
/** Slots of the table of hashes, of which half may be in use; and of that of places. */
const SEEN_SLOTS: u32 = 32768;
const PLACE_SLOTS: u32 = 4096;
/** In place of what is known: another member of this name counts. */
const LEFT_OUT: u32 = 0x800;
/** How a text is walked. */
const ONCE: u32 = 0;
const PLACES: u32 = 1;
const LAST: u32 = 2;
const GATHERED: usize = 32;
/** Names with backslashes are written without behind the row that is made of a text, if they are not longer. */
const UNESCAPED: usize = 512;
const LONGEST_NAME: usize = 512;
/** No cell. */
const NONE: u32 = 0xff;
/** Entries of a shape: the name and its quote, 32 bytes; then words, at: */
const SHAPE: usize = 64;
const BYTES: usize = 32;
const KNOWN: usize = 36;
const HASH: usize = 40;
const NODE: usize = 44;
/** Of what follows the dot of a gathered name. */
const TAIL_HASH: usize = 48;
const WITHIN: usize = 52;
const MASK_LOW: usize = 56;
const MASK_HIGH: usize = 60;
/** In place of a node: the shape ends. */
const SHAPE_END: u32 = 0xffffffff;
const SHAPE_MOST: usize = 64;
/** In place of a node: how deep within an object that no step names. Deeper ones are walked without a shape. */
const PASSED: u32 = 0x100;
const DEEPEST: u32 = PASSED + 30;
/** Of the cell of a run: the quote that it begins with is not there. */
export const UNQUOTED: u32 = 1;

// The job in use: twelve words and a byte a node, as json.ts places them.
let names: usize = 0;
let mask: u32 = 0;
/** Hashes of a text's names: a u64 each, the text's number and the hash. */
let hashes: usize = 0;
/** Names by their last place: the text's number, hash, address, bytes u32. */
let places: usize = 0;
let scratch: usize = 0;
let moreFrom: u32 = 0;
let moreTo: u32 = 0;
/** Objects whose members may be written dotted at the top (`log.level`): where they are listed, and how many. */
let gathered: usize = 0;
let gatheredCount: u32 = 0;
/** A bit for the low bits of the first byte of each. */
let letters: u64 = 0;
/** The shape of the line before. */
let shapes: usize = 0;
/** The node whose members those of the text are. */
let root: u32 = 0;
/** By node: the cell of its first run, and `NESTS` where dotted names are nested. */
let rests: usize = 0;
const NESTS: u32 = 0x80;

export let jsonFailed: u32 = 0;
export let jsonSlow: u32 = 0;
/** Surrogates without their other half, which became U+FFFD. */
export let jsonReplaced: u32 = 0;

/** Of the text that is walked: its number, how many members, the next cell for a run, whether two names may be equal. */
let text: u32 = 0;
let seen: u32 = 0;
let more: u32 = 0;
let equal: bool = false;
/** Some names have backslashes. */
let oddNames: bool = false;
let mode: u32 = ONCE;
/** The entry that the next name is compared with, and the one where the next one is kept; 0: it is not. */
let shape: usize = 0;
let record: usize = 0;
/** JavaScript is to do it, if it is JSON at all. */
let slow: bool = false;

/**
 * Parses the texts of those of records [0, count) whose byte at `todo` is 1: it becomes 0, or 2 where JavaScript is
 * to do it, 3 where that has to find out whether it is JSON, too.
 * What was parsed takes the place of cell `instead`: the message, or a field. `fresh`: there is nothing else in the rows.
 * The text as it was is in cell `original` then, if that is not NONE.
 */
export function walkJson(count: u32, todo: usize, job: usize, fresh: bool, instead: u32, original: u32): void {
  names = load<u32>(job);
  mask = load<u32>(job, 4);
  hashes = load<u32>(job, 8);
  scratch = load<u32>(job, 12);
  moreFrom = load<u32>(job, 16);
  moreTo = load<u32>(job, 20);
  gathered = load<u32>(job, 24);
  gatheredCount = load<u32>(job, 28);
  root = load<u32>(job, 32);
  shapes = load<u32>(job, 36);
  places = load<u32>(job, 40);
  useSpill(load<u32>(job, 44));
  rests = job + 48;
  letters = 0;
  for (let i: u32 = 0; i < gatheredCount; i++) letters |= (<u64>1) << (load<u64>(gathered + <usize>i * GATHERED) & 63);
  jsonFailed = 0;
  jsonSlow = 0;
  jsonReplaced = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(todo + i) != 1) continue;
    const from = textStart(i);
    const to = textEnd(i);
    const row = fresh ? rowAt(i) : scratch;
    clearRow(row);
    let is = isObject(from, to, row, ONCE);
    if (record) store<u32>(record, SHAPE_END, NODE);
    if (!is || slow || equal) store<u32>(shapes, SHAPE_END, NODE);
    if (is && equal && !slow) {
      isObject(from, to, row, PLACES);
      clearRow(row);
      is = isObject(from, to, row, LAST);
      if (record) store<u32>(shapes, SHAPE_END, NODE);
    }
    if (is && lone && !slow) {
      // What is kept stays as it was.
      if (original != NONE) slow = true;
      else jsonReplaced += replaceLone(from, to);
    }
    if (is && !slow) {
      if (fresh || mergeRow(row, rowAt(i), instead)) {
        if (original != NONE) setCell(rowAt(i), original, from, <u32>(to - from), TEXT);
        store<u8>(todo + i, 0);
        continue;
      }
      slow = true;
    }
    if (fresh) {
      clearRow(row);
      setCell(row, instead, from, <u32>(to - from), TEXT);
    }
    if (is || tooDeep) {
      store<u8>(todo + i, is ? 2 : 3);
      jsonSlow++;
    } else jsonFailed++;
  }
}

function isObject(from: usize, to: usize, row: usize, how: u32): bool {
  beginText(from);
  mode = how;
  if (how != LAST) text++;
  seen = 0;
  more = moreFrom;
  slow = false;
  equal = false;
  oddNames = false;
  shape = how == ONCE ? shapes : 0;
  record = 0;
  let at = blank(from, to);
  if (at >= to || load<u8>(at) != 0x7b) return false;
  at = members(at + 1, to, row, root);
  if (oddNames && (lone || (mode == ONCE && equal))) slow = true;
  return at != 0 && blank(at, to) == to;
}

/** Puts the members of the object whose inside begins at `at` into the row; gives the address behind the object. */
function members(at: usize, to: usize, row: usize, node: u32): usize {
  at = blank(at, to);
  if (load<u8>(at) == 0x7d) return at + 1;
  // The run that may go on; 0: there is none.
  let run: usize = 0;
  let runEnd: usize = 0;
  for (;;) {
    if (load<u8>(at) != 0x22) return 0;
    const key = at + 1;
    noEscapes();
    let entry = shape;
    if (entry) {
      if (isShape(entry, key, node)) shape += SHAPE;
      else {
        leaveShape();
        entry = 0;
      }
    }
    if (entry == 0) {
      entry = newName(key, to, node);
      if (entry == 0) return 0;
    }
    const known = load<u32>(entry, KNOWN);
    at = key + load<u32>(entry, BYTES) + 1;
    if (load<u8>(at) != 0x3a) at = blank(at, to);
    if (load<u8>(at) != 0x3a) return 0;
    at++;
    if (load<u8>(at) <= 0x20) at = blank(at, to);
    const value = at;
    if (known == LEFT_OUT) {
      if (run) keep(row, node, run, runEnd, 0);
      run = 0;
      at = valueEnd(value, to);
      if (at == 0) return 0;
    } else if (known & IS_NODE && isFull(value, to)) {
      if (run) keep(row, node, run, runEnd, 0);
      run = 0;
      at = members(value + 1, to, row, known >> 24);
      if (at == 0) return 0;
    } else {
      at = isFull(value, to) ? passed(value + 1, to, PASSED) : valueEnd(value, to);
      if (at == 0) return 0;
      if (known & IS_CELL) {
        if (run) keep(row, node, run, runEnd, 0);
        run = 0;
        const cell = (known >> 16) & 0xff;
        if (cellMeta(row, cell) != 0 && mode == ONCE) equal = true;
        if (load<u8>(value) == 0x22) setCell(row, cell, value + 1, <u32>(at - value - 2), JSTR, escaped ? ESCAPED : 0);
        else setCell(row, cell, value, <u32>(at - value), RAW);
      } else {
        const within: usize = load<u32>(entry, WITHIN);
        if (within) {
          if (run) keep(row, node, run, runEnd, 0);
          run = 0;
          keep(row, load<u32>(within, 24), key + load<u32>(within, 16), at, UNQUOTED);
        } else {
          if (run == 0) run = key - 1;
          runEnd = at;
        }
      }
    }
    if (load<u8>(at) <= 0x20) at = blank(at, to);
    if (at >= to) return 0;
    const next = <u32>load<u8>(at++);
    if (next == 0x7d) break;
    if (next != 0x2c) return 0;
    if (load<u8>(at) <= 0x20) at = blank(at, to);
  }
  if (run) keep(row, node, run, runEnd, 0);
  return at;
}

/** Behind an object that no step names, whose inside begins at `at`: its names are of the shape, too. */
function passed(at: usize, to: usize, depth: u32): usize {
  at = blank(at, to);
  for (;;) {
    if (load<u8>(at) != 0x22) return 0;
    const key = at + 1;
    let entry = shape;
    if (entry) {
      if (isShape(entry, key, depth)) shape += SHAPE;
      else {
        leaveShape();
        entry = 0;
      }
    }
    if (entry) at = key + load<u32>(entry, BYTES) + 1;
    else {
      at = stringEnd(key, to) + 1;
      if (at == 1) return 0;
      if (record) keepName(key, <u32>(at - 1 - key), depth);
    }
    if (load<u8>(at) != 0x3a) at = blank(at, to);
    if (load<u8>(at) != 0x3a) return 0;
    at++;
    if (load<u8>(at) <= 0x20) at = blank(at, to);
    at = isFull(at, to) && depth < DEEPEST ? passed(at + 1, to, depth + 1) : valueEnd(at, to);
    if (at == 0) return 0;
    if (load<u8>(at) <= 0x20) at = blank(at, to);
    if (at >= to) return 0;
    const next = <u32>load<u8>(at++);
    if (next == 0x7d) return at;
    if (next != 0x2c) return 0;
    if (load<u8>(at) <= 0x20) at = blank(at, to);
  }
  return 0;
}

/** Whether there is an object at `at`, and something in it. */
@inline
function isFull(at: usize, to: usize): bool {
  return load<u8>(at) == 0x7b && load<u8>(blank(at + 1, to)) != 0x7d;
}

/**
 * The entry of the object that a dotted name belongs to; 0: none. Entries: first eight bytes of its name and the dot u64, a
 * mask of those u64, bytes u32, address u32, node u32, 0 u32.
 */
function gatheredOf(key: usize, bytes: u32, word: u64): usize {
  for (let i: u32 = 0, entry = gathered; i < gatheredCount; i++, entry += GATHERED) {
    if ((word & load<u64>(entry, 8)) != load<u64>(entry) || bytes <= load<u32>(entry, 16)) continue;
    if (rest(key, load<u32>(entry, 16), load<u32>(entry, 20))) return entry;
  }
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
function leaveShape(): void {
  for (let entry = shapes; entry < shape; entry += SHAPE) {
    if (load<u32>(entry, NODE) >= PASSED) continue;
    note(load<u32>(entry, HASH));
    if (load<u32>(entry, WITHIN)) note(load<u32>(entry, TAIL_HASH));
  }
  record = shape;
  shape = 0;
}

/** What is known of the name at `key`, as an entry of a shape; 0: it is no name. */
function newName(key: usize, to: usize, node: u32): usize {
  const keyEnd = stringEnd(key, to);
  if (keyEnd == 0) return 0;
  let name = key;
  let nameEnd = keyEnd;
  if (escaped) {
    endShape();
    if (lone || keyEnd - key > LONGEST_NAME) slow = true;
    else {
      name = scratch + UNESCAPED;
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
    if (known & IS_NODE) slow = true;
    known = LEFT_OUT;
  }
  if (known & IS_SLOW) slow = true;
  if (known == 0 && load<u8>(rests + node) & NESTS) noDots(name, nameEnd);
  const may = node == root && (known & IS_CELL) == 0 && ((letters >> (word & 63)) & 1) != 0;
  const within = may ? gatheredOf(name, bytes, word) : 0;
  if (within && name != key) slow = true;
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
function keepName(key: usize, bytes: u32, node: u32): void {
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

/** To nest a dotted name is left to JavaScript. */
function noDots(at: usize, to: usize): void {
  for (; at < to; at++) if (load<u8>(at) == 0x2e) slow = true;
}

/** No more names of the line are kept. */
function endShape(): void {
  if (record) store<u32>(record, SHAPE_END, NODE);
  record = 0;
}

/** `log.x` is x in log, as if it stood there. */
function tailHash(within: usize, key: usize, keyEnd: usize): u32 {
  const name = key + load<u32>(within, 16);
  if (load<u8>(rests + load<u32>(within, 24)) & NESTS) noDots(name, keyEnd);
  const bytes = <u32>(keyEnd - name);
  return hashOf(firstWord(name, bytes), bytes, keyEnd, load<u32>(within, 24));
}

/** A run of a node's members. */
function keep(row: usize, node: u32, run: usize, end: usize, flags: u32): void {
  const bytes = <u32>(end - run);
  const first = <u32>load<u8>(rests + node) & (NESTS - 1);
  if (cellMeta(row, first) == 0) setCell(row, first, run, bytes, RAW, flags);
  else if (more < moreTo) setRun(row, more++, run, bytes, node, flags);
  else slow = true;
}

/** A run that is not the first of its node: kind and flags say whose it is. */
@inline
function setRun(row: usize, f: u32, at: usize, bytes: u32, node: u32, flags: u32): void {
  setCell(row, f, at, bytes, 0, 0);
  store<u32>(row + (<usize>f << 3), bytes | (((node << 1) | flags) << 24), 4);
}

/** The first eight bytes, zeros behind the end. */
@inline
function firstWord(at: usize, bytes: u32): u64 {
  const word = load<u64>(at);
  return bytes >= 8 ? word : word & (((<u64>1) << (<u64>bytes << 3)) - 1);
}

/** What the table of names is looked up by, and equal names are found by. */
@inline
function hashOf(word: u64, bytes: u32, end: usize, node: u32): u32 {
  let mixed = word ^ <u64>(bytes + (node << 8));
  if (bytes > 8) mixed ^= load<u64>(end - 8) * 0xff51afd7ed558ccd;
  return <u32>((mixed * 0x9e3779b97f4a7c15) >> 32);
}

/** A member is seen: whether it counts, which is not known before all are. */
@inline
function counts(hash: u32, name: usize, bytes: u32): bool {
  if (mode != ONCE) return countsLast(hash, name, bytes);
  note(hash);
  return true;
}

/** A member is seen; where another of this hash was seen before, their names may be equal. */
function note(hash: u32): void {
  if (seen == SEEN_SLOTS / 2) {
    slow = true;
    return;
  }
  seen++;
  for (let slot = hash & (SEEN_SLOTS - 1); ; slot = (slot + 1) & (SEEN_SLOTS - 1)) {
    const entry = hashes + (<usize>slot << 3);
    if (load<u32>(entry) != text) {
      store<u64>(entry, <u64>text | ((<u64>hash) << 32));
      return;
    }
    if (load<u32>(entry, 4) == hash) {
      equal = true;
      return;
    }
  }
}

/** Finds the last place of a name; at the second walk whether this is it. */
function countsLast(hash: u32, name: usize, bytes: u32): bool {
  if (seen == PLACE_SLOTS / 2) {
    slow = true;
    return true;
  }
  for (let slot = hash & (PLACE_SLOTS - 1); ; slot = (slot + 1) & (PLACE_SLOTS - 1)) {
    const entry = places + (<usize>slot << 4);
    if (load<u32>(entry) != text) {
      store<u32>(entry, text);
      store<u32>(entry, hash, 4);
      store<u32>(entry, <u32>name, 8);
      store<u32>(entry, bytes, 12);
      seen++;
      return true;
    }
    const other = <usize>load<u32>(entry, 8);
    if (load<u32>(entry, 4) != hash || load<u32>(entry, 12) != bytes || memory.compare(other, name, bytes) != 0) continue;
    if (mode == LAST) return other == name;
    store<u32>(entry, <u32>name, 8);
    return true;
  }
  return true;
}

/** What is known of a name: node it is of, flags, cell, node that it is; 0: it has no meaning. */
@inline
function find(at: usize, bytes: u32, word: u64, hash: u32, node: u32): u32 {
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const entry = names + <usize>slot * ENTRY;
    const length = load<u32>(entry, 8);
    if (length == 0) return 0;
    const known = load<u32>(entry, 12);
    if (length != bytes || load<u64>(entry) != word || (known & 0xff) != node) continue;
    if (bytes <= 8 || rest(at, bytes, load<u32>(entry, 16))) return known;
  }
  return 0;
}

function rest(at: usize, bytes: u32, name: usize): bool {
  for (let i: usize = 8; i < bytes; i++) if (load<u8>(at + i) != load<u8>(name + i)) return false;
  return true;
}
