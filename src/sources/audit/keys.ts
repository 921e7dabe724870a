/**
 * The keys that seals are signed with, in `<data_dir>/audit/`:
 *
 *   keys.json        {"format":1,"agent_id":"...","current":"<public, hex>","next":null,"keys":[{"key","from","to"}]}
 *   <public>.key     32 bytes, the private half; mode 0600
 *
 *   current -> next is made and written -> a seal of each stream says next -> next is current, the old private half is wiped
 *
 * Whoever takes the machine cannot sign what was sealed under a key before. An agent with another id (a cloned image) has
 * keys of its own.
 */

import type { KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keyPair } from '../../audit/seal.ts';
import { randomBytes } from '../../builtin.ts';
import { replaceFile, syncDirectory } from '../../core/files.ts';
import { log } from '../../log.ts';

const FORMAT = 1;
const SECRET_BYTES = 32;
const MODE = 0o600;
/** With one an hour, of the last months; the first one stays, as it is what verifiers have. */
const MOST_KEPT = 2000;

interface Pair {
  key: string;
  secret: KeyObject;
}

/** A public key, and when seals were signed with it, ISO 8601. */
export interface KeyValidity {
  key: string;
  from: string;
  to: string | null;
}

interface Stored {
  format: number;
  agent_id: string;
  current: string;
  next: string | null;
  keys: readonly KeyValidity[];
}

export class SealKeys {
  readonly #dir: string;
  readonly #agentId: string;
  #current: Pair;
  #next: Pair | null;
  /** Is to be the next one, when keys.json says so. */
  #made: Pair | null = null;
  #keys: readonly KeyValidity[];

  private constructor(dir: string, agentId: string, current: Pair, next: Pair | null, keys: readonly KeyValidity[]) {
    this.#dir = dir;
    this.#agentId = agentId;
    this.#current = current;
    this.#next = next;
    this.#keys = keys;
  }

  /** Reads the keys of this agent, or makes the first one. Rejects with a sentence. */
  static async open(dir: string, agentId: string): Promise<SealKeys> {
    const stored = await readStored(join(dir, 'keys.json'));
    if (stored && stored.agent_id === agentId) {
      const current = await readPair(dir, stored.current);
      const next = stored.next === null ? null : await readPair(dir, stored.next);
      const keys = new SealKeys(dir, agentId, current, next, stored.keys);
      await keys.#wipeOthers();
      return keys;
    }
    const current = await makePair(dir);
    const first = { key: current.key, from: new Date().toISOString(), to: null };
    const keys = new SealKeys(dir, agentId, current, null, [first]);
    await keys.#store();
    await keys.#wipeOthers();
    log.info(`audit: the first key of this agent is ${current.key}: keep it where this machine cannot change it`);
    return keys;
  }

  /** Oldest first. */
  get all(): readonly KeyValidity[] {
    return this.#keys;
  }

  /** When the key in use came into use, milliseconds since the epoch. */
  get since(): number {
    return Date.parse(this.#keys.at(-1)!.from);
  }

  /** Hex; null: there is none. */
  get next(): string | null {
    return this.#next?.key ?? null;
  }

  /** A new key is made, and not every stream has a seal that says so. */
  get rotating(): boolean {
    return this.#next !== null;
  }

  /** What the next seal of a stream is signed with, and the key after that. `expected`: what the seal before has said. */
  pairFor(expected: string | null): { pair: Pair; nextKey: string } {
    const nextKey = (this.#next ?? this.#current).key;
    const pair = expected !== null && expected === this.#next?.key ? this.#next : this.#current;
    if (expected !== null && pair.key !== expected) {
      log.warnOnce(
        'audit key',
        `audit: the key ${expected} that the last seal has named is gone: verifiers will say so`,
      );
    }
    return { pair, nextKey };
  }

  /** From now on seals name a new key as the next one; it is on the medium before they do, for the next process. */
  async begin(): Promise<void> {
    if (this.#next) return;
    this.#made ??= await makePair(this.#dir);
    await this.#store(this.#current, this.#made);
    this.#next = this.#made;
    this.#made = null;
  }

  /**
   * Every stream has a seal that names the new key: it is in use, and the old private half is wiped. Rejects where the disk
   * does not take that; then the keys are as they were.
   */
  async finish(): Promise<void> {
    if (!this.#next) return;
    const now = new Date().toISOString();
    const keys = this.#keys.map((one) => (one.to === null ? { ...one, to: now } : one));
    keys.push({ key: this.#next.key, from: now, to: null });
    const kept = keys.length > MOST_KEPT ? [keys[0]!, ...keys.slice(1 - MOST_KEPT)] : keys;
    await this.#store(this.#next, null, kept);
    this.#keys = kept;
    this.#current = this.#next;
    this.#next = null;
    await this.#wipeOthers();
  }

  async #store(current = this.#current, next = this.#next, keys: readonly KeyValidity[] = this.#keys): Promise<void> {
    const stored: Stored = {
      format: FORMAT,
      agent_id: this.#agentId,
      current: current.key,
      next: next?.key ?? null,
      keys,
    };
    await replaceFile(join(this.#dir, 'keys.json'), [Buffer.from(`${JSON.stringify(stored)}\n`)]);
  }

  /** Private halves that are not in use are overwritten where they lie, and removed. */
  async #wipeOthers(): Promise<void> {
    const used = [this.#current.key, this.#next?.key];
    for (const name of await readdir(this.#dir)) {
      const key = /^([0-9a-f]{64})\.key$/.exec(name)?.[1];
      if (key === undefined || used.includes(key)) continue;
      const path = join(this.#dir, name);
      const file = await open(path, 'r+');
      try {
        await file.write(Buffer.alloc(SECRET_BYTES), 0, SECRET_BYTES, 0);
        await file.sync();
      } finally {
        await file.close();
      }
      await rm(path);
    }
    await syncDirectory(this.#dir);
  }
}

async function makePair(dir: string): Promise<Pair> {
  const seed = randomBytes(SECRET_BYTES);
  const pair = keyPair(seed);
  const path = join(dir, `${pair.key}.key`);
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, MODE);
  try {
    await file.writeFile(seed);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await syncDirectory(dir);
  return pair;
}

async function readPair(dir: string, key: string): Promise<Pair> {
  const path = join(dir, `${key}.key`);
  const seed = await readFile(path).catch((error: Error) => {
    throw new Error(`cannot read the key that seals are signed with: ${error.message}`);
  });
  const pair = seed.length === SECRET_BYTES ? keyPair(seed) : null;
  if (pair?.key !== key) throw new Error(`${path} does not hold the private half of ${key}`);
  return pair;
}

/** Null: there is none. */
async function readStored(path: string): Promise<Stored | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new Error(`cannot read ${path}: ${error.message}`);
  });
  if (text === null) return null;
  let stored: Stored;
  try {
    stored = JSON.parse(text) as Stored;
  } catch {
    throw new Error(
      `${path} is damaged: without it seals would begin with another key; restore it, or remove it so that they do`,
    );
  }
  if (stored.format > FORMAT) throw new Error(`${path} was written by a newer runnel (format ${stored.format})`);
  return stored;
}
