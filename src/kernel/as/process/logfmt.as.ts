// logfmt: key=value key="a \"value\"" word. Values are text; a word alone is true. Names that a step knows go to their
// cells, the others to pairs: {key, its bytes, address, meta} of 16 bytes each, among the side bytes. Those that have the
// name of something of the envelope are pairs apart. A line that has others below the envelope's objects, as `log.x`, or below a
// field that steps name, is left to JavaScript: they are nested, or conflict.
//
// Of equal keys the last wins. A line without any value is none, nor one with an open quote, an empty key, a key in quotes,
// or with something directly behind a closing quote.
import { PAIRS, TEXT, TRUE, sideTake } from './cells.as';
import { option, put } from './found.as';
import { BLANK, QUOTE, find, hasEscapes, quoteEnd } from './scan.as';
import { unescapeGo } from './escapes.as';
import { firstOf, secondOf, wordAt, wordHash } from './words.as';

const PAIR: usize = 16;
const DOT: u8 = 0x2e;
/** As process/formats.ts has it. */
const MOST_PAIRS: u32 = 512;
/** The fields of the pairs, and of those apart; names that are known have those behind. */
const REST: u32 = 0;
const CONFLICTS: u32 = 1;

let pairs: usize = 0;
let count: u32 = 0;
let apart: u32 = 0;
/** A bit for some of the bits of each key's hash: a key whose bit is not set is new. */
let seen: u64 = 0;
/** Pairs stand beside the envelope; and whether there are some below its objects, or others that are known. */
let beside: bool = false;
export let isBelow: bool = false;

/**
 * `option` 0: what stands between pairs, and 256 where they stand beside the envelope; 1: between key and value; 2: table of
 * names; 3: room for pairs.
 */
export function logfmt(program: usize, at: usize, to: usize): bool {
  const pair = <u8>option(program, 0);
  const assign = <u8>option(program, 1);
  const names: usize = option(program, 2);
  pairs = option(program, 3);
  count = 0;
  apart = 0;
  seen = 0;
  beside = option(program, 0) >> 8 != 0;
  isBelow = false;
  let assigned = false;
  while (at < to) {
    const c = load<u8>(at);
    if (c == pair || isSpace(c)) {
      at++;
      continue;
    }
    if (c == QUOTE) return false;
    const key = at;
    at = stop(at, to, assign, pair, pair);
    let keyTo = at;
    if (at >= to || load<u8>(at) != assign) {
      if (pair != BLANK) while (isSpace(load<u8>(keyTo - 1))) keyTo--;
      if (!add(names, key, keyTo - key, keyTo, 0, TRUE)) return false;
      continue;
    }
    while (keyTo > key && isSpace(load<u8>(keyTo - 1))) keyTo--;
    if (keyTo == key) return false;
    assigned = true;
    at++;
    if (pair != BLANK) while (at < to && isSpace(load<u8>(at))) at++;
    if (at < to && load<u8>(at) == QUOTE) {
      const value = at + 1;
      const end = quoteEnd(value, to);
      if (end >= to) return false;
      at = end + 1;
      if (at < to && load<u8>(at) != pair && !isSpace(load<u8>(at))) return false;
      if (!hasEscapes) {
        if (!add(names, key, keyTo - key, value, end - value, TEXT)) return false;
        continue;
      }
      const out = sideTake(end - value + 8);
      if (out == 0) return false;
      if (!add(names, key, keyTo - key, out, unescapeGo(value, end, out) - out, TEXT)) return false;
      continue;
    }
    const value = at;
    at = stop(at, to, pair, pair, pair);
    let valueTo = at;
    while (valueTo > value && isSpace(load<u8>(valueTo - 1))) valueTo--;
    if (!add(names, key, keyTo - key, value, valueTo - value, TEXT)) return false;
  }
  return assigned && putPairs(REST, pairs, count) && putPairs(CONFLICTS, pairsApart(), apart);
}

@inline
function pairsApart(): usize {
  return pairs + <usize>MOST_PAIRS * PAIR;
}

function putPairs(f: u32, at: usize, number: u32): bool {
  if (number == 0) return true;
  const bytes = <usize>number * PAIR;
  const out = sideTake(bytes);
  if (out == 0) return false;
  memory.copy(out, at, bytes);
  put(f, out, number, PAIRS);
  return true;
}

/** Blanks and tabs, and line feeds of joined lines. */
@inline
function isSpace(c: u8): bool {
  return c == BLANK || (c >= 9 && c <= 13);
}

/** Where `a` or `b` stands first; where pairs stand between blanks, also any space. */
@inline
function stop(at: usize, to: usize, a: u8, b: u8, pair: u8): usize {
  const spaces = i8x16.splat(pair == BLANK ? 5 : 0);
  for (; at < to; at += 16) {
    const bytes = v128.load(at);
    const signs = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>a)), i8x16.eq(bytes, i8x16.splat(<i8>b)));
    const places = <u32>i8x16.bitmask(v128.or(signs, i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(9)), spaces)));
    if (places) return min(at + ctz(places), to);
  }
  return to;
}

function add(names: usize, key: usize, keyBytes: usize, at: usize, bytes: usize, kind: u32): bool {
  const known = wordAt(names, key, keyBytes);
  const hash = wordHash;
  if (known != 0 && secondOf(known) == 0) {
    put(firstOf(known), at, bytes, kind);
    return true;
  }
  if (known == 0 && beside && isBelowKnown(names, key, key + keyBytes)) isBelow = true;
  const first = known == 0 ? pairs : pairsApart();
  const number = known == 0 ? count : apart;
  const last = first + <usize>number * PAIR;
  let pair = last;
  const bit = <u64>1 << (hash >> 58);
  if (seen & bit) pair = sameKey(first, key, keyBytes, last);
  seen |= bit;
  if (pair == last) {
    if (number == MOST_PAIRS) return false;
    if (known == 0) count++;
    else apart++;
  }
  store<u32>(pair, <u32>key);
  store<u32>(pair, <u32>keyBytes, 4);
  store<u32>(pair, <u32>at, 8);
  store<u32>(pair, <u32>bytes | (kind << 24), 12);
  return true;
}

/** Whether it is a dotted name below one that is known: below the envelope's objects, or one that steps name. */
function isBelowKnown(names: usize, key: usize, to: usize): bool {
  for (let dot = find(key, to, DOT); dot + 1 < to; dot = find(dot + 1, to, DOT)) {
    const known = wordAt(names, key, dot - key);
    if (known != 0 && secondOf(known) == 0) return true;
  }
  return false;
}

/** The pair of that key, or the one behind the last. */
function sameKey(first: usize, key: usize, bytes: usize, last: usize): usize {
  for (let pair = first; pair < last; pair += PAIR) {
    if (load<u32>(pair, 4) == <u32>bytes && memory.compare(load<u32>(pair), key, bytes) == 0) return pair;
  }
  return last;
}
