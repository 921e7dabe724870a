// Masks what a pattern of the user matches, or its one group.
import { end, start } from '../tables.as';
import { gaveUp } from './regex.as';
import { regexAll, regexStopped } from './regex-lines.as';
import { MOST_SPANS, beginRecord, hit, isEscaped, json, spans, to } from './mask-spans.as';

const ENOUGH: u32 = MOST_SPANS / 2;
const LETTER_U: u8 = 0x75;

/** Records that took too many steps: they are masked as a whole. */
export let tooLong: u32 = 0;

/**
 * Records [first, count), as far as there is room to note what is found; returns the first that is not looked at. `found`
 * is room for `most` matches.
 */
export function maskMatches(program: usize, groups: u32, rule: u32, first: u32, count: u32, found: usize, most: u32): u32 {
  tooLong = 0;
  let i = first;
  for (; i < count && spans < ENOUGH; i++) maskMatchesIn(program, groups, rule, start(i), end(i), found, most);
  return i;
}

export function maskMatchesIn(program: usize, groups: u32, rule: u32, low: usize, high: usize, found: usize, most: u32): void {
  beginRecord(low, high);
  let at = low;
  do {
    const before = gaveUp;
    const matches = regexAll(program, at, low, high, groups, found, most);
    at = regexStopped;
    for (let k: u32 = 0; k < matches; k++) {
      const match = found + (<usize>k << 3);
      whole(load<u32>(match), load<u32>(match, 4), rule);
    }
    if (gaveUp != before) {
      tooLong++;
      hit(low, high, rule);
      return;
    }
  } while (at != 0);
}

/** In JSON not a part of an escape alone. */
@inline
function whole(begin: usize, end: usize, rule: u32): void {
  if (json) {
    for (let k: usize = 1; k <= 4; k++) {
      if (load<u8>(begin - k) == LETTER_U && isEscaped(begin - k)) begin -= k;
      if (load<u8>(end - k) == LETTER_U && isEscaped(end - k)) end = min(to, end + 5 - k);
    }
    if (isEscaped(begin)) begin--;
    if (isEscaped(end)) end = min(to, end + 1);
  }
  hit(begin, end, rule);
}
