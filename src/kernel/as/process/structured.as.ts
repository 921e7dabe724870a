// Structured data of RFC 5424 as a JSON object, among the side bytes:
//
//   [origin ip="10.0.0.1" ip="10.0.0.2"][x@1 user="a \"b\""]   {"origin":{"ip":["10.0.0.1","10.0.0.2"]},"x@1":{"user":"a \"b\""}}
//
// A name that comes twice has an array of its values. Behind a backslash `"`, `\` and `]` stand for themselves.
import { escape } from '../json.as';
import { RAW, sideKeep, sideTake } from './cells.as';
import { put } from './found.as';
import { BACKSLASH, BLANK, CLOSE, OPEN, QUOTE, hasEscapes, quoteEnd } from './scan.as';

/** Values that are found: element, its bytes, name, its bytes, value, its bytes, whether it has escapes, whether it is written. */
const VALUE: usize = 32;
const MOST: u32 = 128;
const EQUALS: u8 = 0x3d;
const COMMA: u8 = 0x2c;

let values: usize = 0;
let count: u32 = 0;

/** Returns the address behind it; 0: it is none. `room` has STRUCTURED_ROOM bytes. */
export function structured(f: u32, room: usize, at: usize, to: usize): usize {
  values = room;
  count = 0;
  const from = at;
  while (at < to && load<u8>(at) == OPEN) {
    at = element(at + 1, to);
    if (at == 0) return 0;
  }
  if (at == from) return 0;
  // Written at most six times as long, with the signs around each.
  const most = (at - from) * 6 + <usize>count * 16 + 64;
  const out = sideTake(most);
  if (out == 0) return 0;
  const end = write(out);
  put(f, sideKeep(out, most, end - out), end - out, RAW);
  return at;
}

function element(at: usize, to: usize): usize {
  const id = at;
  at = nameEnd(at, to);
  const idBytes = at - id;
  if (idBytes == 0) return 0;
  if (at < to && load<u8>(at) == CLOSE) return add(id, idBytes, 0, 0, 0, 0) ? at + 1 : 0;
  while (at < to && load<u8>(at) == BLANK) {
    const name = ++at;
    at = nameEnd(at, to);
    const nameBytes = at - name;
    if (nameBytes == 0 || at + 1 >= to || load<u8>(at) != EQUALS || load<u8>(at, 1) != QUOTE) return 0;
    at += 2;
    const end = quoteEnd(at, to);
    if (end >= to || !add(id, idBytes, name, nameBytes, at, end)) return 0;
    at = end + 1;
  }
  return at < to && load<u8>(at) == CLOSE ? at + 1 : 0;
}

/** Names are printable ASCII without `=`, `]`, `"` and blanks. */
function nameEnd(at: usize, to: usize): usize {
  for (; at < to; at++) {
    const c = load<u8>(at);
    if (c <= BLANK || c >= 0x7f || c == EQUALS || c == CLOSE || c == QUOTE) break;
  }
  return at;
}

function add(id: usize, idBytes: usize, name: usize, nameBytes: usize, at: usize, to: usize): bool {
  if (count == MOST) return false;
  const value = valueAt(count++);
  store<u32>(value, <u32>id);
  store<u32>(value, <u32>idBytes, 4);
  store<u32>(value, <u32>name, 8);
  store<u32>(value, <u32>nameBytes, 12);
  store<u32>(value, <u32>at, 16);
  store<u32>(value, <u32>(to - at), 20);
  store<u32>(value, u32(hasEscapes), 24);
  store<u32>(value, 0, 28);
  return true;
}

@inline
function valueAt(i: u32): usize {
  return values + <usize>i * VALUE;
}

function write(out: usize): usize {
  store<u8>(out++, 0x7b);
  for (let i: u32 = 0; i < count; i++) {
    const first = valueAt(i);
    if (load<u32>(first, 28)) continue;
    if (i > 0) store<u8>(out++, COMMA);
    out = key(out, load<u32>(first), load<u32>(first, 4));
    store<u8>(out++, 0x7b);
    let empty = true;
    for (let j = i; j < count; j++) {
      const value = valueAt(j);
      if (load<u32>(value, 28) || !same(first, value, 0)) continue;
      if (load<u32>(value, 12) == 0) {
        store<u32>(value, 1, 28);
        continue;
      }
      if (!empty) store<u8>(out++, COMMA);
      empty = false;
      out = key(out, load<u32>(value, 8), load<u32>(value, 12));
      out = writeValues(out, j, first, value);
    }
    store<u8>(out++, 0x7d);
  }
  store<u8>(out++, 0x7d);
  return out;
}

/** All values of the name that value `j` has, in its element: one, or an array. */
function writeValues(out: usize, j: u32, element: usize, named: usize): usize {
  let k = next(j + 1, element, named);
  if (k == count) return writeValue(out, named);
  store<u8>(out++, OPEN);
  out = writeValue(out, named);
  for (; k < count; k = next(k + 1, element, named)) {
    store<u8>(out++, COMMA);
    out = writeValue(out, valueAt(k));
  }
  store<u8>(out++, CLOSE);
  return out;
}

/** The next from `k` on that has these names; `count`: there is none. */
function next(k: u32, element: usize, named: usize): u32 {
  for (; k < count; k++) {
    const value = valueAt(k);
    if (same(named, value, 8) && same(element, value, 0)) break;
  }
  return k;
}

@inline
function writeValue(out: usize, value: usize): usize {
  store<u32>(value, 1, 28);
  return text(out, load<u32>(value, 16), load<u32>(value, 20), load<u32>(value, 24) != 0);
}

/** Whether the names at `at` of two values are equal. */
@inline
function same(a: usize, b: usize, at: usize): bool {
  const bytes = load<u32>(a + at, 4);
  if (load<u32>(a + at) == load<u32>(b + at)) return true;
  return bytes == load<u32>(b + at, 4) && memory.compare(load<u32>(a + at), load<u32>(b + at), bytes) == 0;
}

function key(out: usize, at: usize, bytes: usize): usize {
  store<u8>(out++, QUOTE);
  out = escape(at, at + bytes, out);
  store<u16>(out, 0x3a22);
  return out + 2;
}

function text(out: usize, at: usize, bytes: usize, escapes: bool): usize {
  store<u8>(out++, QUOTE);
  const to = at + bytes;
  while (escapes && at < to) {
    // Up to a backslash that stands before one of the three; what follows it is written as it is.
    let next = at;
    while (next < to && !(load<u8>(next) == BACKSLASH && next + 1 < to && isEscaped(load<u8>(next, 1)))) next++;
    out = escape(at, next, out);
    if (next == to) {
      at = to;
      break;
    }
    out = escape(next + 1, next + 2, out);
    at = next + 2;
  }
  if (at < to) out = escape(at, to, out);
  store<u8>(out++, QUOTE);
  return out;
}

@inline
function isEscaped(c: u8): bool {
  return c == QUOTE || c == BACKSLASH || c == CLOSE;
}
