// Private keys, of many lines:
//
//   -----BEGIN RSA PRIVATE KEY-----
//   MIIEpAIBAAKCAQEA...                  up to hundreds of lines
//   -----END RSA PRIVATE KEY-----
//
// Where all of it is in one record that part is masked. Else each record from that with BEGIN to that with END is masked
// as a whole, up to LONGEST bytes: then it was no key. A file that is read on from somewhere in it may be within a key:
// then lines are masked that may be of one, up to the first that cannot be.
import { BACKSLASH, DASH } from './scan.as';
import { countSecret, from, hit, isWordByte, replace, to } from './mask-spans.as';

export const PRIVATE_KEY: u32 = 4;
/** A key of 16,384 bits takes 12 KiB, and each of its lines may have something before it. */
const LONGEST: u32 = 65536;
const UNKNOWN: u32 = 0x80000000;
/** `-----BEGIN`, `PRIVATE KEY` and `-----END`, as little-endian words. */
const DASHES: u32 = 0x2d2d2d2d;
const PRIV: u64 = 0x2045544156495250;
const LONG_WORD: usize = 32;

/** Bytes that a key which has begun may still have; 0: none has. With UNKNOWN: it may be that one has. */
export let open: u32 = 0;

/** `unknown`: it may be that a key has begun before. */
export function useKey(left: u32, unknown: bool): void {
  open = unknown ? UNKNOWN | LONGEST : left;
}

/** Whether the record is a part of a key that has begun before it: then it is masked. */
export function isOfKey(): bool {
  if (open == 0) return false;
  const ends = endOfKey(from) != 0;
  if (open & UNKNOWN && !ends && !mayBeOfKey()) {
    open = 0;
    return false;
  }
  if (from < to) replace(from, to, PRIVATE_KEY, false);
  const bytes = <u32>(to - from) + 1;
  const left = open & ~UNKNOWN;
  open = ends || left <= bytes ? 0 : open - bytes;
  return true;
}

/** `BEG` stands at `at`. Returns the address behind the key; 0: none begins here. */
export function keyAt(at: usize): usize {
  const begin = at - 5;
  if (begin < from || load<u32>(begin) != DASHES || load<u8>(at - 1) != DASH || load<u32>(at + 2) != 0x204e4947) return 0;
  let next = at + 6;
  while (next < to && load<u8>(next) != DASH) {
    if (next + 11 <= to && isPrivateKey(next)) break;
    next++;
  }
  if (next >= to || load<u8>(next) == DASH) return 0;
  const end = endOfKey(next);
  if (end) {
    hit(begin, end, PRIVATE_KEY);
    return end;
  }
  countSecret(PRIVATE_KEY);
  replace(from, to, PRIVATE_KEY, false);
  open = LONGEST;
  return to;
}

@inline
function isPrivateKey(at: usize): bool {
  return load<u64>(at) == PRIV && (load<u32>(at, 8) & 0xffffff) == 0x59454b;
}

/** The address behind `-----END ...-----`; 0: it is not in the record. */
function endOfKey(at: usize): usize {
  for (; at + 9 <= to; at++) {
    if (load<u8>(at) != DASH || load<u32>(at) != DASHES || load<u32>(at, 5) != 0x20444e45) continue;
    let end = at + 9;
    while (end + 5 <= to && !(load<u32>(end) == DASHES && load<u8>(end, 4) == DASH)) end++;
    return end + 5 <= to ? end + 5 : to;
  }
  return 0;
}

/** A line of base64, whatever stands before it where it is long; what a key has before that; or nothing. */
function mayBeOfKey(): bool {
  // Proc, DEK-
  if (to - from > 8 && (load<u32>(from) == 0x636f7250 || load<u32>(from) == 0x2d4b4544)) return true;
  let at = to;
  while (at > from && isBase64(load<u8>(at - 1))) at--;
  return at == from || (to - at >= LONG_WORD && load<u8>(at - 1) != BACKSLASH);
}

@inline
function isBase64(c: u8): bool {
  return (isWordByte(c) && c != 0x5f) || c == 0x2b || c == 0x2f || c == 0x3d;
}
