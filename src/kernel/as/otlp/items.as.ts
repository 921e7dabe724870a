// What the walk notes of the messages that it passes: items, and what stands around them. Ids of a wrong length end a
// decoder that reads them into arrays (the Collector's): an item that has one is left out, and counted.
import { ITEM, NONE, item, items, itemsMost, newItem, newResource, newScope, requestArena, resource, resourceArena, scope, scopeArena } from './tables.as';
import { copy } from '../bytes.as';
import { readVarint, value } from './wire.as';

const TRACE_ID_BYTES: u32 = 16;
const SPAN_ID_BYTES: u32 = 8;
/** Rows of what stands around items: three requests, each with its resources and scopes behind it. */
const AROUND_REQUEST: u32 = 0;
const AROUND_RESOURCE: u32 = 1;

const FIELD_KEY: u32 = 10;
const FIELD_VALUE: u32 = 18;
const FIELD_STRING: u32 = 10;
/** `service.name`, in two words. */
const SERVICE: u64 = 0x2e65636976726573;
const DOT_NAME: u32 = 0x656d616e;
const SERVICE_NAME_BYTES: u32 = 12;
/** Nanoseconds. */
const YEAR: u64 = 366 * 86_400 * 1_000_000_000;

/** What there was of items: those with wrong ids, too. Of metrics: their points. */
export let received: u32 = 0;
export let invalid: u32 = 0;

/** Bytes of envelopes so far. */
let resourceTop: usize = 0;
let scopeTop: usize = 0;
let requestTop: usize = 0;

let resourceFrom: usize = 0;
let scopeFrom: usize = 0;
/** NONE: no item of it has been noted. */
let resourceIs: u32 = NONE;
let scopeIs: u32 = NONE;
let serviceAt: usize = 0;
let serviceBytes: u32 = 0;

let traceIdAt: usize = 0;
let isSpanId = false;
let isBad = false;
let nameAt: usize = 0;
let nameBytes: u32 = 0;
let stateAt: usize = 0;
let stateBytes: u32 = 0;
let kindIs: u32 = 0;
let statusIs: u32 = 0;
let started: u64 = 0;
let ended: u64 = 0;
let points: u32 = 0;

export function beginRequest(): void {
  received = 0;
  invalid = 0;
  resourceTop = resourceArena;
  scopeTop = scopeArena;
  requestTop = requestArena;
}

/** The bytes of what stands in the request beside resources. */
export function requestBytes(): u32 {
  return <u32>(requestTop - requestArena);
}

/** Field [from, to) of a message of this row that stands around items. */
export function keep(row: u32, from: usize, to: usize): void {
  const bytes = to - from;
  const level = row % 3;
  if (level == AROUND_REQUEST) requestTop = copy(requestTop, from, bytes);
  else if (level == AROUND_RESOURCE) resourceTop = copy(resourceTop, from, bytes);
  else scopeTop = copy(scopeTop, from, bytes);
}

export function beginResource(): void {
  resourceFrom = resourceTop;
  resourceIs = NONE;
  serviceAt = 0;
  serviceBytes = 0;
}

export function endResource(): void {
  if (resourceIs == NONE) {
    resourceTop = resourceFrom;
    return;
  }
  const entry = resource(resourceIs);
  store<u32>(entry, <u32>resourceFrom);
  store<u32>(entry, <u32>(resourceTop - resourceFrom), 4);
  store<u32>(entry, <u32>serviceAt, 8);
  store<u32>(entry, serviceBytes, 12);
}

export function beginScope(): void {
  scopeFrom = scopeTop;
  scopeIs = NONE;
}

export function endScope(): void {
  if (scopeIs == NONE) {
    scopeTop = scopeFrom;
    return;
  }
  const entry = scope(scopeIs);
  store<u32>(entry, <u32>scopeFrom, 4);
  store<u32>(entry, <u32>(scopeTop - scopeFrom), 8);
}

/** Field [from, to) is a KeyValue of a resource: is it its service.name? */
export function resourceAttribute(from: usize, to: usize): void {
  if (serviceAt) return;
  let at = contentOf(from, to);
  let isName = false;
  let valueAt: usize = 0;
  let valueEnd: usize = 0;
  while (at < to) {
    const tag = load<u8>(at);
    if (tag != FIELD_KEY && tag != FIELD_VALUE) return;
    at = readVarint(at + 1, to);
    if (tag == FIELD_KEY) {
      isName = value == <u64>SERVICE_NAME_BYTES && load<u64>(at) == SERVICE && load<u32>(at, 8) == DOT_NAME;
    } else {
      valueAt = at;
      valueEnd = at + <usize>value;
    }
    at += <usize>value;
  }
  if (!isName || valueAt >= valueEnd || load<u8>(valueAt) != FIELD_STRING) return;
  valueAt = readVarint(valueAt + 1, valueEnd);
  if (valueAt + <usize>value != valueEnd) return;
  serviceAt = valueAt;
  serviceBytes = <u32>value;
}

export function beginItem(): void {
  traceIdAt = 0;
  isSpanId = false;
  isBad = false;
  nameBytes = 0;
  stateBytes = 0;
  kindIs = 0;
  statusIs = 0;
  started = 0;
  ended = 0;
}

export function beginMetric(): void {
  isBad = false;
  points = 0;
}

export function point(): void {
  points++;
}

export function traceId(at: usize, bytes: u32): void {
  traceIdAt = bytes == TRACE_ID_BYTES && v128.any_true(v128.load(at)) ? at : 0;
}

export function spanId(at: usize, bytes: u32): void {
  isSpanId = bytes == SPAN_ID_BYTES && load<u64>(at) != 0;
}

/** Of another span: none, or eight bytes. */
export function parent(bytes: u32): void {
  if (bytes != 0 && bytes != SPAN_ID_BYTES) isBad = true;
}

/** The trace of another span. */
export function link(bytes: u32): void {
  if (bytes != 0 && bytes != TRACE_ID_BYTES) isBad = true;
}

export function state(at: usize, bytes: u32): void {
  stateAt = at;
  stateBytes = bytes;
}

export function name(at: usize, bytes: u32): void {
  nameAt = at;
  nameBytes = bytes;
}

export function kind(read: u64): void {
  kindIs = read < 6 ? <u32>read : 0;
}

export function code(read: u64): void {
  statusIs = read < 3 ? <u32>read : 0;
}

export function start(read: u64): void {
  started = read;
}

export function endAt(read: u64): void {
  ended = read;
}

/** The span is field [began, to). False: there is no room for one more. */
export function endSpan(began: usize, to: usize): bool {
  received++;
  if (traceIdAt == 0 || !isSpanId || isBad) {
    invalid++;
    return true;
  }
  const entry = note(began, to);
  if (entry == 0) return false;
  v128.store(entry, v128.load(traceIdAt), 16);
  store<u64>(entry, lasted(), 32);
  store<u32>(entry, <u32>nameAt, 40);
  store<u32>(entry, nameBytes, 44);
  store<u8>(entry, <u8>kindIs, 48);
  store<u8>(entry, <u8>statusIs, 49);
  store<u16>(entry, <u16>min<u32>(stateBytes, 0xffff), 50);
  store<u32>(entry, <u32>stateAt, 52);
  return true;
}

/** Of a span without a start, or whose clock was years off at one of its ends, nobody knows: 0. */
function lasted(): u64 {
  return started > 0 && ended > started && ended - started <= YEAR ? ended - started : 0;
}

export function endMetric(began: usize, to: usize): bool {
  received += points;
  if (isBad) {
    invalid += points;
    return true;
  }
  return weigh(began, to, points);
}

export function endLog(began: usize, to: usize): bool {
  received++;
  if (isBad) {
    invalid++;
    return true;
  }
  return weigh(began, to, 1);
}

function weigh(began: usize, to: usize, weight: u32): bool {
  const entry = note(began, to);
  if (entry == 0) return false;
  store<u64>(entry, <u64>weight, 32);
  return true;
}

/** 0: there is no room. An item is noted without tag and length: they may have more bytes than are needed. */
function note(began: usize, to: usize): usize {
  if (items == itemsMost) return 0;
  if (scopeIs == NONE) {
    if (resourceIs == NONE) resourceIs = newResource();
    scopeIs = newScope();
    store<u32>(scope(scopeIs), resourceIs);
  }
  const at = contentOf(began, to);
  const entry = newItem();
  store<u32>(entry, <u32>at);
  store<u32>(entry, <u32>(to - at), 4);
  store<u32>(entry, scopeIs, 8);
  store<u32>(entry, NONE, 12);
  store<u64>(entry, 0, 56);
  return entry;
}

/** One more that is like this one, but for where it stands and what it weighs. False: there is no room for one more. */
export function addItem(like: u32, at: usize, bytes: u32, weight: u32): bool {
  if (items == itemsMost) return false;
  const entry = newItem();
  memory.copy(entry, item(like), ITEM);
  store<u32>(entry, <u32>at);
  store<u32>(entry, bytes, 4);
  store<u64>(entry, <u64>weight, 32);
  return true;
}

/** What field [from, to) holds, behind its tag and its length. */
@inline
function contentOf(from: usize, to: usize): usize {
  return readVarint(readVarint(from, to), to);
}
