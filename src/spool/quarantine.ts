/**
 * Where damaged bytes of the spool are kept for whoever wants to look at them: `<spool>/quarantine/`, a file a stretch,
 * named after its topic, its segment and its place in it. Nothing reads them again. They take at most QUARANTINE_BYTES;
 * what does not fit any more is not kept.
 */
import { mkdir, open, readdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export const QUARANTINE = 'quarantine';
const QUARANTINE_BYTES = 64 * 1024 * 1024;

/**
 * Keeps the bytes [at, at + bytes) of a segment's file, which lies in `<spool>/<topic>-0/`. Resolves with the path of
 * the copy, null when there is no room left. Rejects as the file system does.
 */
export async function quarantine(log: string, at: number, bytes: number): Promise<string | null> {
  const partition = dirname(log);
  const dir = join(dirname(partition), QUARANTINE);
  await mkdir(dir, { recursive: true, mode: 0o750 });
  if ((await taken(dir)) + bytes > QUARANTINE_BYTES) return null;
  const path = join(dir, `${basename(partition)}.${basename(log, '.log')}.${at}.bad`);
  const file = await open(log, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, at);
    await writeFile(path, buffer.subarray(0, bytesRead), { mode: 0o640 });
    return path;
  } finally {
    await file.close();
  }
}

async function taken(dir: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(dir)) bytes += (await stat(join(dir, name))).size;
  return bytes;
}
