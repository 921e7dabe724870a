/**
 * Where damaged bytes of the spool are kept for whoever wants to look at them: `<spool>/quarantine/`, a file a stretch,
 * named after its topic, its segment and its place in it. Nothing reads them again. They take at most QUARANTINE_BYTES;
 * what does not fit any more is not kept. What the disk does not give of them is zeros there.
 */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeDirectory, moveFile, replaceFile } from '../core/files.ts';
import { Salvage } from './salvage.ts';

export const QUARANTINE = 'quarantine';
const QUARANTINE_BYTES = 64 * 1024 * 1024;

/**
 * Keeps the bytes [at, at + bytes) of a segment's file, which lies in `<spool>/<topic>-0/`. Resolves with the path of
 * the copy, null when there is no room left. Rejects as the file system does.
 */
export async function quarantine(log: string, at: number, bytes: number): Promise<string | null> {
  const path = await placeFor(log, at, bytes);
  if (path === null) return null;
  const file = await open(log, 'r');
  try {
    const buffer = Buffer.alloc(bytes);
    const bytesRead = await new Salvage().read(file, buffer, at);
    await replaceFile(path, [buffer.subarray(0, bytesRead)]);
    return path;
  } finally {
    await file.close();
  }
}

/** The same for a whole file that cannot be opened: it is moved there as it is. */
export async function quarantineWhole(log: string, bytes: number): Promise<string | null> {
  const path = await placeFor(log, 0, bytes);
  if (path !== null) await moveFile(log, path);
  return path;
}

async function placeFor(log: string, at: number, bytes: number): Promise<string | null> {
  const partition = dirname(log);
  const dir = join(dirname(partition), QUARANTINE);
  await makeDirectory(dir);
  if ((await taken(dir)) + bytes > QUARANTINE_BYTES) return null;
  return join(dir, `${basename(partition)}.${basename(log, '.log')}.${at}.bad`);
}

async function taken(dir: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(dir)) {
    // Of a file that the disk does not give its size is not known either.
    bytes += await stat(join(dir, name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}
