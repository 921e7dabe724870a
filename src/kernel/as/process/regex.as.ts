// Regular expressions over bytes: a backtracker that takes no choice twice at one place, and to which most choices are
// none, since the first byte of what may follow tells. Runs of a class are scanned sixteen bytes at a time. A line that
// takes too many steps counts as one that does not match.
import {
  AHEAD, BEGIN, BEHIND, BRANCH, CHOICE, CLASS, CLEAR, END, GREEDY, GROUP, LAZY, LEAST, MATCH, MOST, NEXT, OTHER, SAVE, SECOND, SET,
  SPAN, SPLIT, TEXT, WORD,
} from './regex-code.as';
import { beginMemo, endMemo, fresh, memoFull } from './regex-memo.as';
import { AT_END, FLAGS, before, begins, forgetWalked, isBoundary, lastBegin, nextBegin, nextOf, runEnd, taken, walked } from './regex-sets.as';
import {
  ENTRY, RUN, UNDO, beginSerials, clearSlots, emptyStack, kept, leaveOn, pushChoice, setSlot, slot, stack, stackLimit, takeOff,
  undo, walkOf,
} from './regex-stack.as';

const MOST_STEPS: u32 = 250000;
const LEAST_STEPS: u32 = 16384;
const STEPS_A_BYTE: u32 = 32;
/** What takes as long as so many. */
const A_START: u32 = 6;
const A_RUN: u32 = 8;
const A_CHOICE: u32 = 8;
/** Of a run, eight bytes are one. */
const A_STEP: u32 = 3;
const A_TURN_BACK: u32 = 6;

let code: usize = 0;
let choices: u32 = 0;
let slotCount: u32 = 0;
let anchored: bool = false;
let first: usize = 0;

let steps: u32 = 0;
let budget: u32 = 0;
let over: bool = false;
let line: usize = 0;
let match: u32 = 0;
export let matchedTo: usize = 0;
export let gaveUp: u32 = 0;

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
  clearSlots(slotCount);
  if (again) return;
  steps = 0;
  forgetWalked();
  budget = min(LEAST_STEPS + STEPS_A_BYTE * <u32>min(to - from, MOST_STEPS), MOST_STEPS);
  beginSerials();
}

/** The first match from `from` on; its end is in `matchedTo`. Returns where it begins, 0: there is none. */
export function find(from: usize, to: usize): usize {
  over = memoFull;
  let at = from;
  let found: usize = 0;
  if (anchored) found = !over && from == line && matchAt(at, to) ? at : 0;
  else {
    for (; at <= to && !over; at++) {
      if (first && !begins(first, at, to)) {
        const next = nextOf(first, at, to);
        steps += <u32>(next - at) >> A_STEP;
        at = next;
        if (at == to && !load<u8>(first + FLAGS + AT_END)) break;
      }
      steps += A_START;
      if (at < to && !isBoundary(at, line)) continue;
      if (matchAt(at, to)) {
        found = at;
        break;
      }
      if (kept) clearSlots(slotCount);
    }
  }
  if (over) gaveUp++;
  endMemo();
  return found;
}

function matchAt(from: usize, to: usize): bool {
  let top = emptyStack();
  let pc = code;
  let at = from;
  for (;;) {
    if (++steps + walked > budget || top > stackLimit) {
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
        steps++;
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
        steps += <u32>(end - at) >> A_STEP;
        if (end - at < load<u32>(pc, LEAST)) break;
        const group = load<u32>(pc, GROUP);
        if (group) top = setSlot(setSlot(top, 2 * group - 2, at), 2 * group - 1, end);
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
          steps += A_CHOICE;
          top = pushChoice(top, load<u32>(pc, OTHER), at, 0, 0);
        }
        pc = load<u32>(pc, NEXT);
        continue;
      case SAVE:
        top = setSlot(top, load<u32>(pc, LEAST), at);
        pc = load<u32>(pc, NEXT);
        continue;
      case CLEAR:
        for (let i = load<u32>(pc, LEAST); i <= load<u32>(pc, MOST); i++) {
          if (slot(i)) top = setSlot(top, i, 0);
        }
        pc = load<u32>(pc, NEXT);
        continue;
      case GREEDY: {
        const walk = walkOf(load<u32>(pc, MOST));
        const least = <usize>load<u32>(pc, LEAST);
        const known = load<u32>(walk) == match;
        const end = <usize>load<u32>(walk, 4);
        const lowest = <usize>load<u32>(walk, 8);
        // No run at all: there is no choice.
        if (least == 0 && !begins(load<u32>(pc, SET), at, to)) {
          if (!begins(load<u32>(pc, SECOND), at, to)) break;
          pc = load<u32>(pc, NEXT);
          continue;
        }
        // All of the run behind `lowest` was tried, or is about to be.
        if (known && at >= lowest && at <= end) break;
        const run = runEnd(load<u32>(pc, SET), at, to);
        steps += A_RUN + (<u32>(run - at) >> A_STEP);
        let last = run;
        if (known && run == end && lowest > at) last = min(run, lowest + least - 1);
        store<u32>(walk, match);
        store<u32>(walk, <u32>run, 4);
        store<u32>(walk, <u32>at, 8);
        if (last < at + least) break;
        top = pushChoice(top, pc, last, at + least, RUN);
        break;
      }
      case LAZY: {
        const second = <usize>load<u32>(pc, SECOND);
        const next = nextBegin(second, at, to, line);
        const end = runEnd(load<u32>(pc, SET), at, next);
        steps += A_RUN + 2 * ((<u32>(next - at)) >> A_STEP);
        if (end < next || (next == to && !load<u8>(second + FLAGS + AT_END))) break;
        if (!fresh(load<u32>(pc, CHOICE), <u32>(next - line))) break;
        steps += A_CHOICE;
        const bytes = taken(load<u32>(pc, SET), next, to);
        if (bytes) {
          top = pushChoice(top, pc, next + bytes, 0, 0);
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
    steps += A_TURN_BACK;
    for (;;) {
      if (memoFull) {
        over = true;
        return false;
      }
      if (top == stack) return false;
      top -= ENTRY;
      const kind = takeOff(top);
      if (kind == UNDO) {
        steps++;
        undo(top);
        continue;
      }
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
        top = leaveOn(top, place - 1);
      }
      if (!fresh(load<u32>(run, CHOICE), <u32>(place - line))) {
        if (++steps > budget) {
          over = true;
          return false;
        }
        continue;
      }
      steps += A_CHOICE;
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
  const place = lastBegin(set, at, lowest, line);
  steps += A_RUN + (<u32>(from - place) >> A_STEP);
  return place;
}
