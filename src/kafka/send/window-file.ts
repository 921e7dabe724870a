/**
 * What was sent of a lane and not acknowledged when the agent was stopped, kept in a file, so that the next process sends
 * it again under the same numbers and the broker knows what it has: `data_dir/window/<topic>-<partition>`
 *
 *    0  "RUNNEL WINDOW 1\n"
 *   16  bytes of the index  u32
 *   20  CRC-32 of the index u32
 *   24  the index, JSON: {"cluster":"...","topic_id":"...","partitions":3,"saved":1700000000000,
 *       "packets":[{"crc":7,"weights":{"logs.app":12}}, ...]}
 *       record batches, version 2, one after the other: what went over the wire, header and checksum included
 *
 * Integers are big-endian. Producer id (-1: not given yet), epoch and sequence are in the batches, and the checksum by
 * which the index names them. A file appears whole or not at all (see core/files.ts). Of a damaged one all batches whose
 * checksums hold are found, wherever they lie; what the index names beside them is lost.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { makeDirectory, replaceFile } from '../../core/files.ts';
import { checkCrc, HEADER_BYTES, readHeader } from '../../records/record-batch.ts';

const MAGIC = 'RUNNEL WINDOW 1\n';
const INDEX_AT = MAGIC.length + 8;
/** Temporary files have other names. */
const NAME = /^([a-zA-Z0-9._-]{1,249})-(\d+)$/;

/** Input items by input, as the accounts name them. */
export type Items = ReadonlyMap<string, number>;

export interface SavedPacket {
  header: Buffer;
  body: Buffer;
  /** Of the block that ends with this packet; empty for its other parts. */
  weights: Items;
}

export interface SavedWindow {
  topic: string;
  partition: number;
  /** The cluster's id: elsewhere the producer id is somebody else's. Undefined: damaged. */
  cluster: string | null | undefined;
  /** Kafka's id of the topic; null: not known. */
  topicId: string | null;
  /** Over how many partitions the keys were spread; 0: not known, or not over as many all the time. */
  partitions: number;
  /** When it was written, milliseconds since the epoch; 0: not known. */
  saved: number;
  packets: SavedPacket[];
}

/** What is in a directory of windows, and what is no more. */
export interface WindowDamage {
  path: string;
  /** Items of packets that are gone; empty where not even that is known. */
  weights: Items;
  /** Bytes that are neither index nor batch. */
  bytes: number;
}

interface Index {
  cluster?: string | null | undefined;
  topic_id?: string | null;
  partitions: number;
  saved: number;
  packets: { crc: number; weights: Record<string, number> }[];
}

/** Brings a window to the medium, in place of what was there. */
export async function writeWindow(dir: string, window: SavedWindow): Promise<void> {
  await makeDirectory(dir);
  const path = join(dir, `${window.topic}-${window.partition}`);
  // A topic's name may be as long as a file's: the temporary one stands beside it, not on it.
  const temporary = join(dir, `${crc32(path).toString(16)}.new`);
  const index = Buffer.from(JSON.stringify(indexOf(window)));
  const head = Buffer.alloc(INDEX_AT);
  head.write(MAGIC);
  head.writeUInt32BE(index.length, MAGIC.length);
  head.writeUInt32BE(crc32(index), MAGIC.length + 4);
  const batches = window.packets.flatMap(({ header, body }) => [header, body]);
  await replaceFile(path, [head, index, ...batches], { temporary });
}

export async function removeWindow(dir: string, { topic, partition }: SavedWindow): Promise<void> {
  await rm(join(dir, `${topic}-${partition}`), { force: true });
}

/** All windows in `dir`. Throws where a newer version wrote one, or the directory cannot be read. */
export async function readWindows(dir: string): Promise<{ windows: SavedWindow[]; damage: WindowDamage[] }> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new Error(`cannot read what was in flight at the last stop: ${error.message}`);
  });
  const windows: SavedWindow[] = [];
  const damage: WindowDamage[] = [];
  for (const name of names.sort()) {
    const match = NAME.exec(name);
    const path = join(dir, name);
    if (!match) {
      // Of a process that was killed while it wrote: what it held has not moved any position.
      if (name.endsWith('.new')) await rm(path, { force: true });
      continue;
    }
    const { window, lost, bytes } = parse(await readFile(path), match[1]!, Number(match[2]), path);
    windows.push(window);
    if (lost) damage.push({ path, weights: lost, bytes });
  }
  return { windows, damage };
}

function indexOf({ cluster, topicId, partitions, saved, packets }: SavedWindow): Index {
  return {
    cluster,
    topic_id: topicId,
    partitions,
    saved,
    packets: packets.map(({ header, weights }) => {
      return { crc: readHeader(header)!.crc, weights: Object.fromEntries(weights) };
    }),
  };
}

function parse(bytes: Buffer, topic: string, partition: number, path: string) {
  const magic = bytes.toString('latin1', 0, MAGIC.length);
  const newer = /^RUNNEL WINDOW (\d+)\n/.exec(magic)?.[1];
  if (newer !== undefined && Number(newer) > 1) {
    throw new Error(`${path} has format ${newer}, this version reads up to 1: run the newer version`);
  }
  const length = magic === MAGIC && bytes.length >= INDEX_AT ? bytes.readUInt32BE(MAGIC.length) : -1;
  const index = length >= 0 ? readIndex(bytes.subarray(INDEX_AT, INDEX_AT + length), bytes.readUInt32BE(20)) : null;
  const found = batchesIn(bytes, index ? INDEX_AT + length : 0);
  const packets: SavedPacket[] = [];
  const missing = new Map(index?.packets.map(({ crc, weights }) => [crc, weights]));
  let bytesUsed = index ? INDEX_AT + length : 0;
  for (const batch of found) {
    const { crc, count } = readHeader(batch)!;
    const weights = missing.get(crc);
    missing.delete(crc);
    bytesUsed += batch.length;
    packets.push({
      header: batch.subarray(0, HEADER_BYTES),
      body: batch.subarray(HEADER_BYTES),
      // Whose they are is not known any more.
      weights: new Map(weights ? Object.entries(weights) : [['window', count]]),
    });
  }
  const lost = new Map<string, number>();
  for (const weights of missing.values()) {
    for (const [input, items] of Object.entries(weights)) lost.set(input, (lost.get(input) ?? 0) + items);
  }
  const { cluster, topic_id: topicId = null, partitions = 0, saved = 0 } = index ?? {};
  const window: SavedWindow = { topic, partition, cluster, topicId, partitions, saved, packets };
  return { window, lost: !index || missing.size > 0 ? lost : null, bytes: bytes.length - bytesUsed };
}

function readIndex(text: Buffer, crc: number): Index | null {
  return crc32(text) === crc ? (JSON.parse(text.toString()) as Index) : null;
}

/** Batches that check, in order; what lies between them is passed over. */
function batchesIn(bytes: Buffer, from: number): Buffer[] {
  const batches: Buffer[] = [];
  for (let at = from; at + HEADER_BYTES <= bytes.length; ) {
    const header = readHeader(bytes, at);
    const good = header && header.producerId >= -1n && header.lastOffsetDelta === header.count - 1;
    if (!good || !checkCrc(bytes, at)) at++;
    else {
      batches.push(bytes.subarray(at, at + header.bytes));
      at += header.bytes;
    }
  }
  return batches;
}
