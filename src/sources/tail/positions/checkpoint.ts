/**
 * A generation as it stands in the positions topic (kafka/transactions/positions-topic.ts): the key `file/<id>`, and all that the
 * journal has of it but its sum and the age of what waits, so that a start without the journal can go on from there. 64-bit numbers are text:
 *
 *   {"input","path","base","device":"...","inode":"...","head":{"length","digest":"..."},"marker":{...},"markedAt","position"}
 */
import type { Checkpoint } from '../../../core/block.ts';
import { blank, type Generation } from './journal.ts';

const PREFIX = 'file/';

export function fileKey(id: string): string {
  return `${PREFIX}${id}`;
}

export function fileCheckpoint(generation: Generation): Checkpoint {
  const { id, seen: _, number: __, sum: ___, ages: ____, ...rest } = generation;
  return { key: fileKey(id), value: JSON.parse(JSON.stringify(rest, withText)) };
}

/** Null: it is no file's, or says nothing that could be used. */
export function generationOf(key: string, value: Record<string, unknown>): Generation | null {
  if (!key.startsWith(PREFIX)) return null;
  const { v: _, by: __, ...rest } = value;
  try {
    const { input, path, base, device, inode, head, marker, ...others } = rest as Record<string, never>;
    const name = { id: key.slice(PREFIX.length), input: String(input), path: String(path), base: Number(base) };
    const known = { device: BigInt(device!), inode: BigInt(inode!), head: prefix(head!), marker: prefix(marker!) };
    const generation = { ...blank(name), ...(others as object), ...known };
    return Number.isSafeInteger(generation.position) && Number.isSafeInteger(generation.markedAt) ? generation : null;
  } catch {
    // A digest or inode that is no number: as good as unknown, and the file is read as a new one.
    return null;
  }
}

function prefix({ length, digest }: { length: number; digest: string }) {
  return { length, digest: BigInt(digest) };
}

function withText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
