// Numbers that say by their digits that they are right: of cards (Luhn, and the issuer's first digits and lengths) and of
// accounts (IBAN: the country's length, and the remainder of 97).
import { DASH } from './scan.as';
import { from, hit, hitCard, isBoundary, isDigitByte, isUpperByte, isWordByte, job, to } from './mask-spans.as';

export const CARD: u32 = 0;
export const IBAN: u32 = 6;
const DOT: u8 = 0x2e;
const LEAST_DIGITS: u32 = 13;
const MOST_DIGITS: u32 = 19;
/** Bytes of each country's account numbers, by its two letters; 0: it has none. */
const LENGTHS: usize = 8;

/** Behind the last card number of the record. */
let cardsTo: usize = 0;

export function beginCards(): void {
  cardsTo = 0;
}

/** Card numbers that begin in the 16 bytes at `block`, where 13 digits and separators follow each other from the places in `runs` on. */
export function cardsIn(block: usize, runs: u32): void {
  while (runs) {
    const at = block + ctz(runs);
    runs &= runs - 1;
    // Cards begin with 2 to 6; times do with 1.
    if (<u32>load<u8>(at) - 0x32 > 4 || (at > from && isDigitByte(load<u8>(at - 1)))) continue;
    // The last digits of one may be the first of what looks like another.
    if (at < cardsTo || !isBoundary(at)) continue;
    // The fraction of a number.
    if (at > from + 1 && load<u8>(at - 1) == DOT && isDigitByte(load<u8>(at - 2))) continue;
    const end = cardEnd(at);
    if (!end) continue;
    hitCard(at, end, CARD);
    cardsTo = end;
  }
}

/** The address behind the last digit; 0: no card number begins here. */
export function cardEnd(at: usize): usize {
  let count: u32 = 0;
  let head: u32 = 0;
  // By where a digit stands: the sum if those at odd places are doubled, and if those at even ones are.
  let oddDoubled: u32 = 0;
  let evenDoubled: u32 = 0;
  let group: u32 = 0;
  let separator: u8 = 0;
  let found: usize = 0;
  for (;;) {
    const byte = at < to ? load<u8>(at) : 0;
    if (isDigitByte(byte)) {
      if (++count > MOST_DIGITS) return found;
      const digit = <u32>byte - 0x30;
      const twice = digit > 4 ? digit * 2 - 9 : digit * 2;
      evenDoubled += count & 1 ? twice : digit;
      oddDoubled += count & 1 ? digit : twice;
      if (count <= 6) head = head * 10 + digit;
      group++;
      at++;
      continue;
    }
    const sum = count & 1 ? oddDoubled : evenDoubled;
    if (count >= LEAST_DIGITS && sum % 10 == 0 && ends(at) && isIssued(head, count)) found = at;
    // Groups but the last have four digits or six, and the same between them.
    if ((byte != 0x20 && byte != DASH) || (separator && byte != separator)) return found;
    if (group < 4 || group > 6 || at + 1 >= to || !isDigitByte(load<u8>(at + 1))) return found;
    separator = byte;
    group = 0;
    at++;
  }
  return 0;
}

/** Nothing that makes it a part of something else follows. */
function ends(at: usize): bool {
  if (at >= to) return true;
  const byte = load<u8>(at);
  if (isWordByte(byte)) return false;
  if (at + 1 >= to) return true;
  const next = load<u8>(at + 1);
  return byte == DASH ? !isWordByte(next) : byte != DOT || !isDigitByte(next);
}

/** `head`: the first six digits. */
function isIssued(head: u32, count: u32): bool {
  const four = head / 100;
  const two = head / 10000;
  // Visa
  if (two / 10 == 4) return count == 13 || count == 16 || count == 19;
  // Mastercard
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return count == 16;
  // American Express
  if (two == 34 || two == 37) return count == 15;
  // Diners Club
  if (two == 36 || two == 38 || two == 39 || (four >= 3000 && four <= 3059) || four == 3095) return count >= 14;
  // Discover, JCB, UnionPay, Mir
  const discover = four == 6011 || two == 65 || (four >= 6440 && four <= 6499);
  const others = (four >= 3528 && four <= 3589) || two == 62 || (four >= 2200 && four <= 2204);
  if (discover || others) return count >= 16;
  // Maestro
  const maestro = four == 5018 || four == 5020 || four == 5038 || four == 5893 || four == 6304;
  return maestro || four == 6759 || (four >= 6761 && four <= 6763);
}

/** An account number may begin here: two letters and a digit. Returns the address behind it; 0: it is none. */
export function ibanAt(at: usize): usize {
  if (!isUpperByte(load<u8>(at)) || !isUpperByte(load<u8>(at + 1)) || !isDigitByte(load<u8>(at + 2))) return 0;
  if (at + 4 > to || !isDigitByte(load<u8>(at + 3)) || !isBoundary(at)) return 0;
  const country = (<usize>load<u8>(at) - 0x41) * 26 + load<u8>(at + 1) - 0x41;
  const length = <u32>load<u8>(<usize>load<u32>(job + LENGTHS) + country);
  if (!length) return 0;
  let rest: u32 = 0;
  let count: u32 = 4;
  let next = at + 4;
  while (count < length) {
    // Written in groups of four.
    if (next + 1 < to && (count & 3) == 0 && load<u8>(next) == 0x20) next++;
    if (next >= to || !alphanumeric(load<u8>(next))) return 0;
    rest = append(rest, load<u8>(next++));
    count++;
  }
  if (next < to && isWordByte(load<u8>(next))) return 0;
  for (let i: usize = 0; i < 4; i++) rest = append(rest, load<u8>(at + i));
  if (rest != 1) return 0;
  hit(at, next, IBAN);
  return next;
}

@inline
function alphanumeric(c: u32): bool {
  return isDigitByte(c) || isUpperByte(c);
}

/** One more digit, or a letter that counts 10 to 35. */
@inline
function append(rest: u32, c: u32): u32 {
  return isDigitByte(c) ? (rest * 10 + c - 0x30) % 97 : (rest * 100 + c - 0x37) % 97;
}
