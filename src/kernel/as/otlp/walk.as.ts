// Walks a request once, field by field, and checks all that a decoder would: wire types, lengths, depth, UTF-8. Nothing is
// decoded; spans, metrics and log records are noted where they stand, with what is asked of them later (tables.as.ts).
//
// The messages that are open are a stack in memory, so that it can stop after any field and go on in another turn of the
// event loop:
//
//   frame  16 bytes   0 end | 4 row of its message | 8 where its field begins | 12 what is done at its end, or its group
import { beginItem, beginMetric, beginRequest, beginResource, beginScope, code, endAt, endLog, endMetric, endResource, endScope, endSpan, keep, kind, link, name, parent, point, resourceAttribute, spanId, start, state, traceId } from './items.as';
import { isPlain } from './plain.as';
import { stackAt } from './tables.as';
import { mendText } from './text.as';
import { readVarint, tooBig, value } from './wire.as';

/** What `walk` returns. */
const MORE: u32 = 0;
const DONE: u32 = 1;
const WRONG: u32 = 2;

/** Forms of fields, as otlp/table.ts has them; 0: unknown. */
const TEXT: u32 = 2;
const MESSAGE: u32 = 3;
const PACKED: u32 = 4;

const VARINT: u32 = 0;
const I64: u32 = 1;
const LEN: u32 = 2;
const GROUP: u32 = 3;
const GROUP_END: u32 = 4;
const I32: u32 = 5;

/** What is done at fields, as otlp/table.ts has them. */
const ACT_RESOURCE: u32 = 1;
const ACT_SCOPE: u32 = 2;
const ACT_SPAN: u32 = 3;
const ACT_METRIC: u32 = 4;
const ACT_LOG: u32 = 5;
const ACT_KEEP: u32 = 6;
const ACT_ATTRIBUTE: u32 = 7;
const ACT_POINT: u32 = 8;
const ACT_TRACE_ID: u32 = 16;
const ACT_SPAN_ID: u32 = 17;
const ACT_PARENT: u32 = 18;
const ACT_LINK: u32 = 19;
const ACT_STATE: u32 = 20;
const ACT_NAME: u32 = 21;
const ACT_KIND: u32 = 22;
const ACT_START: u32 = 23;
const ACT_END: u32 = 24;
const ACT_CODE: u32 = 25;

/** Reasons, as otlp/walk.ts has them. */
const TRUNCATED: u32 = 1;
const WIRE_TYPE: u32 = 2;
const FIELD_NUMBER: u32 = 3;
const DEPTH: u32 = 4;
const GROUPS: u32 = 5;
const MANY: u32 = 6;
const NUMBER: u32 = 7;

const FRAME: usize = 16;
/** Messages within each other. Java and upb read so many. */
const DEEPEST: u32 = 100;
/** Fields of a row. */
const ROW_SHIFT: u32 = 5;
const FIELDS: u32 = 32;
/** Rows of messages that stand around items come first. */
const AROUND: u32 = 9;
/** The row of groups: it has no fields. */
const UNKNOWN_ROW: u32 = 63;
const LAST_FIELD: u32 = 0x1fffffff;

let schema: usize = 0;
/** The row of KeyValue. */
let attributes: u32 = 0;
let at: usize = 0;
let end: usize = 0;
let row: u32 = 0;
let depth: u32 = 0;
/** Why it is wrong. */
export let wrong: u32 = 0;

export function useSchema(table: usize, ofAttributes: u32): void {
  schema = table;
  attributes = ofAttributes;
}

/** The place where the walk is, or what is wrong. */
export function walkedTo(): usize {
  return at;
}

export function beginWalk(from: usize, to: usize, request: u32): void {
  at = from;
  end = to;
  row = request;
  depth = 0;
  wrong = 0;
  beginRequest();
}

/** Goes on for so many fields. */
export function walk(steps: i32): u32 {
  let p = at;
  let to = end;
  let within = row;
  while (true) {
    while (p == to) {
      if (depth == 0) {
        at = p;
        return DONE;
      }
      const frame = stackAt + <usize>depth * FRAME;
      const began = <usize>load<u32>(frame, 8);
      const action = load<u32>(frame, 12);
      if (within == UNKNOWN_ROW) return fail(GROUPS, p);
      depth--;
      to = <usize>load<u32>(frame - FRAME);
      within = load<u32>(frame - FRAME, 4);
      if (action && !leave(action, began, p)) return fail(MANY, began);
    }
    if (--steps < 0) {
      at = p;
      end = to;
      row = within;
      return MORE;
    }
    const began = p;
    let tag = <u32>load<u8>(p++);
    if (tag >= 0x80) {
      p = readVarint(began, to);
      if (p == 0) return noNumber(began);
      if (value >> 3 > <u64>LAST_FIELD) return fail(FIELD_NUMBER, began);
      tag = <u32>value;
    }
    const field = tag >> 3;
    const type = tag & 7;
    if (field == 0) return fail(FIELD_NUMBER, began);
    const entry: u32 = field < FIELDS && within != UNKNOWN_ROW ? load<u32>(schema + <usize>(((within << ROW_SHIFT) + field) << 2)) : 0;
    const form = (entry >> 3) & 7;
    const action = (entry >> 16) & 0xff;
    if (form != 0 && type != (entry & 7) && !(form == PACKED && type == LEN)) return fail(WIRE_TYPE, began);
    if (type == LEN) {
      let length: usize;
      if (p < to && load<u8>(p) < 0x80) length = load<u8>(p++);
      else {
        p = readVarint(p, to);
        if (p == 0) return noNumber(began);
        if (value > <u64>0x7fffffff) return fail(TRUNCATED, began);
        length = <usize>value;
      }
      if (length > to - p) return fail(TRUNCATED, began);
      const from = p;
      if (form == MESSAGE) {
        const child = (entry >> 8) & 0xff;
        if (child == attributes && isPlain(from, from + length)) {
          p += length;
          if (action) leave(action, began, p);
          continue;
        }
        if (depth == DEEPEST) return fail(DEPTH, began);
        store<u32>(stackAt + <usize>depth * FRAME, <u32>to);
        store<u32>(stackAt + <usize>depth * FRAME, within, 4);
        depth++;
        const frame = stackAt + <usize>depth * FRAME;
        store<u32>(frame, <u32>began, 8);
        store<u32>(frame, action, 12);
        to = p + length;
        within = child;
        if (action) enter(action);
        continue;
      }
      p += length;
      if (form == TEXT) mendText(from, p);
      else if (form == PACKED && !packed(entry & 7, from, p)) return fail(NUMBER, began);
      if (action) text(action, from, <u32>length);
    } else if (type == VARINT) {
      if (p < to && load<u8>(p) < 0x80) {
        if (action) number(action, <u64>load<u8>(p));
        p++;
      } else {
        p = readVarint(p, to);
        if (p == 0) return noNumber(began);
        if (action) number(action, value);
      }
    } else if (type == I64) {
      if (to - p < 8) return fail(TRUNCATED, began);
      if (action) number(action, load<u64>(p));
      p += 8;
    } else if (type == I32) {
      if (to - p < 4) return fail(TRUNCATED, began);
      p += 4;
    } else if (type == GROUP) {
      if (depth == DEEPEST) return fail(DEPTH, began);
      // It ends with a field, somewhere before its message does.
      store<u32>(stackAt + <usize>depth * FRAME, <u32>to);
      store<u32>(stackAt + <usize>depth * FRAME, within, 4);
      depth++;
      store<u32>(stackAt + <usize>depth * FRAME, <u32>began, 8);
      store<u32>(stackAt + <usize>depth * FRAME, field, 12);
      within = UNKNOWN_ROW;
      continue;
    } else if (type == GROUP_END) {
      const frame = stackAt + <usize>depth * FRAME;
      if (within != UNKNOWN_ROW || load<u32>(frame, 12) != field) return fail(GROUPS, began);
      const opened = <usize>load<u32>(frame, 8);
      depth--;
      to = <usize>load<u32>(frame - FRAME);
      within = load<u32>(frame - FRAME, 4);
      if (within < AROUND) keep(within, opened, p);
      continue;
    } else return fail(WIRE_TYPE, began);
    if (within < AROUND) keep(within, began, p);
  }
}

function fail(reason: u32, place: usize): u32 {
  wrong = reason;
  at = place;
  return WRONG;
}

function noNumber(place: usize): u32 {
  return fail(tooBig ? NUMBER : TRUNCATED, place);
}

/** A message begins. */
function enter(action: u32): void {
  switch (action) {
    case ACT_RESOURCE:
      beginResource();
      break;
    case ACT_SCOPE:
      beginScope();
      break;
    case ACT_SPAN:
      beginItem();
      break;
    case ACT_METRIC:
      beginMetric();
      break;
    case ACT_LOG:
      beginItem();
      break;
    case ACT_POINT:
      point();
  }
}

/** The message of field [began, p) is over. False: there is no room for it. */
function leave(action: u32, began: usize, p: usize): bool {
  switch (action) {
    case ACT_RESOURCE:
      endResource();
      return true;
    case ACT_SCOPE:
      endScope();
      return true;
    case ACT_SPAN:
      return endSpan(began, p);
    case ACT_METRIC:
      return endMetric(began, p);
    case ACT_LOG:
      return endLog(began, p);
    case ACT_KEEP:
      keep(load<u32>(stackAt + <usize>depth * FRAME, 4), began, p);
      return true;
    case ACT_ATTRIBUTE:
      resourceAttribute(began, p);
  }
  return true;
}

function text(action: u32, from: usize, bytes: u32): void {
  switch (action) {
    case ACT_TRACE_ID:
      traceId(from, bytes);
      break;
    case ACT_SPAN_ID:
      spanId(from, bytes);
      break;
    case ACT_PARENT:
      parent(bytes);
      break;
    case ACT_LINK:
      link(bytes);
      break;
    case ACT_STATE:
      state(from, bytes);
      break;
    case ACT_NAME:
      name(from, bytes);
  }
}

function number(action: u32, read: u64): void {
  switch (action) {
    case ACT_KIND:
      kind(read);
      break;
    case ACT_START:
      start(read);
      break;
    case ACT_END:
      endAt(read);
      break;
    case ACT_CODE:
      code(read);
  }
}

/** Numbers of a repeated field, one behind the other. */
function packed(type: u32, from: usize, to: usize): bool {
  if (type == I64) return ((to - from) & 7) == 0;
  if (type == I32) return ((to - from) & 3) == 0;
  while (from < to) {
    from = readVarint(from, to);
    if (from == 0) return false;
  }
  return true;
}
