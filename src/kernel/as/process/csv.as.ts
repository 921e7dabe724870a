// Values between separators: RFC 4180, with a separator of one's own. A value in quotes may have separators and line
// feeds, and a quote as two; a quote elsewhere is an error, as are fewer or more values than there are columns.
import { TEXT, sideTake } from './cells.as';
import { option, put } from './found.as';
import { QUOTE, find } from './scan.as';

/** `option` 0: the separator. The columns are the fields. */
export function csv(program: usize, at: usize, to: usize): bool {
  const columns: u32 = load<u32>(program, 8);
  const separator = <u8>option(program, 0);
  for (let column: u32 = 0; column < columns; column++) {
    if (column > 0) {
      if (at >= to || load<u8>(at) != separator) return false;
      at++;
    }
    if (at < to && load<u8>(at) == QUOTE) {
      at = quoted(column, at + 1, to);
      if (at == 0) return false;
      continue;
    }
    const end = valueEnd(at, to, separator);
    if (end < to && load<u8>(end) == QUOTE) return false;
    put(column, at, end - at, TEXT);
    at = end;
  }
  return at == to;
}

/** Where a separator or a quote stands. */
@inline
function valueEnd(at: usize, to: usize, separator: u8): usize {
  for (; at < to; at += 16) {
    const bytes = v128.load(at);
    const ends = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>separator)), i8x16.eq(bytes, i8x16.splat(<i8>QUOTE)));
    const places = <u32>i8x16.bitmask(ends);
    if (places) return min(at + ctz(places), to);
  }
  return to;
}

/** Returns behind the closing quote; 0: there is none, or no room. */
function quoted(column: u32, at: usize, to: usize): usize {
  const from = at;
  let doubled = 0;
  for (;;) {
    at = find(at, to, QUOTE);
    if (at >= to) return 0;
    if (at + 1 >= to || load<u8>(at, 1) != QUOTE) break;
    doubled++;
    at += 2;
  }
  if (doubled == 0) {
    put(column, from, at - from, TEXT);
    return at + 1;
  }
  const out = sideTake(at - from);
  if (out == 0) return 0;
  let next = out;
  for (let i = from; i < at; i++) {
    const c = load<u8>(i);
    store<u8>(next++, c);
    if (c == QUOTE) i++;
  }
  put(column, out, next - out, TEXT);
  return at + 1;
}
