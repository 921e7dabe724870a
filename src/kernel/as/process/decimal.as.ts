// Numbers as they are written, compared exactly however long they are: -12.50e3
//
//   sign? digits (. digits)? (e sign? digits)?        zeros before them do no harm

const MINUS: u32 = 0x2d;
const PLUS: u32 = 0x2b;
const POINT: u32 = 0x2e;
const ZERO: u32 = 0x30;
const E: u32 = 0x65;
/** What is further from 1 is alike. */
const FAR: i32 = 1_000_000_000;

/** What `compare` gives for what is no number. */
export const UNORDERED: i32 = 2;

// The number that was read last: 0.digits x 10^exponent; no digits: it is 0.
let negative: bool = false;
let exponent: i32 = 0;
let digitsAt: usize = 0;
let digitsEnd: usize = 0;

// The one that others are compared with.
let otherNegative: bool = false;
let otherExponent: i32 = 0;
let otherAt: usize = 0;
let otherEnd: usize = 0;

/** The number that memory [from, to) is where it is nothing but at most nine digits; -1: it is something else. */
export function fewDigits(from: usize, to: usize): i32 {
  if (from == to || to - from > 9) return -1;
  let number: u32 = 0;
  for (let at = from; at < to; at++) {
    const digit = <u32>load<u8>(at) - ZERO;
    if (digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** Memory [from, to), a number, is what others are compared with. */
export function take(from: usize, to: usize): void {
  read(from, to);
  otherNegative = negative;
  otherExponent = exponent;
  otherAt = digitsAt;
  otherEnd = digitsEnd;
}

/** -1, 0, 1: memory [from, to) is less than that one, the same, more. */
export function compare(from: usize, to: usize): i32 {
  if (!read(from, to)) return UNORDERED;
  if (negative != otherNegative) return negative ? -1 : 1;
  const size = sizes();
  return negative ? -size : size;
}

function sizes(): i32 {
  const none = digitsAt == digitsEnd;
  if (none || otherAt == otherEnd) return none ? (otherAt == otherEnd ? 0 : -1) : 1;
  if (exponent != otherExponent) return exponent < otherExponent ? -1 : 1;
  let at = digitsAt;
  let other = otherAt;
  while (at < digitsEnd || other < otherEnd) {
    if (at < digitsEnd && load<u8>(at) == POINT) at++;
    if (other < otherEnd && load<u8>(other) == POINT) other++;
    const one: u32 = at < digitsEnd ? load<u8>(at) : ZERO;
    const two: u32 = other < otherEnd ? load<u8>(other) : ZERO;
    if (one != two) return one < two ? -1 : 1;
    at++;
    other++;
  }
  return 0;
}

/** False: it is no number. */
function read(from: usize, to: usize): bool {
  let at = from;
  negative = false;
  if (at < to && (load<u8>(at) == MINUS || load<u8>(at) == PLUS)) negative = load<u8>(at++) == MINUS;
  const begin = at;
  let point: usize = 0;
  digitsAt = 0;
  for (; at < to; at++) {
    const byte: u32 = load<u8>(at);
    if (byte == POINT && point == 0) point = at;
    else if (byte - ZERO > 9) break;
    else if (byte != ZERO && digitsAt == 0) digitsAt = at;
  }
  // A digit on each side of the point.
  if (at == begin || !isDigit(begin) || !isDigit(at - 1)) return false;
  digitsEnd = at;
  if (point == 0) point = at;
  exponent = 0;
  if (at < to && !readExponent(at, to)) return false;
  if (digitsAt == 0) {
    digitsAt = digitsEnd;
    negative = false;
  } else exponent += digitsAt < point ? <i32>(point - digitsAt) : 1 - <i32>(digitsAt - point);
  return true;
}

function readExponent(from: usize, to: usize): bool {
  if ((<u32>load<u8>(from) | 0x20) != E) return false;
  let at = from + 1;
  let below = false;
  if (at < to && (load<u8>(at) == MINUS || load<u8>(at) == PLUS)) below = load<u8>(at++) == MINUS;
  if (at == to) return false;
  for (; at < to; at++) {
    const digit = <i32>load<u8>(at) - <i32>ZERO;
    if (<u32>digit > 9) return false;
    exponent = min(exponent * 10 + digit, FAR / 10 - 1);
  }
  if (below) exponent = -exponent;
  return true;
}

@inline
function isDigit(at: usize): bool {
  return <u32>load<u8>(at) - ZERO <= 9;
}
