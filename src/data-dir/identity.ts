/**
 * Who this agent is: `<data_dir>/agent.json`, one per data_dir.
 *
 *   {"format":1,"agent_id":"5f3a...","machine_id":"...","flush":3000}
 *
 * The id is random, and drawn anew when the machine's id differs (a cloned image). `flush` is the first flush number
 * that has not been given out: numbers are reserved a thousand at a time, so they never repeat after a kill -9. While the
 * disk takes no more of them, windows are named after another random id, which the next process does not know.
 * A newer format is refused and nothing is changed.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from '../builtin.ts';
import { makeDirectorySync, replaceFileSync } from '../core/files.ts';
import { log } from '../log.ts';

/** The newest that this version reads. */
export const IDENTITY_FORMAT = 1;
const RESERVE = 1000;

interface Stored {
  format: number;
  agent_id: string;
  machine_id: string;
  flush: number;
}

export class Identity {
  readonly agentId: string;
  readonly #path: string;
  readonly #machineId: string;
  #flush: number;
  #reserved: number;
  /** In place of the agent's id, where a number is not reserved. */
  #standIn: string | null = null;

  private constructor(path: string, agentId: string, machineId: string, flush: number) {
    this.#path = path;
    this.agentId = agentId;
    this.#machineId = machineId;
    this.#flush = flush;
    this.#reserved = flush;
  }

  /** Reads the identity or makes one. Throws when the directory cannot be written or is of a newer format. */
  static open(dataDir: string): Identity {
    makeDirectorySync(dataDir);
    const path = join(dataDir, 'agent.json');
    const machineId = readMachineId();
    const stored = read(path);
    if (stored && stored.format > IDENTITY_FORMAT) {
      throw new Error(
        `${path} was written by a newer runnel (format ${stored.format}); this one reads up to ${IDENTITY_FORMAT}`,
      );
    }
    const same = stored !== null && stored.machine_id === machineId;
    if (stored && !same) log.warn(`${path} comes from another machine (a cloned image?): this agent gets a new id`);
    const id = same ? stored.agent_id : randomBytes(8).toString('hex');
    const identity = new Identity(path, id, machineId, stored?.flush ?? 0);
    identity.#write();
    return identity;
  }

  /** `<agent id>-<flush number>`: with a record's index this is its `event.id`. */
  nextWindowId(): string {
    if (this.#flush >= this.#reserved) this.#write();
    if (this.#flush < this.#reserved) return `${this.agentId}-${this.#flush++}`;
    this.#standIn ??= randomBytes(8).toString('hex');
    return `${this.#standIn}-${this.#flush++}`;
  }

  #write(): void {
    const reserved = this.#flush + RESERVE;
    const stored: Stored = {
      format: IDENTITY_FORMAT,
      agent_id: this.agentId,
      machine_id: this.#machineId,
      flush: reserved,
    };
    try {
      replaceFileSync(this.#path, `${JSON.stringify(stored)}\n`);
      this.#reserved = reserved;
    } catch (error) {
      // At the first start this is fatal: nobody would know the id again. Later the disk may be full for a while.
      if (this.#reserved === this.#flush && this.#flush === 0) {
        throw new Error(`cannot store ${this.#path}: ${(error as Error).message}`);
      }
      log.warnOnce('identity', `cannot store ${this.#path}: ${(error as Error).message}; it is tried again`);
    }
  }
}

function read(path: string): Stored | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`cannot read ${path}: ${(error as Error).message}`);
  }
  try {
    const stored = JSON.parse(text) as Stored;
    if (Number.isInteger(stored.format) && typeof stored.agent_id === 'string' && Number.isInteger(stored.flush)) {
      return stored;
    }
  } catch {
    // Not JSON: said below with the other ways of being damaged.
  }
  log.warn(`${path} is damaged: this agent gets a new id`);
  return null;
}

function readMachineId(): string {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      // Containers and macOS have none: then the id simply stays.
    }
  }
  return '';
}
