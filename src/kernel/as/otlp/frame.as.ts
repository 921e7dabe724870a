// Groups as Kafka records, each the request that holds these items alone: their bytes, those of their scopes, resources and
// of the request as they came, in new messages around them.
//
//   record   length | 0 | 0 | offset delta | key | value | headers        (zigzag varints before each; as/pack.as.ts)
//   value    request | resource { envelope | scope { envelope | item ... } ... } ...
//
// A record is written in two passes, since each message has its length before it: the first finds how much of the group
// fits and how long its messages are, the second writes.
import { copy, varint, varintBytes } from '../bytes.as';
import { NOTED, groupOf, groups } from './group.as';
import { requestBytes } from './items.as';
import { NONE, item, requestArena, resource, scope } from './tables.as';
import { lengthBytes, writeLength } from './wire.as';

/** Tags: field 1 and 2 with a length. */
const FIRST: u8 = 10;
const SECOND: u8 = 18;
/** A span's tracestate. */
const STATE: u8 = 26;
const HEX_BYTES: u32 = 32;
const ID_BYTES: usize = 16;
/** Of the name of a service, as a key. */
const LONGEST_KEY: u32 = 255;

/** How records are keyed. */
const BY_TEXT: u32 = 0;
const BY_TRACE: u32 = 1;
const BY_SERVICE: u32 = 2;

let keyed: u32 = 0;
let keyAt: usize = 0;
let keyBytes: u32 = 0;
let headersAt: usize = 0;
let headersBytes: u32 = 0;
/** Bytes of messages, in the order in which they begin. */
let lengthsAt: usize = 0;
/** A value at most. */
let most: u32 = 0;
/** An item has a weight; else it counts as one. */
let weighed = false;

let group: u32 = 0;
/** Of the group, the first item that is in no record yet. */
let from: u32 = NONE;
/** Behind the last one of the record. */
let until: u32 = NONE;

export let framedTo: usize = 0;
export let framedItems: f64 = 0;

export function useFrames(lengths: usize): void {
  lengthsAt = lengths;
}

/** `key`: where records are keyed by text, or have no service. */
export function beginFrames(how: u32, key: usize, bytes: u32, headers: usize, ofHeaders: u32, longest: u32, weigh: bool): void {
  keyed = how;
  keyAt = key;
  keyBytes = bytes;
  headersAt = headers;
  headersBytes = ofHeaders;
  most = longest;
  weighed = weigh;
  group = 0;
  from = groups > 0 ? load<u32>(groupOf(0)) : NONE;
}

/** Whether all groups are in records. */
export function framedAll(): bool {
  return from == NONE;
}

/** Writes records at [out, limit), numbered from `delta`; how many: they end where the next one does not fit. */
export function frame(out: usize, limit: usize, delta: u32): u32 {
  let count: u32 = 0;
  framedItems = 0;
  while (from != NONE) {
    const bytes = measure();
    const service = resource(load<u32>(scope(load<u32>(item(from), 8))));
    const byService = keyed == BY_SERVICE && load<u32>(service, 12) > 0;
    const key = keyed == BY_TRACE ? HEX_BYTES : byService ? min(load<u32>(service, 12), LONGEST_KEY) : keyBytes;
    const body = <usize>(2 + varintBytes(delta) + varintBytes(key) + key + varintBytes(bytes) + bytes + headersBytes);
    if (<usize>varintBytes(<u32>body) + body > limit - out) break;
    out = varint(out, <u32>body);
    store<u16>(out, 0);
    out = varint(varint(out + 2, delta++), key);
    if (keyed == BY_TRACE) out = hex(out, item(from) + ID_BYTES);
    else out = put(out, byService ? <usize>load<u32>(service, 8) : keyAt, <usize>key);
    out = write(varint(out, bytes));
    out = put(out, headersAt, <usize>headersBytes);
    count++;
    from = until;
    if (from == NONE && ++group < groups) from = load<u32>(groupOf(group));
  }
  framedTo = out;
  return count;
}

/** What an item takes as a field of its scope. */
@inline
function itemBytes(entry: usize): u32 {
  const bytes = messageBytes(entry);
  return 1 + lengthBytes(bytes) + bytes;
}

@inline
function messageBytes(entry: usize): u32 {
  const bytes = load<u32>(entry, 4);
  if (!(load<u32>(entry, 60) & NOTED)) return bytes;
  const state = <u32>load<u16>(entry, 50);
  return bytes + 1 + lengthBytes(state) + state;
}

/** The bytes of the value with as many items as fit, from `from` until `until`; the lengths of its messages are noted. */
function measure(): u32 {
  let total = requestBytes();
  let noted = lengthsAt;
  let i = from;
  while (i != NONE) {
    const resourceIs = load<u32>(scope(load<u32>(item(i), 8)));
    const ofResource = noted;
    noted += 4;
    let resourceBytes = load<u32>(resource(resourceIs), 4);
    while (i != NONE && load<u32>(scope(load<u32>(item(i), 8))) == resourceIs) {
      const scopeIs = load<u32>(item(i), 8);
      let scopeBytes = load<u32>(scope(scopeIs), 8);
      const before = i;
      while (i != NONE && load<u32>(item(i), 8) == scopeIs) {
        const bytes = itemBytes(item(i));
        // With the longest tags and lengths of its scope and its resource.
        if (i != from && total + resourceBytes + scopeBytes + bytes + 12 > most) break;
        scopeBytes += bytes;
        i = load<u32>(item(i), 12);
      }
      if (i == before) break;
      store<u32>(noted, scopeBytes);
      noted += 4;
      resourceBytes += 1 + lengthBytes(scopeBytes) + scopeBytes;
      if (i != NONE && load<u32>(item(i), 8) == scopeIs) break;
    }
    if (noted == ofResource + 4) break;
    store<u32>(ofResource, resourceBytes);
    total += 1 + lengthBytes(resourceBytes) + resourceBytes;
    if (i != NONE && load<u32>(scope(load<u32>(item(i), 8))) == resourceIs) break;
  }
  until = i;
  return total;
}

/** The value that `measure` has measured. */
function write(out: usize): usize {
  const around = <usize>requestBytes();
  out = put(out, requestArena, around);
  let noted = lengthsAt;
  let i = from;
  while (i != until) {
    const resourceIs = load<u32>(scope(load<u32>(item(i), 8)));
    store<u8>(out++, FIRST);
    out = envelope(writeLength(out, load<u32>(noted)), resource(resourceIs));
    noted += 4;
    while (i != until && load<u32>(scope(load<u32>(item(i), 8))) == resourceIs) {
      const scopeIs = load<u32>(item(i), 8);
      store<u8>(out++, SECOND);
      out = envelope(writeLength(out, load<u32>(noted)), scope(scopeIs) + 4);
      noted += 4;
      while (i != until && load<u32>(item(i), 8) == scopeIs) {
        out = writeItem(out, item(i));
        i = load<u32>(item(i), 12);
      }
    }
  }
  return out;
}

@inline
function writeItem(out: usize, entry: usize): usize {
  store<u8>(out++, SECOND);
  out = envelope(writeLength(out, messageBytes(entry)), entry);
  framedItems += weighed ? <f64>load<u64>(entry, 32) : 1;
  if (!(load<u32>(entry, 60) & NOTED)) return out;
  const state = <usize>load<u16>(entry, 50);
  store<u8>(out++, STATE);
  out = writeLength(out, <u32>state);
  return put(out, <usize>load<u32>(entry, 52), state);
}

/** Copies what is at the address and of the bytes that stand at `at`. */
@inline
function envelope(out: usize, at: usize): usize {
  return put(out, <usize>load<u32>(at), <usize>load<u32>(at, 4));
}

/** Copies; a call of what copies much costs more than most of this is long. */
@inline
function put(out: usize, at: usize, bytes: usize): usize {
  if (bytes < 512) return copy(out, at, bytes);
  memory.copy(out, at, bytes);
  return out + bytes;
}

function hex(out: usize, id: usize): usize {
  const bytes = v128.load(id);
  const low = i8x16.splat(15);
  const high = i8x16.shr_u(bytes, 4);
  const digits = i8x16(48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102);
  const first = i8x16.swizzle(digits, v128.and(high, low));
  const second = i8x16.swizzle(digits, v128.and(bytes, low));
  v128.store(out, i8x16.shuffle(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  v128.store(out + 16, i8x16.shuffle(first, second, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
  return out + 32;
}
