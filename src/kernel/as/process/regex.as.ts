// Regular expressions over bytes: a backtracker that takes no choice twice at one place, and to which most choices are
// none, since the first byte of what may follow tells. Runs of a class are scanned sixteen bytes at a time. A line that
// takes too many steps counts as one that does not match.
//
// kernel/process/regex/place.ts writes the programs. An instruction has eight words:
//
//   op | next | other | set, or text | second set | least, slot, bytes of text | number of the choice | most, last slot
//
//   MATCH    it has matched
//   TEXT     these bytes, at most 16
//   CLASS    a character of the set
//   SPAN     a run of the set: what follows cannot begin with one
//   BRANCH   next where the set begins, else other
//   SPLIT    next, and if that fails other; the sets tell how each may begin
//   SAVE     the place, in a slot
//   CLEAR    slots [slot, last slot]: what a turn of a loop captured is not that of the turn before
//   GREEDY   a run of the set, then what follows, at its last place, or the one before, ...; number of the walk behind `most`
//   LAZY     the same from its first place on
//   BEGIN, END, WORD, AHEAD, BEHIND   look only; `least` 1: it must not be so
//
// The stack has what is to be undone or tried, 16 bytes each: [slot, its value, its mark, 1], [instruction, place, -, 0],
// [GREEDY, place, lowest place, 2]. The last word has, above those two bits, which choice was the newest before.
import { beginMemo, endMemo, fresh, memoFull } from './regex-memo.as';
import { AT_END, FLAGS, before, begins, isBoundary, lastOf, nextOf, runEnd, taken } from './regex-sets.as';

const NEXT: usize = 4;
const OTHER: usize = 8;
const SET: usize = 12;
const SECOND: usize = 16;
const LEAST: usize = 20;
const CHOICE: usize = 24;
const MOST: usize = 28;

const MATCH: u32 = 0;
const TEXT: u32 = 1;
const CLASS: u32 = 2;
const SPAN: u32 = 3;
const BRANCH: u32 = 4;
const SPLIT: u32 = 5;
const SAVE: u32 = 6;
const CLEAR: u32 = 7;
const GREEDY: u32 = 8;
const LAZY: u32 = 9;
const BEGIN: u32 = 10;
const END: u32 = 11;
const WORD: u32 = 12;
const AHEAD: u32 = 13;
const BEHIND: u32 = 14;

const UNDO: u32 = 1;
const RUN: u32 = 2;
const ENTRY: usize = 16;
const STACK_BYTES: usize = 131072;
/** A slot's mark: the choice that was the newest when its value was put on the stack. */
const MARKS: usize = 1024;
/** A walk has 16 bytes: the match that it is of, the run's end, its lowest beginning. */
const WALKS: usize = 2048;

const MOST_STEPS: u32 = 250000;
const LEAST_STEPS: u32 = 8192;
const STEPS_A_BYTE: u32 = 16;

let stack: usize = 0;
let slots: usize = 0;
let code: usize = 0;
let choices: u32 = 0;
let slotCount: u32 = 0;
let anchored: bool = false;
let first: usize = 0;

let steps: u32 = 0;
let budget: u32 = 0;
let over: bool = false;
let line: usize = 0;
let newest: u32 = 0;
let serial: u32 = 0;
let match: u32 = 0;
/** Slots were set that nothing undoes. */
let kept: bool = false;
export let matchedTo: usize = 0;
export let gaveUp: u32 = 0;

/** [at, + 128 KiB + 24 KiB) is for what is tried. */
export function useStack(at: usize): void {
  stack = at;
  slots = at + STACK_BYTES;
}

@inline
export function slot(i: u32): u32 {
  return load<u32>(slots + (<usize>i << 2));
}

export function forgetGaveUp(): void {
  gaveUp = 0;
}

/** The program whose head is at `at`. */
export function useProgram(at: usize): void {
  code = load<u32>(at);
  choices = load<u32>(at, 4);
  slotCount = load<u32>(at, 8);
  anchored = load<u32>(at, 12) != 0;
  first = load<u32>(at, 16);
}

/** A new line, or what is behind a match of it. */
export function beginLine(from: usize, to: usize, again: bool): void {
  line = from;
  beginMemo(choices, <u32>(to - from) + 1);
  match++;
  clearSlots();
  if (again) return;
  steps = 0;
  budget = min(LEAST_STEPS + STEPS_A_BYTE * <u32>min(to - from, MOST_STEPS), MOST_STEPS);
  if (serial > 0x10000000) {
    serial = 0;
    memory.fill(slots + MARKS, 0, MARKS);
  }
}

@inline
function clearSlots(): void {
  for (let i: u32 = 0; i < slotCount; i++) store<u32>(slots + (<usize>i << 2), 0);
  kept = false;
}

/** The first match from `from` on; its end is in `matchedTo`. Returns where it begins, 0: there is none. */
export function find(from: usize, to: usize): usize {
  over = memoFull;
  let at = from;
  let found: usize = 0;
  if (anchored) found = !over && from == line && matchAt(at, to) ? at : 0;
  else {
    for (; at <= to && !over; at++) {
      if (first) {
        const next = nextOf(first, at, to);
        steps += <u32>(next - at) >> 4;
        at = next;
        if (at == to && !load<u8>(first + FLAGS + AT_END)) break;
      }
      if (at < to && !isBoundary(at, line)) continue;
      if (matchAt(at, to)) {
        found = at;
        break;
      }
      if (kept) clearSlots();
    }
  }
  if (over) gaveUp++;
  endMemo();
  return found;
}

@inline
function push(top: usize, a: usize, b: usize, c: usize, kind: u32): usize {
  store<u32>(top, <u32>a);
  store<u32>(top, <u32>b, 4);
  store<u32>(top, <u32>c, 8);
  store<u32>(top, kind | (newest << 2), 12);
  return top + ENTRY;
}

/** Sets a slot so that it is undone with the newest choice. */
@inline
function setSlot(top: usize, at: usize, value: u32): usize {
  const mark = load<u32>(at + MARKS);
  if (newest != 0 && mark != newest) {
    top = push(top, at, load<u32>(at), mark, UNDO);
    store<u32>(at + MARKS, newest);
  }
  if (newest == 0) kept = true;
  store<u32>(at, value);
  return top;
}

function matchAt(from: usize, to: usize): bool {
  const limit = stack + STACK_BYTES - 4096;
  let top = stack;
  let pc = code;
  let at = from;
  newest = 0;
  for (;;) {
    if (++steps > budget || top > limit || memoFull) {
      over = true;
      return false;
    }
    switch (load<u32>(pc)) {
      case MATCH:
        matchedTo = at;
        return true;
      case TEXT: {
        const bytes = load<u32>(pc, LEAST);
        const same = <u32>i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(load<u32>(pc, SET))));
        if ((~same & ((1 << bytes) - 1)) != 0 || at + bytes > to) break;
        at += bytes;
        pc = load<u32>(pc, NEXT);
        continue;
      }
      case CLASS: {
        const bytes = taken(load<u32>(pc, SET), at, to);
        if (!bytes) break;
        at += bytes;
        pc = load<u32>(pc, NEXT);
        continue;
      }
      case SPAN: {
        const most = <usize>load<u32>(pc, MOST);
        const end = runEnd(load<u32>(pc, SET), at, most && most < to - at ? at + most : to);
        steps += <u32>(end - at) >> 4;
        if (end - at < load<u32>(pc, LEAST)) break;
        at = end;
        pc = load<u32>(pc, NEXT);
        continue;
      }
      case BRANCH:
        pc = begins(load<u32>(pc, SET), at, to) ? load<u32>(pc, NEXT) : load<u32>(pc, OTHER);
        continue;
      case SPLIT:
        if (!begins(load<u32>(pc, SET), at, to)) {
          pc = load<u32>(pc, OTHER);
          continue;
        }
        if (begins(load<u32>(pc, SECOND), at, to)) {
          if (!fresh(load<u32>(pc, CHOICE), <u32>(at - line))) break;
          top = push(top, load<u32>(pc, OTHER), at, 0, 0);
          newest = ++serial;
        }
        pc = load<u32>(pc, NEXT);
        continue;
      case SAVE:
        top = setSlot(top, slots + (<usize>load<u32>(pc, LEAST) << 2), <u32>at);
        pc = load<u32>(pc, NEXT);
        continue;
      case CLEAR:
        for (let i = load<u32>(pc, LEAST); i <= load<u32>(pc, MOST); i++) {
          const where = slots + (<usize>i << 2);
          if (load<u32>(where)) top = setSlot(top, where, 0);
        }
        pc = load<u32>(pc, NEXT);
        continue;
      case GREEDY: {
        const walk = slots + WALKS + (<usize>load<u32>(pc, MOST) << 4);
        const least = <usize>load<u32>(pc, LEAST);
        const known = load<u32>(walk) == match;
        const end = <usize>load<u32>(walk, 4);
        const lowest = <usize>load<u32>(walk, 8);
        // All of the run behind `lowest` was tried, or is about to be.
        if (known && at >= lowest && at <= end) break;
        const run = runEnd(load<u32>(pc, SET), at, to);
        steps += <u32>(run - at) >> 4;
        let last = run;
        if (known && run == end && lowest > at) last = min(run, lowest + least - 1);
        store<u32>(walk, match);
        store<u32>(walk, <u32>run, 4);
        store<u32>(walk, <u32>at, 8);
        if (last < at + least) break;
        top = push(top, pc, last, at + least, RUN);
        newest = ++serial;
        break;
      }
      case LAZY: {
        const second = <usize>load<u32>(pc, SECOND);
        let next = nextOf(second, at, to);
        while (next < to && !isBoundary(next, line)) next = nextOf(second, next + 1, to);
        const end = runEnd(load<u32>(pc, SET), at, next);
        steps += <u32>(next - at) >> 4;
        if (end < next || (next == to && !load<u8>(second + FLAGS + AT_END))) break;
        if (!fresh(load<u32>(pc, CHOICE), <u32>(next - line))) break;
        const bytes = taken(load<u32>(pc, SET), next, to);
        if (bytes) {
          top = push(top, pc, next + bytes, 0, 0);
          newest = ++serial;
        }
        at = next;
        pc = load<u32>(pc, NEXT);
        continue;
      }
      case BEGIN:
        if (at != line) break;
        pc = load<u32>(pc, NEXT);
        continue;
      case END:
        if (at != to) break;
        pc = load<u32>(pc, NEXT);
        continue;
      case WORD: {
        const set = <usize>load<u32>(pc, SET);
        const here = begins(set, at, to);
        const there = at > line && begins(set, at - 1, to);
        if (<u32>(here != there) == load<u32>(pc, LEAST)) break;
        pc = load<u32>(pc, NEXT);
        continue;
      }
      case AHEAD: {
        const set = <usize>load<u32>(pc, SET);
        const is = at < to ? taken(set, at, to) != 0 : load<u8>(set + FLAGS + AT_END) != 0;
        if (<u32>is == load<u32>(pc, LEAST)) break;
        pc = load<u32>(pc, NEXT);
        continue;
      }
      case BEHIND: {
        const set = <usize>load<u32>(pc, SET);
        const is = at > line ? taken(set, before(at, line), at) != 0 : load<u8>(set + FLAGS + AT_END) != 0;
        if (<u32>is == load<u32>(pc, LEAST)) break;
        pc = load<u32>(pc, NEXT);
        continue;
      }
      default:
        break;
    }
    // Back to the newest choice that has another way.
    for (;;) {
      if (top == stack) return false;
      top -= ENTRY;
      const kind = load<u32>(top, 12) & 3;
      if (kind == UNDO) {
        const where = <usize>load<u32>(top);
        store<u32>(where, load<u32>(top, 4));
        store<u32>(where + MARKS, load<u32>(top, 8));
        continue;
      }
      const previous = load<u32>(top, 12) >> 2;
      newest = previous;
      if (kind != RUN) {
        pc = load<u32>(top);
        at = load<u32>(top, 4);
        break;
      }
      const run = <usize>load<u32>(top);
      const lowest = <usize>load<u32>(top, 8);
      const place = lastPlace(load<u32>(run, SECOND), load<u32>(top, 4), lowest, to);
      if (place < lowest) continue;
      if (place > lowest) {
        store<u32>(top, <u32>place - 1, 4);
        top += ENTRY;
        newest = ++serial;
      }
      if (!fresh(load<u32>(run, CHOICE), <u32>(place - line))) {
        if (++steps > budget) {
          over = true;
          return false;
        }
        continue;
      }
      pc = load<u32>(run, NEXT);
      at = place;
      break;
    }
  }
  return false;
}

/** The last place in [lowest, at] where what begins with the set may begin; lowest - 1: there is none. */
@inline
function lastPlace(set: usize, at: usize, lowest: usize, to: usize): usize {
  if (at == to) {
    if (load<u8>(set + FLAGS + AT_END)) return at;
    if (at == lowest) return lowest - 1;
    at--;
  }
  const from = at;
  let place = lastOf(set, at, lowest);
  while (place >= lowest && !isBoundary(place, line)) place = lastOf(set, place - 1, lowest);
  steps += <u32>(from - place) >> 4;
  return place;
}
