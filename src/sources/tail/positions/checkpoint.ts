/**
 * A generation as it stands in the positions topic (kafka/transactions/positions-topic.ts): the key `file/<id>`, and all that the
 * journal has of it but its sum and the age of what waits, so that a start without the journal can go on from there. 64-bit numbers are text:
 *
 *   {"input","path","base","device":"...","inode":"...","head":{"length","digest":"..."},"marker":{...},"markedAt","position"}
 *
 * Where its lines go to several topics, each has a key of its own, which is written with that topic's records: `file/<id>`
 * for the input's topic, `file/<id>/<topic>` for the others. `position` is that topic's then, and `topics` has how far each
 * of them was safe: {NAME: {"position","skipped"}}.
 */
import type { Checkpoint } from '../../../core/block.ts';
import { blank, type Generation, type TopicPosition } from './journal.ts';

const PREFIX = 'file/';

export function fileKey(id: string, topic?: string): string {
  return topic === undefined ? `${PREFIX}${id}` : `${PREFIX}${id}/${topic}`;
}

/** All that it may have. */
export function fileKeys({ id, topics }: Generation): string[] {
  return [fileKey(id), ...[...(topics?.keys() ?? [])].map((topic) => fileKey(id, topic))];
}

export function fileCheckpoint(generation: Generation, topic?: string): Checkpoint {
  const { id, seen: _, number: __, sum: ___, ages: ____, topics, ...rest } = generation;
  const value = topics ? { ...rest, topics: Object.fromEntries(topics) } : rest;
  return { key: fileKey(id, topic), value: JSON.parse(JSON.stringify(value, withText)) };
}

/** Null: it is no file's, or says nothing that could be used. */
export function generationOf(key: string, value: Record<string, unknown>): Generation | null {
  if (!key.startsWith(PREFIX)) return null;
  const { v: _, by: __, ...rest } = value;
  try {
    const { input, path, base, device, inode, head, marker, topics, ...others } = rest as Record<string, never>;
    const id = key.slice(PREFIX.length).split('/', 1)[0]!;
    const name = { id, input: String(input), path: String(path), base: Number(base) };
    const known = { device: BigInt(device!), inode: BigInt(inode!), head: prefix(head!), marker: prefix(marker!) };
    const generation: Generation = { ...blank(name), ...(others as object), ...known };
    if (topics) generation.topics = new Map(Object.entries<TopicPosition>(topics));
    return Number.isSafeInteger(generation.position) && Number.isSafeInteger(generation.markedAt) ? generation : null;
  } catch {
    // A digest or inode that is no number: as good as unknown, and the file is read as a new one.
    return null;
  }
}

/**
 * What several keys of one file say together: of each topic the furthest, and the file is read from the lowest of them.
 * `known`: what is known of it beside them.
 */
export function together(said: readonly Generation[], known?: Generation): Generation {
  const topics = new Map(known?.topics);
  for (const one of said) {
    for (const [name, at] of one.topics ?? []) {
      if (at.position > (topics.get(name)?.position ?? -1)) topics.set(name, at);
    }
  }
  const all = known ? [...said, known] : said;
  const lowest = Math.min(...[...topics.values()].map(({ position }) => position));
  // Before routes were used there was one position, and no topic is behind it.
  const least = known && !known.topics ? Math.min(known.position, lowest) : lowest;
  const position = Math.max(least, known?.position ?? 0);
  const marked = all.filter(({ markedAt }) => markedAt <= position).sort((a, b) => b.markedAt - a.markedAt)[0];
  const { marker, markedAt } = marked ?? blank(said[0]!);
  const { cursor: _, ...rest } = said[0]!;
  // That of the journal, where it is one.
  const cursors = all.flatMap(({ cursor }) => (cursor && cursor.at <= position ? [cursor] : []));
  const [cursor] = cursors.sort((a, b) => b.at - a.at);
  return { ...rest, topics, position, marker, markedAt, ...(cursor && { cursor }) };
}

function prefix({ length, digest }: { length: number; digest: string }) {
  return { length, digest: BigInt(digest) };
}

function withText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
