// What is asked of a regular expression: which lines match, where, and with which groups.
import { end, start } from '../tables.as';
import { holds } from '../search.as';
import { slot } from './regex-stack.as';
import { beginLine, find, matchedTo, useProgram } from './regex.as';

/** In the program's head: the literals of which a line that matches holds one. */
const LITERALS: usize = 20;

let literals: usize = 0;

function use(program: usize): void {
  useProgram(program);
  literals = load<u32>(program + LITERALS);
}

@inline
function first(from: usize, to: usize): usize {
  if (literals && !holds(literals, from, to)) return 0;
  beginLine(from, to, false);
  return find(from, to);
}

/** Whether memory [from, to) matches. Reads up to 16 bytes behind it, as all here do. */
export function regexTest(program: usize, from: usize, to: usize): bool {
  use(program);
  return first(from, to) != 0;
}

/** Which of the records [0, count) match: a byte each at `out`. */
export function regexTestLines(program: usize, count: u32, out: usize): void {
  use(program);
  for (let i: u32 = 0; i < count; i++) store<u8>(out + i, u8(first(start(i), end(i)) != 0));
}

/** Where memory [from, to) matches: begin and end of the match, then of each group (0: it took no part), at `out`. */
export function regexMatch(program: usize, from: usize, to: usize, groups: u32, out: usize): bool {
  use(program);
  const at = first(from, to);
  if (!at) return false;
  store<u32>(out, <u32>at);
  store<u32>(out, <u32>matchedTo, 4);
  for (let i: u32 = 0; i < groups << 1; i++) store<u32>(out + 8 + (<usize>i << 2), slot(i));
  return true;
}

/**
 * All that matches in memory [from, to), from `at` on, one behind the other: begin and end of each, of its first group when there are
 * groups, at `out`; at most `most`. Empty ones are left out. `regexStopped`: where the next search would begin; 0: all
 * was searched.
 */
export let regexStopped: usize = 0;
export function regexAll(program: usize, at: usize, from: usize, to: usize, groups: u32, out: usize, most: u32): u32 {
  use(program);
  regexStopped = 0;
  if (literals && !holds(literals, from, to)) return 0;
  let count: u32 = 0;
  beginLine(from, to, false);
  while (at <= to) {
    const found = find(at, to);
    if (!found) return count;
    const low = groups ? slot(0) : <u32>found;
    const high = groups ? slot(1) : <u32>matchedTo;
    if (high > low) {
      if (count == most) {
        regexStopped = found;
        return count;
      }
      store<u32>(out, low);
      store<u32>(out, high, 4);
      out += 8;
      count++;
    }
    at = matchedTo > found ? matchedTo : found + 1;
    beginLine(from, to, true);
  }
  return count;
}
