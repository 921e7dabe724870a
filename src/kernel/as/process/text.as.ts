// The text of a cell, whatever its kind: JSON strings unescaped, numbers as they are written.
import { unescape } from '../container.as';
import { ESCAPED, JSTR, RAW, TEXT, UINT, bytesOf, cellAt, cellMeta, flagsOf, kindOf, sideTake } from './cells.as';
import { decimal, digits } from '../bytes.as';

/** Where it lies. */
export let textAt: usize = 0;
export let textTo: usize = 0;

/** False: the field is absent, is no text or number, or has no room to be unescaped. */
export function textOf(row: usize, f: u32): bool {
  const meta = cellMeta(row, f);
  const kind = kindOf(meta);
  textAt = cellAt(row, f);
  textTo = textAt + bytesOf(meta);
  if (kind == TEXT) return true;
  if (kind == RAW) return <u32>load<u8>(textAt) - 0x30 < 10 || load<u8>(textAt) == 0x2d;
  if (kind == UINT) {
    const value = <u64>textAt;
    const out = sideTake(16);
    if (out == 0) return false;
    textAt = out;
    textTo = decimal(out, value, digits(value));
    return true;
  }
  if (kind != JSTR) return false;
  if ((flagsOf(meta) & ESCAPED) == 0) return true;
  const out = sideTake(textTo - textAt + 8);
  if (out == 0) return false;
  textTo = unescape(textAt, textTo, out);
  textAt = out;
  return true;
}
