// What kind of span it is: service, name, kind, status, and the attributes that are asked for. JavaScript is asked once
// what that leads to (a series of metrics, rules of sampling); it is remembered here, as a cache that is emptied when it is full.
//
//   slot  32 bytes   0 hash u64, 0: free | 8 key | 12 bytes | 16 series | 20 rules
//   key   kind and status u32 | for service, name and each attribute: bytes u32 | for each: its bytes, padded to 8
import { LONGEST, hashed, lowBytes, spread } from './hash.as';
import { item, resource, scope } from './tables.as';
import { readVarint, value } from './wire.as';

const SLOT: usize = 32;
/** The parts of a key: service, name, attributes. Each an address and how many bytes. */
const PART: usize = 8;
/** Field 9 of a span, and 1 and 2 of what is in it. */
const ATTRIBUTES: u32 = 74;
const KEY: u32 = 10;
const VALUE: u32 = 18;
const LEN: u32 = 2;
const I64: u32 = 1;
const I32: u32 = 5;
const GROUP: u32 = 3;

let slotsAt: usize = 0;
let slots: u32 = 0;
let keysAt: usize = 0;
let keysEnd: usize = 0;
let partsAt: usize = 0;
let namesAt: usize = 0;
let attributes: u32 = 0;
/** Where the number of a slot begins in a hash. */
let shift: u64 = 0;

let used: u32 = 0;
let keyTop: usize = 0;
/** Of the span that is not known. */
let hash: u64 = 0;
let keyBytes: u32 = 0;
let entry: usize = 0;

/** `names`: of attributes, their addresses and bytes. */
export function useSigns(slotsFrom: usize, count: u32, keys: usize, end: usize, parts: usize, names: usize, named: u32): void {
  slotsAt = slotsFrom;
  slots = count;
  keysAt = keys;
  keysEnd = end;
  partsAt = parts;
  namesAt = names;
  attributes = named;
  shift = <u64>clz(count) + 33;
  forgetSigns();
}

export function forgetSigns(): void {
  memory.fill(slotsAt, 0, <usize>slots * SLOT);
  used = 0;
  keyTop = keysAt;
}

/** Gives spans [first, last) what theirs leads to; the first of which it is not known, or `last`. */
export function sign(first: u32, last: u32): u32 {
  for (let i = first; i < last; i++) {
    entry = item(i);
    parts();
    if (keyBytes > LONGEST) return i;
    const slot = find();
    if (load<u64>(slot) == 0) return i;
    store<u64>(entry, load<u64>(slot, 16), 56);
  }
  return last;
}

/** The span where `sign` stopped leads to these. */
export function learn(series: u32, rules: u32): void {
  store<u32>(entry, series, 56);
  store<u32>(entry, rules, 60);
  if (keyBytes > LONGEST) return;
  if (used >= slots / 2 || keyTop + <usize>keyBytes > keysEnd) forgetSigns();
  const slot = find();
  store<u64>(slot, hash);
  store<u32>(slot, <u32>keyTop, 8);
  store<u32>(slot, keyBytes, 12);
  store<u32>(slot, series, 16);
  store<u32>(slot, rules, 20);
  let at = keyTop + 4;
  store<u32>(keyTop, <u32>load<u16>(entry, 48));
  const count: u32 = 2 + attributes;
  for (let i: u32 = 0; i < count; i++) store<u32>(at + (<usize>i << 2), load<u32>(partsAt + <usize>i * PART, 4));
  at = keyTop + headBytes();
  for (let i: u32 = 0; i < count; i++) {
    const bytes = load<u32>(partsAt + <usize>i * PART, 4);
    memory.copy(at, <usize>load<u32>(partsAt + <usize>i * PART), <usize>bytes);
    at += <usize>padded(bytes);
  }
  keyTop = at;
  used++;
}

@inline
function padded(bytes: u32): u32 {
  return (bytes + 7) & ~7;
}

@inline
function headBytes(): usize {
  return <usize>padded(4 + ((2 + attributes) << 2));
}

/** Where the parts of the span stand, and their hash. */
@inline
function parts(): void {
  const from = resource(load<u32>(scope(load<u32>(entry, 8))));
  store<u64>(partsAt, load<u64>(from, 8));
  store<u64>(partsAt + PART, load<u64>(entry, 40));
  if (attributes > 0) findAttributes();
  let sum = <u64>load<u16>(entry, 48);
  let bytes: u32 = <u32>headBytes();
  let secret: u32 = 0;
  for (let i: u32 = 0; i < 2 + attributes; i++) {
    const length = load<u32>(partsAt + <usize>i * PART, 4);
    bytes += padded(length);
    if (bytes > LONGEST) break;
    sum = hashed(sum + <u64>length, <usize>load<u32>(partsAt + <usize>i * PART), length, secret);
    secret += padded(length);
  }
  hash = spread(sum) | 1;
  keyBytes = bytes;
}

/** The slot of these parts, or the free one where they would be. */
@inline
function find(): usize {
  const mask = slots - 1;
  let i = <u32>(hash >> shift);
  while (true) {
    const slot = slotsAt + <usize>i * SLOT;
    const there = load<u64>(slot);
    if (there == 0 || (there == hash && isSame(<usize>load<u32>(slot, 8)))) return slot;
    i = (i + 1) & mask;
  }
}

@inline
function isSame(key: usize): bool {
  if (load<u32>(key) != <u32>load<u16>(entry, 48)) return false;
  let at = key + headBytes();
  for (let i: u32 = 0; i < 2 + attributes; i++) {
    const bytes = load<u32>(partsAt + <usize>i * PART, 4);
    if (load<u32>(key + 4 + (<usize>i << 2)) != bytes) return false;
    if (!same(at, <usize>load<u32>(partsAt + <usize>i * PART), bytes)) return false;
    at += <usize>padded(bytes);
  }
  return true;
}

@inline
function same(a: usize, b: usize, bytes: u32): bool {
  let i: u32 = 0;
  for (; i + 8 <= bytes; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false;
  return i == bytes || ((load<u64>(a + i) ^ load<u64>(b + i)) & lowBytes(bytes - i)) == 0;
}

/** Where the values of the attributes stand in the span; of equal names the last, as it is checked already. */
function findAttributes(): void {
  for (let i: u32 = 0; i < attributes; i++) store<u64>(partsAt + <usize>(2 + i) * PART, 0);
  let at = <usize>load<u32>(entry);
  const end = at + <usize>load<u32>(entry, 4);
  while (at < end) {
    at = readVarint(at, end);
    const tag = <u32>value;
    const type = tag & 7;
    // Skipping a group would be a walk of its own, and nobody has one in a span.
    if (type == GROUP) return;
    if (type == I64) at += 8;
    else if (type == I32) at += 4;
    else {
      at = readVarint(at, end);
      if (type != LEN) continue;
      const next = at + <usize>value;
      if (tag == ATTRIBUTES) attribute(at, next);
      at = next;
    }
  }
}

@inline
function attribute(at: usize, end: usize): void {
  let keyAt: usize = 0;
  let keyLength: u32 = 0;
  let valueAt: usize = 0;
  let valueLength: u32 = 0;
  while (at < end) {
    const tag = load<u8>(at);
    if (tag != KEY && tag != VALUE) return;
    at = readVarint(at + 1, end);
    if (tag == KEY) {
      keyAt = at;
      keyLength = <u32>value;
    } else {
      valueAt = at;
      valueLength = <u32>value;
    }
    at += <usize>value;
  }
  for (let i: u32 = 0; i < attributes; i++) {
    const name = namesAt + <usize>i * PART;
    if (load<u32>(name, 4) != keyLength || !same(<usize>load<u32>(name), keyAt, keyLength)) continue;
    store<u32>(partsAt + <usize>(2 + i) * PART, <u32>valueAt);
    store<u32>(partsAt + <usize>(2 + i) * PART, valueLength, 4);
  }
}
