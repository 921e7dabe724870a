// klog and glog: I0921 14:13:20.123456   12345 file.go:123] message
import { RAW, TEXT } from './cells.as';
import { option, put, putTime } from './found.as';
import { BLANK, CLOSE, COLON, areDigits, find, isDigit } from './scan.as';
import { NO_TIME } from './time.as';
import { stepsEnded, stepsTime } from './timesteps.as';

const LEVEL: u32 = 0, PROCESS: u32 = 1, FILE: u32 = 2, LINE: u32 = 3, MESSAGE: u32 = 4, CLAIMED: u32 = 5;
/** Letters, and the word of each at `option` 1: address and bytes. */
const LETTERS: u32 = 0x46455749; // IWEF

/** `option` 0: the steps of its time; 1: where the words of its levels are. */
export function klog(program: usize, at: usize, to: usize): bool {
  if (to < at + 2) return false;
  let letter: u32 = 0;
  while (letter < 4 && load<u8>(at) != <u8>(LETTERS >> (letter << 3))) letter++;
  if (letter == 4) return false;
  const words: usize = option(program, 1) + (letter << 3);
  put(LEVEL, load<u32>(words), load<u32>(words, 4), TEXT);
  at++;
  const ms = stepsTime(option(program, 0), at, to, load<u32>(program, 4));
  if (ms == NO_TIME) return false;
  putTime(ms, CLAIMED, at, stepsEnded - at);
  at = stepsEnded;
  if (at >= to || load<u8>(at) != BLANK) return false;
  while (at < to && load<u8>(at) == BLANK) at++;
  let end = at;
  while (end < to && isDigit(end)) end++;
  if (end == at || end >= to || load<u8>(end) != BLANK) return false;
  put(PROCESS, at, end - at, number(at, end));
  at = end + 1;
  end = find(at, to, CLOSE);
  if (end == to) return false;
  let colon = end - 1;
  while (colon > at && load<u8>(colon) != COLON) colon--;
  if (colon <= at || !areDigits(colon + 1, end)) return false;
  put(FILE, at, colon - at, TEXT);
  put(LINE, colon + 1, end - colon - 1, number(colon + 1, end));
  at = end + 1;
  if (at < to && load<u8>(at) == BLANK) at++;
  put(MESSAGE, at, to - at, TEXT);
  return true;
}

/** Digits are a number as JSON writes it, unless they begin with a zero. */
@inline
function number(at: usize, to: usize): u32 {
  return load<u8>(at) == 0x30 && to - at > 1 ? TEXT : RAW;
}
