// What a cell says as text, whatever its kind.
import { unescape } from '../container.as';
import { ESCAPED, JSTR, TRUE, UINT, bytesOf, cellAt, cellMeta, flagsOf, kindOf, sideBack, sideTake, sideTop } from './cells.as';

/** `true`, as a number of four bytes. */
const WORD: u32 = 0x65757274;
/** The longest number of a UINT. */
const DIGITS: usize = 10;

export let textAt: usize = 0;
export let textEnd: usize = 0;

/**
 * Memory [textAt, textEnd) is what the cell says; false: it says nothing, or there is no room for it. It holds until the
 * next call: what has to be written for it is written over the side bytes that are free.
 */
export function textOf(row: usize, f: u32): bool {
  const meta = cellMeta(row, f);
  if (meta == 0) return false;
  const kind = kindOf(meta);
  textAt = cellAt(row, f);
  textEnd = textAt + bytesOf(meta);
  if (kind == JSTR && flagsOf(meta) & ESCAPED) return unescaped();
  if (kind == TRUE) return word();
  if (kind == UINT) return digits(<u32>textAt);
  return true;
}

function unescaped(): bool {
  const to = room(textEnd - textAt);
  if (to == 0) return false;
  textEnd = unescape(textAt, textEnd, to);
  textAt = to;
  return true;
}

function word(): bool {
  textAt = room(4);
  textEnd = textAt + 4;
  if (textAt != 0) store<u32>(textAt, WORD);
  return textAt != 0;
}

function digits(number: u32): bool {
  const at = room(DIGITS);
  if (at == 0) return false;
  textEnd = at + DIGITS;
  textAt = textEnd;
  do {
    textAt--;
    store<u8>(textAt, <u8>(0x30 + (number % 10)));
    number /= 10;
  } while (number != 0);
  return true;
}

/** Side bytes that stay free. 0: there are not so many. */
function room(bytes: usize): usize {
  const top = sideTop();
  const at = sideTake(bytes);
  sideBack(top);
  return at;
}
