/**
 * Which part of the positions topic data_dir reflects: `<data_dir>/positions.topic`, one line of JSON.
 *
 *   {"format":1,"cluster":"...","topic":"runnel.positions","partition":0,"offset":"4711"}
 *
 * Everything that was committed before the offset is in the journal of positions and in the local log's read positions,
 * synced, before this is written. So a start reads only what is newer.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { log } from '../log.ts';

const FORMAT = 1;

export interface Snapshot {
  cluster: string | null;
  topic: string;
  partition: number;
  offset: bigint;
}

const pathIn = (dataDir: string) => join(dataDir, 'positions.topic');

/** Null: there is none. Throws where a newer version wrote it. */
export async function readSnapshot(dataDir: string): Promise<Snapshot | null> {
  const path = pathIn(dataDir);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new Error(`cannot read ${path}: ${error.message}`);
  });
  if (text === null) return null;
  try {
    const { format, cluster, topic, partition, offset } = JSON.parse(text);
    if (Number.isInteger(format) && format > FORMAT) {
      throw new Newer(`${path} has format ${format}, this version reads up to ${FORMAT}: run the newer version`);
    }
    const good = format === FORMAT && typeof topic === 'string' && Number.isInteger(partition) && /^\d+$/.test(offset);
    if (good) return { cluster: cluster ?? null, topic, partition, offset: BigInt(offset) };
  } catch (error) {
    if (error instanceof Newer) throw error;
    // No JSON: told below, with what is JSON and no snapshot.
  }
  log.warn(`${path} is damaged: the positions topic is read from its beginning`);
  return null;
}

/** After this the file holds the old text or the new one, whatever happens to the process or the machine. */
export async function writeSnapshot(dataDir: string, snapshot: Snapshot): Promise<void> {
  const path = pathIn(dataDir);
  const file = await open(`${path}.new`, 'w', 0o640);
  try {
    const text = JSON.stringify({ format: FORMAT, ...snapshot, offset: String(snapshot.offset) });
    await file.writeFile(`${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

class Newer extends Error {}
