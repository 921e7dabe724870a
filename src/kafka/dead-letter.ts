/**
 * Records that Kafka refuses for good (INVALID_RECORD) and that would hold up all that comes after them, kept for people:
 *
 *   data_dir/dead-letter/<topic>-<partition>/00000000000000000000.log     record batches, as in a Kafka log directory
 *
 * At most 16 MiB a topic and partition: when that is full nothing more is taken, and the data waits, as they do for every
 * other refusal. Removing the file makes room.
 */
import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { log } from '../log.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const FILE = '00000000000000000000.log';

export class DeadLetters {
  readonly #dir: string;
  readonly #maxBytes: number;

  constructor(dataDir: string, maxBytes = MAX_BYTES) {
    this.#dir = join(dataDir, 'dead-letter');
    this.#maxBytes = maxBytes;
  }

  /** Keeps a sealed batch, synced, and says so with the reason. False: there is no room, or the disk does not take it. */
  async take(name: string, header: Buffer, body: Buffer, why: string): Promise<boolean> {
    const dir = join(this.#dir, name);
    const path = join(dir, FILE);
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600);
      try {
        const { size } = await file.stat();
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
        } catch (error) {
          // It is tried again and again: what is there of it must not fill the file.
          await file.truncate(size);
          throw error;
        }
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
}
