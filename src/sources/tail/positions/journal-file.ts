/**
 * The journal of positions on disk: opened, appended to, written anew.
 *
 * What cannot be read is put aside and reading starts again as `start_at` says: an agent that refuses to start because
 * of its own file would be started again and again, and help nobody. Only a journal of a newer version is refused.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { moveFile, replaceAndKeep, replaceFile } from '../../../core/files.ts';
import { log } from '../../../log.ts';
import { FORMAT, formatFor, type Generation, journalFormat, readJournal } from './journal.ts';
import { setAside } from './set-aside.ts';

export class JournalFile {
  readonly path: string;
  #handle: FileHandle;
  /** Bytes that are written; a torn write behind them is written over. */
  size: number;
  /** It has to be written anew before anything can be appended. */
  stale: boolean;
  /** That of what is written; null: nothing is. */
  format: number | null;
  /** It was not there, or damaged. */
  readonly lost: boolean;

  private constructor(path: string, handle: FileHandle, size: number, format: number | null, lost: boolean) {
    this.path = path;
    this.#handle = handle;
    this.size = size;
    this.format = format;
    this.stale = format === null || format < formatFor([]);
    this.lost = lost;
  }

  /** Throws where a newer version wrote it, or the directory cannot be used. */
  static async open(dataDir: string): Promise<{ journal: JournalFile; files: Map<number, Generation> }> {
    const path = join(dataDir, 'positions');
    const bytes = await readOrPutAside(path);
    const format = bytes ? journalFormat(bytes) : null;
    if (format !== null && format > FORMAT) {
      throw new Error(`${path} has format ${format}, this version reads up to ${FORMAT}: run the newer version`);
    }
    const { files, damaged } = readJournal(bytes ?? Buffer.alloc(0));
    const whole = format !== null && damaged === 0;
    if (bytes && bytes.length > 0 && !whole) {
      const kept = await setAside(path, (to) => replaceFile(to, [bytes])).then(
        (to) => `kept as ${to}`,
        (error: Error) => `not kept: ${error.message}`,
      );
      const cost =
        files.size > 0 ? 'the last good ones are used, lines may come twice' : 'files are read as start_at says';
      log.warn(`the positions in ${path} are damaged (${kept}): ${cost}`);
    }
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o640);
    const journal = new JournalFile(path, handle, whole ? bytes!.length : 0, whole ? format : null, !whole);
    // At once: of a hundred thousand files these are 26 MB, which the garbage collector would leave for minutes.
    const buffer = bytes?.buffer;
    if (buffer instanceof ArrayBuffer && bytes?.length === buffer.byteLength) buffer.transfer(0);
    return { journal, files };
  }

  async append(bytes: Buffer): Promise<void> {
    await writeAll(this.#handle, bytes, this.size);
    this.size += bytes.length;
  }

  /** Writes it anew: there is always a whole one. */
  async replace(bytes: Buffer): Promise<void> {
    // Which of the two has the name where this fails is not known: nothing may be appended to the old one.
    this.stale = true;
    const handle = await replaceAndKeep(this.path, [bytes]);
    const before = this.#handle;
    this.#handle = handle;
    this.size = bytes.length;
    this.format = journalFormat(bytes);
    this.stale = false;
    await before.close();
  }

  /** Brings what is written to the medium. */
  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Its bytes; null: there is none, or it cannot be read and was put aside. */
async function readOrPutAside(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    const kept = await setAside(path, (to) => moveFile(path, to)).catch((reason: Error) => {
      const help = `let the user that the agent runs as read and write ${path}, or move it away`;
      throw new Error(`cannot read the positions: ${message}, nor put them aside: ${reason.message}: ${help}`);
    });
    log.warn(`cannot read the positions: ${message} (kept as ${kept}): files are read as start_at says`);
    return null;
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
