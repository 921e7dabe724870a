// What of a text of JSON no step names: stretches of members as they stand. Each object that has named fields (a node) has a
// cell for its first run; more runs of whatever node go to a few cells that all share, with the node's number.
import { RAW, bytesOf, cellAt, cellMeta, clearCell, flagsOf, kindOf, setCell, width } from './cells.as';
import { firstWord, hashOf, note, setSlow } from './json-names.as';
import { blank, escaped, noEscapes, stringEnd, valueEnd } from './json-text.as';

/** Of the cell of a run: the quote that it begins with is not there. */
export const UNQUOTED: u32 = 1;
/** Beside the cell of a node: dotted names are nested in it. */
const NESTS: u32 = 0x80;

/** By node: the cell of its first run. */
let rests: usize = 0;
let nodes: u32 = 0;
let moreFrom: u32 = 0;
let moreTo: u32 = 0;
/** The next cell for a run that is not the first. */
let more: u32 = 0;

export function useRuns(restsAt: usize, count: u32, from: u32, to: u32): void {
  rests = restsAt;
  nodes = count;
  moreFrom = from;
  moreTo = to;
}

@inline
export function beginRuns(): void {
  more = moreFrom;
}

@inline
export function nestsDots(node: u32): bool {
  return (load<u8>(rests + node) & NESTS) != 0;
}

@inline
function restOf(node: u32): u32 {
  return <u32>load<u8>(rests + node) & (NESTS - 1);
}

/** A run of a node's members. */
export function keep(row: usize, node: u32, run: usize, end: usize, flags: u32): void {
  const bytes = <u32>(end - run);
  const first = restOf(node);
  if (cellMeta(row, first) == 0) setCell(row, first, run, bytes, RAW, flags);
  else if (more < moreTo) setRun(row, more++, run, bytes, node, flags);
  else setSlow();
}

/** A run that is not the first of its node: kind and flags say whose it is. */
@inline
function setRun(row: usize, f: u32, at: usize, bytes: u32, node: u32, flags: u32): void {
  setCell(row, f, at, bytes, 0, 0);
  store<u32>(row + (<usize>f << 3), bytes | (((node << 1) | flags) << 24), 4);
}

/** The names in the runs of a row are seen: the text's members come to them. */
export function seeNames(among: usize): void {
  for (let node: u32 = 0; node < nodes; node++) {
    const first = restOf(node);
    const meta = first ? cellMeta(among, first) : 0;
    if (meta == 0) continue;
    if (kindOf(meta) != RAW) setSlow();
    else seeRun(cellAt(among, first), bytesOf(meta), node, flagsOf(meta));
  }
  for (let f = moreFrom; f < moreTo; f++) {
    const meta = cellMeta(among, f);
    if (meta != 0) seeRun(cellAt(among, f), bytesOf(meta), meta >> 25, (meta >> 24) & 1);
  }
}

function seeRun(at: usize, bytes: usize, node: u32, bits: u32): void {
  const to = at + bytes;
  at -= usize(bits & UNQUOTED);
  while (at < to) {
    const name = at + 1;
    noEscapes();
    const end = stringEnd(name, to);
    if (end == 0 || escaped) {
      setSlow();
      return;
    }
    note(hashOf(firstWord(name, <u32>(end - name)), <u32>(end - name), end, node));
    at = valueEnd(blank(blank(end + 1, to) + 1, to), to);
    if (at == 0) return;
    // Behind the comma.
    at = blank(blank(at, to) + 1, to);
  }
  noEscapes();
}

/** Brings what was parsed to another row, in place of a cell; false: both have a field, or there are too many runs, and nothing is done. */
export function merge(from: usize, to: usize, instead: u32): bool {
  let runs: u32 = 0;
  let free: u32 = 0;
  for (let f: u32 = 0; f < width; f++) {
    const meta = cellMeta(from, f);
    if (f >= moreFrom && f < moreTo) {
      free += u32(cellMeta(to, f) == 0);
      runs += u32(meta != 0);
    } else if (meta != 0 && f != instead && cellMeta(to, f) != 0) {
      if (nodeOfRest(f) == nodes) return false;
      runs++;
    }
  }
  if (runs > free) return false;
  clearCell(to, instead);
  let f: u32 = 0;
  let next = moreFrom;
  for (; f < width; f++) {
    let meta = cellMeta(from, f);
    if (meta == 0) continue;
    let goes = f;
    if ((f >= moreFrom && f < moreTo) || cellMeta(to, f) != 0) {
      if (f < moreFrom || f >= moreTo) meta = bytesOf(meta) | (((nodeOfRest(f) << 1) | (flagsOf(meta) & UNQUOTED)) << 24);
      while (cellMeta(to, next) != 0) next++;
      goes = next;
    }
    store<u32>(to + (<usize>goes << 3), <u32>cellAt(from, f));
    store<u32>(to + (<usize>goes << 3), meta, 4);
  }
  return true;
}

/** The node whose first run has this cell; `nodes`: it is no such cell. */
function nodeOfRest(f: u32): u32 {
  let node: u32 = 0;
  while (node < nodes && restOf(node) != f) node++;
  return node;
}
