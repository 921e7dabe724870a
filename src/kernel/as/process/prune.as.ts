// `remove` and `only` by globs that may mean any member: members that no step names are looked at one by one, and the runs
// of a row are written anew among the side bytes where some are left out.
//
//   the program, made by process/prune.ts:
//   0    u32 1: what is meant stays, 0: all else | u32 globs | address of the globs | address of PATH bytes and 16 more
//   16   u32 nodes | address of the nodes: u32 the cell of the first run (0: none), bytes of the path, its address
//   globs, 16 bytes each: kind u32 | parts u32 | address of the parts: address and bytes each
//
// JavaScript sees to rows with pairs, with names that have escapes, and to those for which there is no room.
import { copy } from '../bytes.as';
import { flags } from '../tables.as';
import { FAILED, PAIRS, RAW, bytesOf, cellAt, cellMeta, clearCell, flagsOf, kindOf, rowAt, setCell, sideBack, sideKeep, sideTake, sideTop } from './cells.as';
import { beginText, blank, escaped, noEscapes, stringEnd, valueEnd } from './json-text.as';

const EXACT: u32 = 0;
const BELOW: u32 = 1;
const NODE: usize = 12;
const UNQUOTED: u32 = 1;
const QUOTE: u8 = 0x22;
const DOT: u8 = 0x2e;
const COMMA: u8 = 0x2c;
const OBJECT: u8 = 0x7b;
const END: u8 = 0x7d;
const LF: u8 = 10;
/** Bytes of a path: one that is longer is JavaScript's. */
const PATH: usize = 1024;
/** Objects within one another that are looked into; what is deeper stays or goes with the last of them. */
const DEPTH: u32 = 64;

let keeps: bool = false;
let globs: usize = 0;
let globCount: u32 = 0;
let path: usize = 0;
let slow: bool = false;
let changed: bool = false;

/** Records that JavaScript is to see to get a 1 at `todo`; returns how many. */
export function pruneRows(program: usize, count: u32, only: usize, moreFrom: u32, moreTo: u32, todo: usize): u32 {
  keeps = load<u32>(program) != 0;
  globCount = load<u32>(program, 4);
  globs = load<u32>(program, 8);
  path = load<u32>(program, 12);
  const nodes = load<u32>(program, 16);
  const nodesAt = <usize>load<u32>(program, 20);
  let left: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(todo + i, 0);
    if (flags(i) & FAILED || (only != 0 && load<u8>(only + i) == 0)) continue;
    const row = rowAt(i);
    slow = false;
    for (let node: u32 = 0; node < nodes && !slow; node++) {
      const entry = nodesAt + <usize>node * NODE;
      const first = load<u32>(entry);
      if (first == 0 || cellMeta(row, first) == 0) continue;
      const bytes = <usize>load<u32>(entry, 4);
      memory.copy(path, load<u32>(entry, 8), bytes);
      pruneNode(row, node, first, bytes, moreFrom, moreTo);
    }
    if (!slow) continue;
    store<u8>(todo + i, 1);
    left++;
  }
  return left;
}

/** The runs of a node; where nothing is left of the first one another takes its cell. */
function pruneNode(row: usize, node: u32, first: u32, bytes: usize, moreFrom: u32, moreTo: u32): void {
  const meta = cellMeta(row, first);
  if (kindOf(meta) == PAIRS) {
    slow = true;
    return;
  }
  let run = pruneRun(cellAt(row, first), bytesOf(meta), flagsOf(meta), bytes);
  if (run) setCell(row, first, written, <u32>writtenBytes, RAW);
  let is = !run || writtenBytes > 0;
  if (!is) clearCell(row, first);
  for (let f = moreFrom; f < moreTo && !slow; f++) {
    const more = cellMeta(row, f);
    if (more == 0 || more >> 25 != node) continue;
    const bits = (more >> 24) & 1;
    run = pruneRun(cellAt(row, f), bytesOf(more), bits, bytes);
    if (run && writtenBytes == 0) clearCell(row, f);
    else if (!is) {
      setCell(row, first, run ? written : cellAt(row, f), run ? <u32>writtenBytes : bytesOf(more), RAW, run ? 0 : bits);
      clearCell(row, f);
      is = true;
    } else if (run) {
      store<u32>(row + (<usize>f << 3), <u32>written);
      store<u32>(row + (<usize>f << 3), <u32>writtenBytes | (node << 25), 4);
    }
  }
}

/** Where a run stands that was written anew; 0 bytes: nothing is left. */
let written: usize = 0;
let writtenBytes: usize = 0;

/** True: it was written anew. */
function pruneRun(at: usize, bytes: usize, bits: u32, pathBytes: usize): bool {
  const to = at + bytes;
  at -= usize(bits & UNQUOTED);
  const top = sideTop();
  const room = sideTake(to - at);
  if (room == 0) {
    slow = true;
    return false;
  }
  changed = false;
  beginText(at);
  const end = members(at, to, pathBytes, room, 0);
  if (!changed || slow) {
    sideBack(top);
    return false;
  }
  writtenBytes = end - room;
  written = sideKeep(room, to - at, writtenBytes);
  store<u8>(written + writtenBytes, LF);
  return true;
}

/** Writes those of the members [at, to) that stay, each with what stands in it; what has this path. Sets `changed`. */
function members(at: usize, to: usize, pathBytes: usize, out: usize, depth: u32): usize {
  const begin = out;
  while (at < to && !slow) {
    const from = at;
    noEscapes();
    const nameEnd = stringEnd(from + 1, to);
    const bytes = nameEnd - from - 1;
    if (nameEnd == 0 || escaped || pathBytes + bytes + 1 > PATH) {
      slow = true;
      return out;
    }
    const value = blank(blank(nameEnd + 1, to) + 1, to);
    const end = valueEnd(value, to);
    if (end == 0) {
      slow = true;
      return out;
    }
    const full = pathBytes + bytes + usize(pathBytes > 0);
    if (pathBytes > 0) store<u8>(path + pathBytes, DOT);
    copy(path + full - bytes, from + 1, bytes);
    const meant = isMeant(path, path + full);
    const comma = usize(out > begin);
    let next = out;
    if (!meant && isFull(value, end) && depth < DEPTH) next = within(from, nameEnd, value, end, full, out, comma, depth);
    else if (meant == keeps) next = take(from, end, out, comma);
    else changed = true;
    out = next;
    at = blank(blank(end, to) + 1, to);
  }
  return out;
}

/** A member that is an object, of which perhaps not all stays. */
function within(from: usize, nameEnd: usize, value: usize, end: usize, full: usize, out: usize, comma: usize, depth: u32): usize {
  const before = changed;
  changed = false;
  const name = nameEnd + 1 - from;
  // As much as stands in the text at least: what is left has no blanks between name and value.
  const inside = out + comma + name + 2;
  const last = members(blank(value + 1, end), end - 1, full, inside, depth + 1);
  const is = changed;
  changed = before || is;
  if (slow) return out;
  if (!is) return take(from, end, out, comma);
  if (last == inside) return out;
  if (comma) store<u8>(out, COMMA);
  memory.copy(out + comma, from, name);
  store<u8>(out + comma, QUOTE);
  store<u16>(inside - 2, 0x7b3a);
  store<u8>(last, END);
  return last + 1;
}

/** Before a name that was written dotted (`log.level`) there is its dot in place of the quote. */
@inline
function take(from: usize, end: usize, out: usize, comma: usize): usize {
  if (comma) store<u8>(out, COMMA);
  const taken = copy(out + comma, from, end - from);
  store<u8>(out + comma, QUOTE);
  return taken;
}

/** An object with something in it. */
@inline
function isFull(value: usize, end: usize): bool {
  return load<u8>(value) == OBJECT && load<u8>(blank(value + 1, end)) != END;
}

function isMeant(from: usize, to: usize): bool {
  for (let i: u32 = 0; i < globCount; i++) if (means(globs + (<usize>i << 4), from, to)) return true;
  return false;
}

function means(glob: usize, from: usize, to: usize): bool {
  const kind = load<u32>(glob);
  const count = load<u32>(glob, 4);
  let part = <usize>load<u32>(glob, 8);
  const bytes = <usize>load<u32>(part, 4);
  if (to - from < bytes || (bytes > 0 && !starts(from, load<u32>(part), bytes))) return false;
  from += bytes;
  if (kind == EXACT || kind == BELOW) return from == to ? kind == EXACT : load<u8>(from) == DOT;
  const last = part + (<usize>(count - 1) << 3);
  const lastBytes = <usize>load<u32>(last, 4);
  if (to - from < lastBytes || (lastBytes > 0 && !starts(to - lastBytes, load<u32>(last), lastBytes))) return false;
  to -= lastBytes;
  for (part += 8; part < last; part += 8) {
    from = behind(from, to, load<u32>(part), load<u32>(part, 4));
    if (from == 0) return false;
  }
  return true;
}

/** Whether what stands at `at` begins with the text, which has a byte at least. */
@inline
function starts(at: usize, text: usize, bytes: usize): bool {
  return load<u8>(at) == load<u8>(text) && memory.compare(at, text, bytes) == 0;
}

/** Behind the first place of a text in [from, to); 0: it has none. */
function behind(from: usize, to: usize, text: usize, bytes: usize): usize {
  for (; from + bytes <= to; from++) if (bytes == 0 || starts(from, text, bytes)) return from + bytes;
  return 0;
}
