/**
 * What a spool partition remembers over a restart: how far it is acknowledged, and under which producers its blocks go
 * out. Two slots of 64 bytes, 512 apart, written in turn, so that one of them is always whole:
 *
 *    0  "RNLS"
 *    4  crc            u32    CRC32 of everything from 8 on
 *    8  counter        u64    the slot with the higher one counts
 *   16  acknowledged   i64    everything before this offset is safe elsewhere
 *   24  floor          i64    no block ever gets an offset below this one again
 *   32                 i64    -1
 *   40  table bytes    u32    0: no producers
 *   44  table crc      u32
 *   48                 i16    -1
 *   50  closed         u16    1: the spool was synced and closed
 *   52  boot           u32    which boot of the machine wrote this
 *   56  id             u64    random, of the offsets as they are given here; 0: nobody asked for one yet
 *
 * Each slot has its table of producers (see producers.ts) in the same file, from 1,024 on and 65,536 apart. It is written
 * before the slot that names it.
 *
 * After kill -9 the same blocks go out under the same numbers. After a power cut offsets may be given a second time (what
 * was not synced is gone), and a broker would take new blocks for old ones: producers of another boot hold only if the
 * spool was closed.
 */
import { readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { moveFile, openOrCreate } from '../core/files.ts';
import { log } from '../log.ts';
import { Producers } from './producers.ts';
import { isBadMedium, readWhole } from './salvage.ts';

const SLOT_BYTES = 64;
const SLOT_DISTANCE = 512;
const TABLE_AT = 1024;
const TABLE_DISTANCE = 65_536;
const MAGIC = Buffer.from('RNLS');

export class ReadState {
  acknowledged = 0;
  floor = 0;
  producers = Producers.none();
  closed = false;
  id = 0n;
  /** What is on disk. */
  persisted = 0;
  persistedFloor = 0;
  /** Ids of the producers that a kill would bring back. */
  persistedProducers: ReadonlySet<bigint> = new Set();
  readonly #path: string;
  #file: FileHandle | null = null;
  #counter = 0n;
  #writing: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #nextSync = false;

  /** Of a partition that is new: the file comes with the first write. */
  constructor(path: string) {
    this.#path = path;
  }

  static async open(path: string): Promise<ReadState> {
    const state = new ReadState(path);
    const { bytes, lacking } = await readIfThere(path);
    const latest = latestOf(bytes);
    if (!latest && (lacking || bytes.length > 0)) {
      log.warn(`spool: ${path} is damaged: what is kept is sent again, and may be in Kafka twice`);
    }
    // Otherwise what is written from here on would go to where the disk does not give it back.
    if (lacking) await setAside(path);
    if (!latest) return state;
    state.#counter = latest.counter;
    state.acknowledged = latest.acknowledged;
    state.persisted = latest.acknowledged;
    state.floor = latest.floor;
    state.persistedFloor = latest.floor;
    state.id = latest.id;
    if (latest.closed || latest.boot === thisBoot()) state.producers = latest.producers;
    state.persistedProducers = state.producers.ids();
    // From here on the spool is not closed: without this, a power cut before the next write would look like a close.
    if (latest.closed) await state.write(true);
    return state;
  }

  /** Takes its place on the disk now, so that a disk that is full later does not keep it from being written. */
  async reserve(): Promise<void> {
    if (this.#file) return;
    await this.write();
    await this.write();
  }

  /** Resolves when the fields as they are now are written; calls that come while one is under way share the next. */
  write(sync = false): Promise<void> {
    this.#nextSync ||= sync;
    if (!this.#writing) return this.#start();
    this.#next ??= this.#writing.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  #start(): Promise<void> {
    const sync = this.#nextSync;
    this.#next = null;
    this.#nextSync = false;
    this.#writing = this.#put(sync).finally(() => {
      // The next one begins when this has been heard of: until then nobody else may.
      if (!this.#next) this.#writing = null;
    });
    return this.#writing;
  }

  async #put(sync: boolean): Promise<void> {
    const counter = this.#counter + 1n;
    this.#file ??= await openOrCreate(this.#path);
    const { acknowledged, floor } = this;
    const producers = this.producers.ids();
    const table = this.producers.encode(TABLE_DISTANCE);
    const slot = this.#slot(counter, table);
    const which = Number(counter % 2n);
    if (table.length > 0) await this.#file.write(table, 0, table.length, TABLE_AT + which * TABLE_DISTANCE);
    await this.#file.write(slot, 0, SLOT_BYTES, which * SLOT_DISTANCE);
    if (sync) await this.#file.datasync();
    this.#counter = counter;
    this.persisted = acknowledged;
    this.persistedFloor = floor;
    this.persistedProducers = producers;
  }

  #slot(counter: bigint, table: Buffer): Buffer {
    const slot = Buffer.alloc(SLOT_BYTES);
    MAGIC.copy(slot);
    slot.writeBigUInt64BE(counter, 8);
    slot.writeBigInt64BE(BigInt(this.acknowledged), 16);
    slot.writeBigInt64BE(BigInt(this.floor), 24);
    slot.writeBigInt64BE(-1n, 32);
    slot.writeUInt32BE(table.length, 40);
    slot.writeUInt32BE(crc32(table), 44);
    slot.writeInt16BE(-1, 48);
    slot.writeUInt16BE(this.closed ? 1 : 0, 50);
    slot.writeUInt32BE(thisBoot(), 52);
    slot.writeBigUInt64BE(this.id, 56);
    slot.writeUInt32BE(crc32(slot.subarray(8)), 4);
    return slot;
  }
}

/** How far a partition is acknowledged, for those who only look. */
export async function acknowledgedIn(path: string): Promise<number> {
  return latestOf((await readIfThere(path)).bytes)?.acknowledged ?? 0;
}

/** False: there is something, and none of it can be read. */
export async function stateIsWhole(path: string): Promise<boolean> {
  const { bytes, lacking } = await readIfThere(path);
  return (bytes.length === 0 && !lacking) || slotsIn(bytes).length > 0;
}

function latestOf(bytes: Buffer) {
  return slotsIn(bytes).sort((a, b) => (a.counter < b.counter ? 1 : -1))[0];
}

function slotsIn(bytes: Buffer) {
  return [readSlot(bytes, 0), readSlot(bytes, SLOT_DISTANCE)].filter((slot) => slot !== null);
}

/** `lacking`: the medium does not give all of it. */
function readIfThere(path: string): Promise<{ bytes: Buffer; lacking: boolean }> {
  return readWhole(path).catch((error) => {
    if (error.code === 'ENOENT') return { bytes: Buffer.alloc(0), lacking: false };
    if (isBadMedium(error)) return { bytes: Buffer.alloc(0), lacking: true };
    throw error;
  });
}

async function setAside(path: string): Promise<void> {
  const aside = `${path}.unreadable`;
  await moveFile(path, aside);
  log.warn(
    `spool: the disk does not give all of ${path}: set aside as ${aside}; a disk that does so is failing: replace it`,
  );
}

function readSlot(bytes: Buffer, at: number) {
  if (bytes.length < at + SLOT_BYTES) return null;
  const slot = bytes.subarray(at, at + SLOT_BYTES);
  if (!slot.subarray(0, 4).equals(MAGIC) || crc32(slot.subarray(8)) !== slot.readUInt32BE(4)) return null;
  const tableAt = TABLE_AT + (at / SLOT_DISTANCE) * TABLE_DISTANCE;
  const table = bytes.subarray(tableAt, tableAt + slot.readUInt32BE(40));
  const hasTable = table.length > 0 && crc32(table) === slot.readUInt32BE(44);
  return {
    counter: slot.readBigUInt64BE(8),
    acknowledged: Number(slot.readBigInt64BE(16)),
    floor: Number(slot.readBigInt64BE(24)),
    producers: hasTable ? Producers.decode(table) : Producers.none(),
    closed: slot.readUInt16BE(50) === 1,
    boot: slot.readUInt32BE(52),
    id: slot.readBigUInt64BE(56),
  };
}

let boot: number | undefined;

function thisBoot(): number {
  if (boot !== undefined) return boot;
  try {
    boot = crc32(readFileSync('/proc/sys/kernel/random/boot_id'));
  } catch {
    // Not Linux: 0 equals every other boot, so identities are kept.
    boot = 0;
  }
  return boot;
}
