/** The records of the positions topic: see positions-topic.ts for what they say. */
import type { Checkpoint } from '../../core/block.ts';
import { log } from '../../log.ts';
import { frameRecord, records } from '../../records/record-batch.ts';

const FORMAT = 1;

/** Who writes: an agent, and the process that it is. */
export interface Author {
  agentId: string;
  /** This process; random. */
  instance: string;
}

export interface PositionRecord {
  key: string;
  value: Record<string, unknown> | null;
  /** Empty where there is no value. */
  by: string;
  /** When it was written, milliseconds since the epoch. */
  time: number;
}

/** The records sections of the batches that say this, each of about so many bytes. */
export function batchesOf(
  checkpoints: Iterable<Checkpoint>,
  { agentId, instance }: Author,
  most: number,
): { body: Buffer; count: number }[] {
  const batches: { body: Buffer; count: number }[] = [];
  let parts: Buffer[] = [];
  let bytes = 0;
  const close = () => {
    if (parts.length > 0) batches.push({ body: Buffer.concat(parts), count: parts.length });
    parts = [];
    bytes = 0;
  };
  for (const { key, value } of checkpoints) {
    const text = value && JSON.stringify({ v: FORMAT, by: instance, ...value });
    const record = frameRecord({ offsetDelta: parts.length, key: `${agentId}/${key}`, value: text });
    parts.push(record);
    bytes += record.length;
    if (bytes > most) close();
  }
  close();
  return batches;
}

/** A control record's key: version i16, type i16 (0 abort, 1 commit). */
export function isCommit(body: Buffer): boolean {
  for (const { key } of records(body)) return key !== null && key.length >= 4 && key.readInt16BE(2) === 1;
  return false;
}

export function foundIn(body: Buffer, agentId: string, time: number): PositionRecord[] {
  // Most batches are other agents': nothing is unpacked for them.
  const prefix = `${agentId}/`;
  if (!body.includes(prefix)) return [];
  const found: PositionRecord[] = [];
  for (const { key, value } of records(body)) {
    const name = key?.toString() ?? '';
    if (!name.startsWith(prefix)) continue;
    const of = { key: name.slice(prefix.length), time };
    if (value === null || value.length === 0) {
      found.push({ ...of, value: null, by: '' });
      continue;
    }
    const said = parse(value);
    if (said?.v === FORMAT) found.push({ ...of, value: said, by: String(said.by) });
    else
      log.warnOnce('positions format', `${name} in the positions topic has a format that this version does not read`);
  }
  return found;
}

function parse(value: Buffer): Record<string, unknown> | null {
  try {
    return JSON.parse(value.toString()) as Record<string, unknown>;
  } catch {
    // Told with the formats that are not understood.
    return null;
  }
}
