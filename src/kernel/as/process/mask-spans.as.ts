// What was found in the record that is looked at, and what becomes of it. A secret that is as long as what takes its place
// is overwritten where it lies; others are noted as spans, which mask-move.as.ts replaces afterwards.
//
//   the job (kernel/process/mask.ts):
//   0     rules that are wanted, a bit each | address of `"` | of the table of IBANs
//   16    six tables of 16 bytes: halves of three bytes that may begin a secret (mask.as.ts)
//   112   rules, 16 bytes each: mode | address of the text | its bytes | secrets that were found
//
//   a span: 16 bytes: begin | end | address of what is put there | its bytes
//
// Invariant: spans ascend and do not overlap. Those of no bytes insert.
import { BACKSLASH, COLON, OPEN, QUOTE } from './scan.as';

const TEXT: u32 = 1;
const QUOTE_AT: usize = 4;
const RULES: usize = 112;
const STAR: u8 = 0x2a;
/** Instead of an address: its text is made elsewhere, of the bytes that are there. The rule stands in place of its bytes. */
export const MADE: u32 = 0;
export const MOST_SPANS: u32 = 8192;

export let job: usize = 0;
export let spans: u32 = 0;
let table: usize = 0;
/** Spans before it are of earlier records. */
let firstSpan: u32 = 0;
/** The record. */
export let from: usize = 0;
export let to: usize = 0;
/** It begins as JSON does. */
export let json: bool = false;
/** Up to where it is known whether a place is within a string. */
let readTo: usize = 0;
let inString: bool = false;

/** `spansAt`: room for MOST_SPANS. */
export function useMask(jobAt: usize, spansAt: usize): void {
  job = jobAt;
  table = spansAt;
  spans = 0;
}

@inline
export function wanted(rule: u32): bool {
  return ((load<u32>(job) >> rule) & 1) != 0;
}

@inline
export function ruleAt(rule: u32): usize {
  return job + RULES + (<usize>rule << 4);
}

@inline
export function inPlace(rule: u32): bool {
  return load<u32>(ruleAt(rule)) == 0;
}

@inline
export function spanAt(i: u32): usize {
  return table + (<usize>i << 4);
}

@inline
export function beginRecord(start: usize, end: usize): void {
  from = start;
  to = end;
  firstSpan = spans;
  let at = start;
  while (at < end && load<u8>(at) == 0x20) at++;
  json = at < end && (load<u8>(at) == 0x7b || load<u8>(at) == OPEN);
  readTo = start;
  inString = false;
}

@inline
export function countSecret(rule: u32): void {
  const at = ruleAt(rule);
  store<u32>(at, load<u32>(at, 12) + 1, 12);
}

/** A secret of this rule. */
export function hit(begin: usize, end: usize, rule: u32): void {
  if (begin >= end) return;
  countSecret(rule);
  replace(begin, end, rule, false);
}

/** A card number: in place its last four digits stay, and what parts them. */
export function hitCard(begin: usize, end: usize, rule: u32): void {
  countSecret(rule);
  replace(begin, end, rule, true);
}

/** The same, not counted. */
export function replace(begin: usize, end: usize, rule: u32, card: bool): void {
  for (let i = spans; i > firstSpan; i--) {
    const span = spanAt(i - 1);
    const low: usize = load<u32>(span);
    const high: usize = load<u32>(span, 4);
    if (high <= begin) break;
    if (low >= end || low == high) continue;
    if (low <= begin && high >= end) return;
    if (low >= begin && high <= end) takeOut(i - 1);
    else if (low <= begin) begin = high;
    else end = low;
  }
  const full = spans + 3 > MOST_SPANS;
  const bare = !full && isBare(begin, end);
  const quote = load<u32>(job + QUOTE_AT);
  const low = tokenFrom;
  const high = tokenTo;
  if (bare) insert(low, low, quote, 1);
  const at = ruleAt(rule);
  const mode = load<u32>(at);
  if (mode == 0 || full) {
    if (card) starDigits(begin, end);
    else stars(begin, end);
  } else if (mode == TEXT) insert(begin, end, load<u32>(at, 4), load<u32>(at, 8));
  else insert(begin, end, MADE, rule);
  if (bare) insert(high, high, quote, 1);
}

/** Lines stay lines. */
export function stars(at: usize, end: usize): void {
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte != 10 && byte != 13) store<u8>(at, STAR);
  }
}

function starDigits(at: usize, end: usize): void {
  let left = 4;
  while (left > 0) if (isDigitByte(load<u8>(--end))) left--;
  for (; at < end; at++) if (isDigitByte(load<u8>(at))) store<u8>(at, STAR);
}

function insert(begin: usize, end: usize, text: u32, bytes: u32): void {
  let i = spans++;
  for (; i > firstSpan && <usize>load<u32>(spanAt(i - 1)) > begin; i--) {
    v128.store(spanAt(i), v128.load(spanAt(i - 1)));
  }
  const span = spanAt(i);
  store<u32>(span, <u32>begin);
  store<u32>(span, <u32>end, 4);
  store<u32>(span, text, 8);
  store<u32>(span, bytes, 12);
}

function takeOut(i: u32): void {
  spans--;
  for (; i < spans; i++) v128.store(spanAt(i), v128.load(spanAt(i + 1)));
}

/** What was noted is not to be replaced: there is no room. It is overwritten. */
export function starSpans(): void {
  for (let i: u32 = 0; i < spans; i++) stars(load<u32>(spanAt(i)), load<u32>(spanAt(i), 4));
}

let tokenFrom: usize = 0;
let tokenTo: usize = 0;

/** Whether memory [begin, end) is of a number in JSON, which is no number without it: it becomes a string. */
function isBare(begin: usize, end: usize): bool {
  let low = begin;
  while (low > from && isNumeric(load<u8>(low - 1))) low--;
  let before = low;
  while (before > from && load<u8>(before - 1) <= 0x20) before--;
  if (before == from) return false;
  const mark = load<u8>(before - 1);
  if (mark != COLON && mark != 0x2c && mark != OPEN) return false;
  let high = end;
  while (high < to && isNumeric(load<u8>(high))) high++;
  let behind = high;
  while (behind < to && load<u8>(behind) <= 0x20) behind++;
  if (behind == to) return false;
  const close = load<u8>(behind);
  if (close != 0x2c && close != 0x7d && close != 0x5d) return false;
  if (mark == COLON) {
    let name = before - 1;
    while (name > from && load<u8>(name - 1) <= 0x20) name--;
    if (name < from + 2 || load<u8>(name - 1) != QUOTE || load<u8>(name - 2) == BACKSLASH) return false;
  } else if (!json || isInString(low)) return false;
  tokenFrom = low;
  tokenTo = high;
  // Its quotes are there already.
  for (let i = spans; i > firstSpan; i--) if (<usize>load<u32>(spanAt(i - 1)) == high) return false;
  return true;
}

function isInString(at: usize): bool {
  if (at < readTo) {
    readTo = from;
    inString = false;
  }
  while (readTo < at) {
    const byte = load<u8>(readTo);
    if (byte == QUOTE) inString = !inString;
    readTo += byte == BACKSLASH ? 2 : 1;
  }
  return inString;
}

@inline
export function isDigitByte(c: u32): bool {
  return c - 0x30 < 10;
}

@inline
export function isUpperByte(c: u32): bool {
  return c - 0x41 < 26;
}

/** Letters, digits, `_`. */
@inline
export function isWordByte(c: u32): bool {
  return isDigitByte(c) || (c | 0x20) - 0x61 < 26 || c == 0x5f;
}

@inline
function isNumeric(c: u32): bool {
  return isDigitByte(c) || c == 0x2d || c == 0x2b || c == 0x2e || c == 0x45 || c == 0x65;
}

/** Whether the byte at `at` stands behind a backslash that makes an escape of it. */
export function isEscaped(at: usize): bool {
  let backslashes: usize = 0;
  while (at - backslashes > from && load<u8>(at - backslashes - 1) == BACKSLASH) backslashes++;
  return (backslashes & 1) != 0;
}

/** Whether a word may begin at `at`: also behind `\n` and the like in JSON. */
export function isBoundary(at: usize): bool {
  if (at == from || !isWordByte(load<u8>(at - 1))) return true;
  const letter = load<u8>(at - 1);
  const escape = letter == 0x6e || letter == 0x72 || letter == 0x74 || letter == 0x62 || letter == 0x66;
  return escape && isEscaped(at - 1);
}
