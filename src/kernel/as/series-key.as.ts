/*
 * The key of a series (series.ts) out of its spelling, where that is an ordinary one: nothing of it has to be escaped, and
 * every tag stands for itself. What else there is, is read by the grammar: here a new series costs a third of that.
 *
 *   a.b   env:prod,az:x,beta   ->   0"a.b""az":"x","beta":"","env":"prod"
 */

const MOST_TAGS: u32 = 64;
const QUOTE: u8 = 0x22;
const COLON: u8 = 0x3a;
/** A tag while keys are made: where it begins, its colon or end, its end. u32 each. */
const TAG: usize = 12;
/** `dd.internal.` and `datadog.` mean something else. */
const DD: u16 = 0x6464;
const DATA: u32 = 0x61746164;
const HOST: u32 = 0x74736f68;

/** Of the last key: how many tags it has, and the bytes of its longest name, tag's key or value. */
export let tagCount: u32 = 0;
export let longestText: u32 = 0;

/** The bytes stand in JSON as they are. */
function isPlain(from: usize, to: usize): bool {
  for (let i = from; i < to; i++) {
    const byte = load<u8>(i);
    if (byte < 0x20 || byte > 0x7e || byte == QUOTE || byte == 0x5c) return false;
  }
  return true;
}

/** Below 0, 0, above: as the key of one tag stands to that of another, at `a` and `b` of the table. */
function compareKeys(a: usize, b: usize): i32 {
  let i = <usize>load<u32>(a);
  let k = <usize>load<u32>(b);
  const iEnd = <usize>load<u32>(a, 4);
  const kEnd = <usize>load<u32>(b, 4);
  while (i < iEnd && k < kEnd) {
    const difference = <i32>load<u8>(i++) - <i32>load<u8>(k++);
    if (difference != 0) return difference;
  }
  return <i32>(iEnd - i) - <i32>(kEnd - k);
}

@inline
function putText(from: usize, to: usize, out: usize): usize {
  store<u8>(out, QUOTE);
  memory.copy(out + 1, from, to - from);
  store<u8>(out + 1 + (to - from), QUOTE);
  return out + 2 + (to - from);
}

@inline
function noteText(length: usize): void {
  if (length > longestText) longestText = <u32>length;
}

/** Writes the key at `out`, and tags while it does into a table of MOST_TAGS; returns where the key ends, 0: it is not for here. */
export function seriesKey(kind: u32, name: usize, nameEnd: usize, tags: usize, tagsEnd: usize, table: usize, out: usize): usize {
  // Events and checks begin with an underscore.
  if (load<u8>(name) == 0x5f || load<u32>(name) == DATA) return 0;
  if (!isPlain(name, nameEnd) || !isPlain(tags, tagsEnd)) return 0;
  tagCount = 0;
  longestText = <u32>(nameEnd - name);
  let at = tags;
  while (at < tagsEnd) {
    let colon: usize = 0;
    let end = at;
    for (; end < tagsEnd && load<u8>(end) != 0x2c; end++) if (!colon && load<u8>(end) == COLON) colon = end;
    const from = at;
    at = end + 1;
    // Nothing, or a value of no key: left out.
    if (end == from || colon == from) continue;
    if (tagCount == MOST_TAGS) return 0;
    const keyEnd = colon ? colon : end;
    if (load<u8>(from) == 0x23 || (load<u16>(from) == DD && keyEnd - from > 2)) return 0;
    if (keyEnd - from == 4 && load<u32>(from) == HOST) return 0;
    noteText(keyEnd - from);
    if (colon) noteText(end - colon - 1);
    // Into their order; most are sent in it.
    let slot = table + <usize>tagCount * TAG;
    store<u32>(slot, <u32>from);
    store<u32>(slot, <u32>keyEnd, 4);
    store<u32>(slot, <u32>end, 8);
    for (; slot > table; slot -= TAG) {
      const order = compareKeys(slot - TAG, slot);
      // A key with two values has a list of them.
      if (order == 0) return 0;
      if (order < 0) break;
      const begin = load<u32>(slot);
      const middle = load<u32>(slot, 4);
      const last = load<u32>(slot, 8);
      memory.copy(slot, slot - TAG, TAG);
      store<u32>(slot - TAG, begin);
      store<u32>(slot - TAG, middle, 4);
      store<u32>(slot - TAG, last, 8);
    }
    tagCount++;
  }
  store<u8>(out++, <u8>(0x30 + kind));
  out = putText(name, nameEnd, out);
  for (let i: u32 = 0; i < tagCount; i++) {
    const slot = table + <usize>i * TAG;
    if (i > 0) store<u8>(out++, 0x2c);
    const keyEnd = load<u32>(slot, 4);
    const end = load<u32>(slot, 8);
    out = putText(load<u32>(slot), keyEnd, out);
    store<u8>(out++, COLON);
    out = putText(keyEnd < end ? keyEnd + 1 : end, end, out);
  }
  return out;
}
