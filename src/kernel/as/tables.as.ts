// The five tables of the slot in use. Record i is memory[start(i), end(i)).

let starts: usize = 0;
let ends: usize = 0;
let sources: usize = 0;
let lengths: usize = 0;
let flagBits: usize = 0;

export function useSlot(startsAt: usize, endsAt: usize, sourceAt: usize, lengthAt: usize, flagsAt: usize): void {
  starts = startsAt;
  ends = endsAt;
  sources = sourceAt;
  lengths = lengthAt;
  flagBits = flagsAt;
}

@inline
export function start(i: u32): usize {
  return load<u32>(starts + (<usize>i << 2));
}

@inline
export function end(i: u32): usize {
  return load<u32>(ends + (<usize>i << 2));
}

@inline
export function source(i: u32): u32 {
  return load<u32>(sources + (<usize>i << 2));
}

@inline
export function length(i: u32): u32 {
  return load<u32>(lengths + (<usize>i << 2));
}

@inline
export function flags(i: u32): u32 {
  return load<u8>(flagBits + i);
}

@inline
export function setRecord(i: u32, startAt: usize, endAt: usize, from: u32, bytes: u32): void {
  const at = <usize>i << 2;
  store<u32>(starts + at, startAt);
  store<u32>(ends + at, endAt);
  store<u32>(sources + at, from);
  store<u32>(lengths + at, bytes);
  store<u8>(flagBits + i, 0);
}

/** Record i is memory [startAt, endAt) now. */
@inline
export function setText(i: u32, startAt: usize, endAt: usize): void {
  const at = <usize>i << 2;
  store<u32>(starts + at, startAt);
  store<u32>(ends + at, endAt);
}

@inline
export function setFlags(i: u32, bits: u32): void {
  store<u8>(flagBits + i, <u8>bits);
}
