/**
 * A seal: a signature over a stretch of a stream's chain. It is a record of the same topic, and not in the chain itself;
 * seals are a chain of their own.
 *
 *   {"@timestamp":"<24>","event":{"action":"seal","id":"..."},"seal":{"stream":"<16 hex>","from":"<20 digits>",
 *    "to":"<20 digits>","count":"<20 digits>","head":"<64 hex>","previous_seal":"<64 hex>","key":"<64 hex>",
 *    "next_key":"<64 hex>","signature":"<128 hex>"}}
 *
 *   signed = 0x01 | stream, 8 | from, 8 | to, 8 | head, 32 | @timestamp, 24 | previous_seal, 32 | next_key, 32   (big endian)
 *   previous_seal = sha256(signed of the seal before), zeros at first
 *
 * `head` is the hash of the record `to`. A seal of a time in which nothing came has count 0 and from = to + 1. Keys are
 * Ed25519's (RFC 8032), public and raw. The key of a seal is the `next_key` of the seal before.
 */
import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey, hash, sign, verify } from '../builtin.ts';
import { HASH_BYTES, STREAM_BYTES, TIME_BYTES, twentyDigits } from './record.ts';

export interface Seal {
  /** `@timestamp`: ISO 8601 with milliseconds. */
  time: string;
  /** The stream's id, 16 hex digits. */
  stream: string;
  from: number;
  /** Inclusive. */
  to: number;
  count: number;
  /** Hex, as are all that follow. */
  head: string;
  previous_seal: string;
  key: string;
  next_key: string;
  signature: string;
}

const SEAL = 0x01;
const SIGNED_BYTES = 1 + 3 * STREAM_BYTES + HASH_BYTES + TIME_BYTES + 2 * HASH_BYTES;
/** What stands before 32 raw bytes: RFC 8410. */
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const VALUE =
  /^\{"@timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","event":\{"action":"seal","id":"[0-9a-f-]{1,128}"\},"seal":\{"stream":"([0-9a-f]{16})","from":"(\d{20})","to":"(\d{20})","count":"(\d{20})","head":"([0-9a-f]{64})","previous_seal":"([0-9a-f]{64})","key":"([0-9a-f]{64})","next_key":"([0-9a-f]{64})","signature":"([0-9a-f]{128})"\}\}$/;
const LONGEST_VALUE = 1024;

/** The bytes that are signed, and whose hash the next seal has. */
export function signedBytes({
  stream,
  from,
  to,
  head,
  time,
  previous_seal,
  next_key,
}: Omit<Seal, 'key' | 'signature' | 'count'>): Buffer {
  const bytes = Buffer.alloc(SIGNED_BYTES);
  bytes[0] = SEAL;
  let at = 1;
  at += bytes.write(stream, at, 'hex');
  at = bytes.writeBigUInt64BE(BigInt(from), at);
  at = bytes.writeBigUInt64BE(BigInt(to), at);
  at += bytes.write(head, at, 'hex');
  at += bytes.write(time, at, 'latin1');
  at += bytes.write(previous_seal, at, 'hex');
  bytes.write(next_key, at, 'hex');
  return bytes;
}

/** What the next seal names as `previous_seal`, hex. */
export function sealHash(seal: Omit<Seal, 'key' | 'signature' | 'count'>): string {
  return hash('sha256', signedBytes(seal), 'hex');
}

/** Signs it. `count` follows from its numbers. */
export function makeSeal(
  seal: Omit<Seal, 'signature' | 'count' | 'key'>,
  { key, secret }: { key: string; secret: KeyObject },
): Seal {
  const signature = sign(null, signedBytes(seal), secret).toString('hex');
  return { ...seal, count: seal.to + 1 - seal.from, key, signature };
}

/** A seal's value in the topic. */
export function sealRecord(seal: Seal): Buffer {
  const { time, stream, from, to, count, head, previous_seal, key, next_key, signature } = seal;
  const id = `${stream}-${sealHash(seal).slice(0, 32)}`;
  return Buffer.from(
    `{"@timestamp":"${time}","event":{"action":"seal","id":"${id}"},"seal":{"stream":"${stream}","from":"${twentyDigits(from)}","to":"${twentyDigits(to)}","count":"${twentyDigits(count)}","head":"${head}","previous_seal":"${previous_seal}","key":"${key}","next_key":"${next_key}","signature":"${signature}"}}`,
  );
}

/** The seal of a value; null: it is none. Whether its signature is right, `isSigned` says. */
export function readSeal(value: Buffer): Seal | null {
  if (value.length > LONGEST_VALUE) return null;
  const found = VALUE.exec(value.toString('latin1'));
  if (!found) return null;
  const [, time, stream, from, to, count, head, previous_seal, key, next_key, signature] = found as unknown as string[];
  const numbers = { from: Number(from), to: Number(to), count: Number(count) };
  if (!Object.values(numbers).every(Number.isSafeInteger)) return null;
  return {
    time: time!,
    stream: stream!,
    ...numbers,
    head: head!,
    previous_seal: previous_seal!,
    key: key!,
    next_key: next_key!,
    signature: signature!,
  };
}

/** Its signature is of its key and its bytes, and it counts what it spans. */
export function isSigned(seal: Seal): boolean {
  if (seal.count !== seal.to + 1 - seal.from || seal.count < 0) return false;
  return verify(null, signedBytes(seal), publicKey(seal.key), Buffer.from(seal.signature, 'hex'));
}

/** Of 32 raw bytes in hex. Seals that follow each other have the same. */
export function publicKey(hex: string): KeyObject {
  if (hex !== lastHex) {
    lastKey = keyOf(hex);
    lastHex = hex;
  }
  return lastKey!;
}

let lastHex = '';
let lastKey: KeyObject | null = null;

function keyOf(hex: string): KeyObject {
  const key = Buffer.concat([PUBLIC_PREFIX, Buffer.from(hex, 'hex')]);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

/** A pair of a private half of 32 raw bytes (RFC 8032's secret key): its public half in hex beside it. */
export function keyPair(seed: Uint8Array): { key: string; secret: KeyObject } {
  const secret = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' });
  return { key: spki.subarray(PUBLIC_PREFIX.length).toString('hex'), secret };
}
