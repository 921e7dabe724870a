// Joining: the texts of several records, moved down so that they lie one behind the other.
import { end, start } from './tables.as';

/**
 * Moves the texts of records [first, first + count) together, `separator` between them, -1: nothing; returns where the
 * last one ends. The first stays where it is. Every gap between two is at least one byte, where there is a separator.
 */
export function join(first: u32, count: u32, separator: i32): usize {
  let out = end(first);
  for (let i = first + 1; i < first + count; i++) {
    if (separator >= 0) store<u8>(out++, <u8>separator);
    const from = start(i);
    const bytes = end(i) - from;
    // They may overlap, and what lies behind is still needed.
    if (out != from) memory.copy(out, from, bytes);
    out += bytes;
  }
  return out;
}
