/**
 * Which part of the positions topic data_dir reflects: `<data_dir>/positions.topic`, one line of JSON.
 *
 *   {"format":1,"cluster":"...","topic":"runnel.positions","topic_id":"...","partition":0,"offset":"4711"
 *    [,"own":...][,"forgotten":[...]]}
 *
 * Everything that was committed before the offset is in the journal of positions and in the local log's read positions,
 * synced, before this is written. So a start reads only what is newer.
 *
 * `own` is what data_dir knows better than the topic does behind the offset: the keys of positions that a person has set or
 * forgotten, or "all" when the agent has run without transactions since. The next start with transactions goes by
 * data_dir there, once: before it sends anything it writes another offset, without `own`. `forgotten` are those of the
 * keys that are to be deleted in the topic.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../core/files.ts';
import type { TopicIdentity } from '../../core/topic-identity.ts';
import { log } from '../../log.ts';

const FORMAT = 1;

export interface Snapshot extends TopicIdentity {
  topic: string;
  partition: number;
  offset: bigint;
  own: 'all' | readonly string[];
  forgotten: readonly string[];
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
    const said = JSON.parse(text);
    const { format, cluster = null, topic, topic_id: topicId = null, partition, offset } = said;
    if (Number.isInteger(format) && format > FORMAT) {
      throw new Newer(`${path} has format ${format}, this version reads up to ${FORMAT}: run the newer version`);
    }
    const good = format === FORMAT && typeof topic === 'string' && Number.isInteger(partition) && /^\d+$/.test(offset);
    const { own = [], forgotten = [] } = said;
    if (good) return { cluster, topic, topicId, partition, offset: BigInt(offset), own, forgotten };
  } catch (error) {
    if (error instanceof Newer) throw error;
    // No JSON: told below, with what is JSON and no snapshot.
  }
  log.warn(`${path} is damaged: the positions topic is read from its beginning`);
  return null;
}

export async function writeSnapshot(dataDir: string, snapshot: Snapshot): Promise<void> {
  const { cluster, topic, topicId: topic_id, partition, offset, own, forgotten } = snapshot;
  const better = { ...(own.length > 0 && { own }), ...(forgotten.length > 0 && { forgotten }) };
  const text = JSON.stringify({
    format: FORMAT,
    cluster,
    topic,
    topic_id,
    partition,
    offset: String(offset),
    ...better,
  });
  await replaceFile(pathIn(dataDir), [Buffer.from(`${text}\n`)]);
}

/** There were transactions, and since then the agent has not run without. */
export async function transactionsBefore(dataDir: string): Promise<boolean> {
  const snapshot = await readSnapshot(dataDir);
  return snapshot !== null && snapshot.own !== 'all';
}

/**
 * These positions were set or forgotten in data_dir, or all may have changed there. `reread`: it had lost some, so that the
 * next start has to read all of the topic. False: there were no transactions, as far as data_dir knows.
 */
export async function ownInSnapshot(
  dataDir: string,
  better: { set: 'all' | readonly string[]; forgotten?: readonly string[]; reread?: boolean },
): Promise<boolean> {
  const snapshot = await readSnapshot(dataDir);
  if (!snapshot) return false;
  const { set, forgotten = [], reread = false } = better;
  const all = set === 'all' || snapshot.own === 'all';
  const own = all ? 'all' : [...new Set([...snapshot.own, ...set, ...forgotten])];
  const gone = [...new Set([...snapshot.forgotten, ...forgotten])];
  await writeSnapshot(dataDir, { ...snapshot, own, forgotten: gone, ...(reread && { offset: 0n }) });
  return true;
}

class Newer extends Error {}
