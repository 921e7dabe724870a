// Puts other texts in the place of what was found. Where a record becomes longer, those behind it move up:
//
//   | record 0 | record 1 | record 2 |                 record 1 needs so much more room: as much as it grows at most
//   | record 0 | record 1 ...  | record 2 |            from its beginning on
//
// Invariant: records ascend and do not overlap, and a line feed stands behind each, as before.
import { end, setText, start } from '../tables.as';
import { spanAt, spans, starSpans } from './mask-spans.as';

/** So many more bytes that the spans [first, behind) need at any place of their record. */
function growth(first: u32, behind: u32): usize {
  let now: isize = 0;
  let most: isize = 0;
  for (let i = first; i < behind; i++) {
    const span = spanAt(i);
    now += <isize>load<u32>(span, 12) - <isize>(load<u32>(span, 4) - load<u32>(span));
    most = max(most, now);
  }
  return <usize>most;
}

/** For `count` records, which may reach up to `limit`. False: there is no room, and what was found is overwritten. */
export function moveRecords(count: u32, limit: usize): bool {
  if (spans == 0) return true;
  let all: usize = 0;
  let behind: u32 = 0;
  let i: u32 = 0;
  while (behind < spans) {
    while (<usize>load<u32>(spanAt(behind)) > end(i)) i++;
    const first = behind;
    behind = spansUpTo(end(i), behind);
    all += growth(first, behind);
  }
  const last = end(count - 1) + 1;
  if (all && last + all > limit) {
    starSpans();
    return false;
  }
  moveFromLast(count, all);
  return true;
}

/** Spans of the record that ends at `to`, the first of which is `first`: the number of the one behind them. */
@inline
function spansUpTo(to: usize, first: u32): u32 {
  while (first < spans && <usize>load<u32>(spanAt(first), 4) <= to) first++;
  return first;
}

function moveFromLast(count: u32, all: usize): void {
  let shift = all;
  let left = spans;
  let high = end(count - 1) + 1;
  for (let i = count - 1; left > 0; i--) {
    const from = start(i);
    const to = end(i);
    const span = spanAt(left - 1);
    if (<usize>load<u32>(span) < from) {
      setText(i, from + shift, to + shift);
      continue;
    }
    const behind = left;
    while (left > 0 && <usize>load<u32>(spanAt(left - 1)) >= from) left--;
    if (shift) memory.copy(to + shift, to, high - to);
    high = from;
    const more = growth(left, behind);
    shift -= more;
    rewrite(i, from, to, shift, more, left, behind);
  }
}

/** Record i moves by `shift`, and has `more` bytes more room. */
function rewrite(i: u32, from: usize, to: usize, shift: usize, more: usize, first: u32, behind: u32): void {
  const by = shift + more;
  if (by) memory.copy(from + by, from, to - from);
  let out = from + shift;
  let read = from + by;
  for (let k = first; k < behind; k++) {
    const span = spanAt(k);
    const plain = <usize>load<u32>(span) + by - read;
    memory.copy(out, read, plain);
    out += plain;
    const bytes = load<u32>(span, 12);
    memory.copy(out, load<u32>(span, 8), bytes);
    out += bytes;
    read = <usize>load<u32>(span, 4) + by;
  }
  memory.copy(out, read, to + by - read);
  out += to + by - read;
  if (out < to + by) store<u8>(out, 10);
  setText(i, from + shift, out);
}
