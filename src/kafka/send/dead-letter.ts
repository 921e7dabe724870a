/**
 * Records that Kafka refuses for good (INVALID_RECORD) and that would hold up all that comes after them, kept for people:
 *
 *   data_dir/dead-letter/<topic>-<partition>/00000000000000000000.log     record batches, as in a Kafka log directory
 *
 * A process that is killed before the position has moved past such a record gets it refused again. It is the same record
 * then but for the time of reading, says who it is (a file's id and offset, an event's id), and is not kept twice.
 *
 * At most 16 MiB a topic and partition: when that is full nothing more is taken, and the data waits, as they do for every
 * other refusal. Removing the file makes room.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { hash } from '../../builtin.ts';
import { makeDirectory, syncDirectory } from '../../core/files.ts';
import { log } from '../../log.ts';
import { decompress } from '../../records/codecs.ts';
import { checkCrc, HEADER_BYTES, readHeader, records } from '../../records/record-batch.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const FILE = '00000000000000000000.log';
const TIME_BEFORE = Buffer.from('{"@timestamp":"');
const TIME_BYTES = '2026-11-23T11:50:56.830Z'.length;

/** What a file holds, as long as nobody else touches it. */
interface Kept {
  inode: number;
  /** Bytes of whole batches. */
  size: number;
  identities: Set<string>;
}

export class DeadLetters {
  readonly #dir: string;
  readonly #maxBytes: number;
  readonly #kept = new Map<string, Kept>();

  constructor(dataDir: string, maxBytes = MAX_BYTES) {
    this.#dir = join(dataDir, 'dead-letter');
    this.#maxBytes = maxBytes;
  }

  /**
   * Keeps a sealed batch, synced, and says so with the reason; one that is kept already is not kept again. False: there
   * is no room, or the disk does not take it.
   */
  async take(name: string, header: Buffer, body: Buffer, why: string): Promise<boolean> {
    const dir = join(this.#dir, name);
    const path = join(dir, FILE);
    try {
      await makeDirectory(dir, 0o700);
      const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600);
      try {
        const kept = await this.#keptIn(name, file);
        const identity = await identityOf(header, body);
        if (kept.identities.has(identity)) return true;
        const { size } = kept;
        if (size + header.length + body.length > this.#maxBytes) {
          log.warnOnce(`dead letters ${name}`, `${path} is full: look at what is in it and remove it to make room`);
          return false;
        }
        // Offsets need not be dense, only ascend: a place in the file does.
        const placed = Buffer.from(header);
        placed.writeBigInt64BE(BigInt(size), 0);
        try {
          await file.writeFile(Buffer.concat([placed, body]));
          await file.datasync();
          if (size === 0) await syncDirectory(dir);
        } catch (error) {
          // It is tried again and again: what is there of it must not fill the file.
          await file.truncate(size);
          throw error;
        }
        kept.size += placed.length + body.length;
        kept.identities.add(identity);
        log.warnOnce(`dead letter ${name}`, `${why}: what Kafka refuses for good is kept in ${path}, and counted`);
        return true;
      } finally {
        await file.close();
      }
    } catch (error) {
      log.warnOnce(`dead letters ${name}`, `cannot keep what Kafka refuses in ${path}: ${(error as Error).message}`);
      return false;
    }
  }

  /** What is in the file; read once, and again when somebody else has changed it. What a kill left half is cut off. */
  async #keptIn(name: string, file: FileHandle): Promise<Kept> {
    const { size, ino: inode } = await file.stat();
    const known = this.#kept.get(name);
    if (known?.inode === inode && known.size === size) return known;
    const bytes = Buffer.alloc(size);
    let got = 0;
    for (let more = 1; got < size && more > 0; got += more) {
      more = (await file.read(bytes, got, size - got, got)).bytesRead;
    }
    const kept: Kept = { inode, size: 0, identities: new Set() };
    for (let header = readHeader(bytes); header; header = readHeader(bytes, kept.size)) {
      if (!checkCrc(bytes, kept.size)) break;
      const batch = bytes.subarray(kept.size, kept.size + header.bytes);
      kept.identities.add(await identityOf(batch.subarray(0, HEADER_BYTES), batch.subarray(HEADER_BYTES)));
      kept.size += header.bytes;
    }
    const last = readHeader(bytes, kept.size);
    if (kept.size < size && (last ? last.bytes : HEADER_BYTES) > size - kept.size) await file.truncate(kept.size);
    else kept.size = size; // damaged: what is behind stays for people
    this.#kept.set(name, kept);
    return kept;
  }
}

/** Of the records, without the time at which they were read. */
async function identityOf(header: Buffer, body: Buffer): Promise<string> {
  let bytes = body;
  try {
    bytes = Buffer.from(await decompress(readHeader(header)!.codec, body));
    for (const { value } of records(bytes)) {
      if (value?.subarray(0, TIME_BEFORE.length).equals(TIME_BEFORE)) {
        value.fill(0, TIME_BEFORE.length, Math.min(value.length, TIME_BEFORE.length + TIME_BYTES));
      }
    }
  } catch {
    // What cannot be unpacked is known again when it is the same to the last byte.
  }
  return hash('sha256', bytes, 'base64');
}
