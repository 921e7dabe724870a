/**
 * What the chains are, on disk: `<data_dir>/audit/state.json`, as of an offset of the local log, and the ids beside it.
 *
 *   state.json | up to offset |   +   log | offset ... next |   =   what is on the medium
 *
 * The log is synced for each answer, this now and then. What of the log lies behind the offset stays until the next
 * state is written (`keepFrom`), so a kill loses nothing: at the start it is read again. A state of another agent id is
 * one that was copied with a machine's image: its streams and keys are not ours.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isIntact, readAuditRecord } from '../../audit/record.ts';
import { readSeal, sealHash } from '../../audit/seal.ts';
import type { DurableLog } from '../../core/durable-log.ts';
import { replaceFile } from '../../core/files.ts';
import { log } from '../../log.ts';
import { type BatchRecord, records } from '../../records/record-batch.ts';
import { Chains, type ChainsOptions } from './chain.ts';
import { digestOf, idOf } from './event.ts';
import { RecentIds, type SavedIds } from './ids.ts';
import { linePlace } from './lines.ts';
import type { ProducerState } from './producers.ts';
import type { SealedState } from './stream-state.ts';

const FORMAT = 1;
const NO_IDS: SavedIds = { count: 0, capacity: 1 };

interface StoredState {
  format: number;
  agent_id: string;
  /** Whose log the offset is of; an earlier version did not say it. */
  topic?: string;
  offset: number;
  ids: SavedIds;
  streams: { name: string; id: string; sequence: number; head: string; sealed: SealedState }[];
  /** An earlier version had no marks. */
  producers: ({ key: string } & Omit<ProducerState, 'marks'> & Partial<ProducerState>)[];
  /** Files by their ids, and up to where their lines are in the chain. */
  files?: [string, number][];
}

export interface AuditStoreOptions extends ChainsOptions {
  dir: string;
  agentId: string;
  /** So many ids are known. */
  ids: number;
}

export class AuditStore {
  readonly chains: Chains;
  readonly #o: AuditStoreOptions;
  readonly #log: DurableLog;
  /** The offset that is stored. */
  #offset = -1;
  #storing: Promise<void> = Promise.resolve();
  /** Logs of topics that were written before. */
  #others: DurableLog[] = [];

  private constructor(chains: Chains, durable: DurableLog, options: AuditStoreOptions) {
    this.chains = chains;
    this.#log = durable;
    this.#o = options;
  }

  /** What an earlier process has left, or nothing. Rejects with a sentence. */
  static async open(durable: DurableLog, options: AuditStoreOptions): Promise<AuditStore> {
    const { dir, agentId, ids: capacity } = options;
    const path = join(dir, 'state.json');
    const stored = await readState(path);
    const ours = stored?.agent_id === agentId;
    if (stored && !ours) log.warn(`audit: ${path} is of another agent: this one begins streams of its own`);
    const saved = ours ? stored.ids : NO_IDS;
    const bytes = ours ? await readFile(idsIn(dir, saved.capacity)).catch(nothing) : Buffer.alloc(0);
    const chains = new Chains(RecentIds.load(capacity, bytes, saved), options);
    const store = new AuditStore(chains, durable, options);
    if (ours) {
      for (const one of stored.streams) chains.streams.set(one.name, one);
      for (const { key, ...producer } of stored.producers) chains.producers.remember(key, { marks: [], ...producer });
      for (const [file, end] of stored.files ?? []) chains.files.set(file, end);
    }
    const others = durable.others();
    // The topic may be another one since.
    const last = stored?.topic === undefined ? durable : [durable, ...others].find((one) => one.topic === stored.topic);
    // Without a state the log says what there is of one.
    if (last && (ours || stored === null)) await store.#replay(last, ours ? stored.offset : 0);
    store.#others = others;
    // What the log has the next start reads again, of the same topic: a disk that is full keeps nobody from starting.
    const again = last === durable && (ours || stored === null);
    await store.save().catch((error: Error) => {
      if (!again) throw error;
      log.warn(`audit: cannot store how far the chains are: ${error.message}; it is tried again`);
    });
    return store;
  }

  /** Writes down what is on the medium now. Rejects where the disk does not take it; then the log keeps what is newer. */
  save(): Promise<void> {
    const saving = this.#storing.catch(() => undefined).then(() => this.#save());
    this.#storing = saving;
    return saving;
  }

  async #save(): Promise<void> {
    const { chains } = this;
    const { next: offset, topic } = this.#log;
    const { dir, agentId: agent_id } = this.#o;
    const streams = [...chains.streams.values()];
    const producers = [...chains.producers.entries()].map(([key, one]) => ({ key, ...one }));
    const { capacity } = chains.ids;
    const ids = await chains.ids.store(idsIn(dir, capacity));
    const files = [...chains.files];
    const stored: StoredState = { format: FORMAT, agent_id, topic, offset, ids, streams, producers, files };
    await replaceFile(join(dir, 'state.json'), [Buffer.from(`${JSON.stringify(stored)}\n`)]);
    this.#offset = offset;
    await this.#log.keepFrom(offset);
    // What they had is in the state.
    for (const one of this.#others.splice(0)) await one.keepFrom(Number.POSITIVE_INFINITY);
    for (const name of await readdir(dir)) {
      if (/^ids\.\d+$/.test(name) && name !== `ids.${capacity}`) await rm(join(dir, name), { force: true });
    }
  }

  /** Something is on the medium that the stored state does not have. */
  get behind(): boolean {
    return this.#offset !== this.#log.next;
  }

  async #replay(durable: DurableLog, from: number): Promise<void> {
    for await (const block of durable.read(from)) {
      for (const record of records(block.records)) this.#apply(record);
    }
  }

  #apply({ key, value, headers }: BatchRecord): void {
    if (!value || !key) return;
    const name = key.toString();
    const seal = readSeal(value);
    if (seal) {
      const state = this.chains.streams.get(name);
      const sealed = { to: seal.to, time: Date.parse(seal.time), previous: sealHash(seal), key: seal.next_key };
      if (state?.id === seal.stream) state.sealed = sealed;
      return;
    }
    const record = readAuditRecord(value);
    const before = this.chains.streams.get(name);
    const follows = before?.id !== record?.stream || before?.head === record?.previous;
    if (!record || !isIntact(record) || !follows) {
      const what = record ? `record ${record.sequence}` : 'a record';
      log.error(
        `audit: ${what} of stream ${name} in the local log is not as it was written: runnel audit verify says more`,
      );
    }
    if (!record) return;
    const digest = digestOf(record.client);
    const producer = headers.find(([header]) => header === 'producer')?.[1].toString() ?? null;
    const line = headers.some(([header, value]) => header === 'peer' && value.toString().startsWith('file='));
    const file = line ? fileIn(record.client) : null;
    this.chains.replay(name, record, { id: idIn(record.client), digest, file }, producer);
  }
}

function idsIn(dir: string, capacity: number): string {
  return join(dir, `ids.${capacity}`);
}

function idIn(client: Buffer): string | null {
  try {
    return idOf(client);
  } catch {
    // It was changed, which was said.
    return null;
  }
}

/** Of a line of a file. */
function fileIn(client: Buffer): { id: string; end: number } | null {
  try {
    const place = linePlace(client);
    return place && { id: place.file, end: place.to };
  } catch {
    // It was changed, which was said.
    return null;
  }
}

function nothing(error: NodeJS.ErrnoException): Buffer {
  if (error.code !== 'ENOENT') throw error;
  return Buffer.alloc(0);
}

/** Null: there is none. */
async function readState(path: string): Promise<StoredState | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`cannot read ${path}: ${(error as Error).message}`);
  }
  let stored: StoredState;
  try {
    stored = JSON.parse(text) as StoredState;
  } catch {
    log.error(
      `${path} is damaged: the chains go on from what the local log has; streams that are not in it begin anew`,
    );
    return null;
  }
  if (stored.format > FORMAT) throw new Error(`${path} was written by a newer runnel (format ${stored.format})`);
  return stored;
}
