// What a regular expression has to undo or to try yet, and the slots that it captures places in.
//
// An entry of the stack has 16 bytes: [slot, its value, its mark, 1], [instruction, place, -, 0],
// [GREEDY, place, lowest place, 2]. The last word has, above those two bits, which choice was the newest before.

export const UNDO: u32 = 1;
export const RUN: u32 = 2;
export const ENTRY: usize = 16;
const STACK_BYTES: usize = 131072;
/** An instruction adds at most so many bytes, with all slots that it may clear. */
const AN_INSTRUCTION: usize = 4096;
/** A slot's mark: the choice that was the newest when its value was put on the stack. */
const MARKS: usize = 1024;
/** A walk has 16 bytes: the match that it is of, the run's end, its lowest beginning. */
const WALKS: usize = 2048;
const MOST_SERIALS: u32 = 0x10000000;

export let stack: usize = 0;
/** No instruction may begin beyond. */
export let stackLimit: usize = 0;
let slots: usize = 0;
/** The newest choice on the stack; 0: there is none. */
let newest: u32 = 0;
let serial: u32 = 0;
/** Slots were set that nothing undoes. */
export let kept: bool = false;

/** [at, + 128 KiB + 24 KiB) is for what is tried. */
export function useStack(at: usize): void {
  stack = at;
  stackLimit = at + STACK_BYTES - AN_INSTRUCTION;
  slots = at + STACK_BYTES;
}

/** The value of a slot; 0: it has none. */
@inline
export function slot(i: u32): u32 {
  return load<u32>(slots + (<usize>i << 2));
}

@inline
export function walkOf(i: u32): usize {
  return slots + WALKS + (<usize>i << 4);
}

@inline
export function clearSlots(count: u32): void {
  for (let i: u32 = 0; i < count; i += 4) v128.store(slots + (<usize>i << 2), i64x2.splat(0));
  kept = false;
}

/** A new line. */
@inline
export function beginSerials(): void {
  if (serial < MOST_SERIALS) return;
  serial = 0;
  memory.fill(slots + MARKS, 0, MARKS);
}

@inline
export function emptyStack(): usize {
  newest = 0;
  return stack;
}

@inline
function push(top: usize, a: usize, b: usize, c: usize, kind: u32): usize {
  store<u32>(top, <u32>a);
  store<u32>(top, <u32>b, 4);
  store<u32>(top, <u32>c, 8);
  store<u32>(top, kind | (newest << 2), 12);
  return top + ENTRY;
}

/** A choice: another instruction to go on with at a place, or (RUN) another place of a run, not below `lowest`. */
@inline
export function pushChoice(top: usize, pc: usize, at: usize, lowest: usize, kind: u32): usize {
  const next = push(top, pc, at, lowest, kind);
  newest = ++serial;
  return next;
}

/** Of the entry at `top`, which is taken off: what it is. */
@inline
export function takeOff(top: usize): u32 {
  const word = load<u32>(top, 12);
  newest = word >> 2;
  return word & 3;
}

/** Leaves the RUN at `top` where it is, with another place. */
@inline
export function leaveOn(top: usize, at: usize): usize {
  store<u32>(top, <u32>at, 4);
  newest = ++serial;
  return top + ENTRY;
}

/** Sets a slot so that it is undone with the newest choice. */
@inline
export function setSlot(top: usize, i: u32, value: usize): usize {
  const at = slots + (<usize>i << 2);
  const mark = load<u32>(at + MARKS);
  if (newest == 0) kept = true;
  else if (mark != newest) {
    top = push(top, at, load<u32>(at), mark, UNDO);
    store<u32>(at + MARKS, newest);
  }
  store<u32>(at, <u32>value);
  return top;
}

@inline
export function undo(top: usize): void {
  const at = <usize>load<u32>(top);
  store<u32>(at, load<u32>(top, 4));
  store<u32>(at + MARKS, load<u32>(top, 8));
}
