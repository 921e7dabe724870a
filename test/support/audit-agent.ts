/** An agent that takes audit events, and requests to it. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type AuditRecord, isIntact, readAuditRecord, ZEROS } from '../../src/audit/record.ts';
import { isSigned, readSeal, type Seal, sealHash } from '../../src/audit/seal.ts';
import { decompress } from '../../src/records/codecs.ts';
import { records } from '../../src/records/record-batch.ts';
import type { AgentConfig, Home, RunningAgent } from './agent.ts';
import { openSpools } from './spool-blocks.ts';

export interface AuditAgent {
  agent: RunningAgent;
  socket: string;
}

/** `how`: as of `Home.start`. */
export async function startAudit(
  home: Home,
  config: AgentConfig = {},
  audit: Record<string, unknown> = {},
  how: Parameters<Home['start']>[1] = {},
): Promise<AuditAgent> {
  const socket = home.path('audit.sock');
  const agent = await home.start({ ...config, audit: { listen: [`unix://${socket}`], ...audit } }, how);
  return { agent, socket };
}

export interface AuditAnswer {
  code: number;
  headers: Record<string, string | string[] | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: whatever is answered
  body: any;
}

export const NDJSON = 'application/x-ndjson';

/** One request on a connection of its own; `null` body: GET. */
export function audit(
  socketPath: string,
  body: string | Buffer | null,
  headers: Record<string, string> = {},
  path = '/v1/audit',
): Promise<AuditAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        socketPath,
        path,
        method: body === null ? 'GET' : 'POST',
        // Where it is closed after an early answer, what is still being written breaks.
        headers: { 'content-type': 'application/json', connection: 'keep-alive', ...headers },
        agent: false,
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece) => pieces.push(piece));
        response.on('end', () => {
          asked.destroy();
          const text = Buffer.concat(pieces).toString();
          let parsed: unknown = text;
          try {
            parsed = JSON.parse(text);
          } catch {
            // Said as it is.
          }
          resolve({ code: response.statusCode!, headers: response.headers, body: parsed });
        });
        response.on('error', reject);
      },
    );
    asked.on('error', reject);
    asked.end(body ?? undefined);
  });
}

/** An event's JSON. */
export function eventOf(id: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ '@timestamp': '2026-12-01T07:00:00.000Z', event: { id, action: 'invoice.edit' }, ...more });
}

export function linesOf(ids: readonly string[], more: Record<string, unknown> = {}): string {
  return ids.map((id) => `${eventOf(id, more)}\n`).join('');
}

export interface AuditLogRecord {
  key: string;
  value: Buffer;
  headers: Record<string, string>;
}

/** All records of the audit topic in a local log that no agent has open. */
export async function auditOnDisk(dataDir: string): Promise<AuditLogRecord[]> {
  const spools = await openSpools(`${dataDir}/spool`);
  const found: AuditLogRecord[] = [];
  for (const partition of spools.partitions()) {
    if (partition.topic !== 'runnel.audit') continue;
    for await (const entry of partition.read(0, { follow: false })) {
      for (const { key, value, headers } of records(await decompress(entry.codec, entry.body))) {
        const texts = headers.map(([name, bytes]) => [name, bytes.toString()]);
        found.push({ key: String(key), value: Buffer.from(value!), headers: Object.fromEntries(texts) });
      }
    }
  }
  await spools.close();
  return found;
}

export interface CheckedStream {
  events: AuditRecord[];
  ids: string[];
  seals: Seal[];
}

/** Checks chains and seals of whole streams; by the stream's id. */
export function checkedStreams(found: readonly Pick<AuditLogRecord, 'value'>[]): Map<string, CheckedStream> {
  const streams = new Map<string, CheckedStream>();
  const of = (id: string) => {
    const stream = streams.get(id) ?? { events: [], ids: [], seals: [] };
    streams.set(id, stream);
    return stream;
  };
  for (const { value } of found) {
    const seal = readSeal(value);
    if (seal) {
      const { events, seals } = of(seal.stream);
      const before = seals.at(-1);
      assert.ok(isSigned(seal), 'a seal is signed');
      assert.equal(seal.previous_seal, before ? sealHash(before) : ZEROS);
      assert.equal(seal.key, before?.next_key ?? seal.key, 'the key is the one that the seal before has named');
      assert.equal(seal.from, (before?.to ?? 0) + 1);
      assert.equal(seal.to, events.length, 'a seal is of all that came before it');
      assert.equal(seal.head, events.at(-1)?.hash ?? ZEROS);
      seals.push(seal);
      continue;
    }
    const record = readAuditRecord(value);
    assert.ok(record, `no record: ${value}`);
    const { events, ids } = of(record.stream);
    assert.equal(record.sequence, events.length + 1, 'no gap, nothing twice');
    assert.equal(record.previous, events.at(-1)?.hash ?? ZEROS);
    assert.ok(isIntact(record));
    events.push(record);
    ids.push(JSON.parse(record.client.toString()).event.id);
  }
  return streams;
}
