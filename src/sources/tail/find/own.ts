/**
 * What of data_dir is the agent's own work: that is never read as logs, by whatever name it is reached. Each line would
 * make new ones. Logs of others that lie in the same directory are read. What a wildcard finds of another agent's work
 * is left out, too.
 */
import type { BigIntStats, Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AGENTS_DIRECTORIES, isAgents } from '../../../data-dir/own-names.ts';
import { readdirSync, statSync } from '../../../mounts/fs.ts';

/** What is made meanwhile lies below a directory that is known. */
const RENEW_MS = 10_000;

type Place = Pick<Stats, 'dev' | 'ino'> | Pick<BigIntStats, 'dev' | 'ino'>;

export class OwnFiles {
  readonly #dir: string;
  /** Devices by inode. */
  readonly #directories = new Map<number, number>();
  #home: Stats | undefined;
  #renewed = Number.NEGATIVE_INFINITY;

  constructor(dataDir: string) {
    this.#dir = dataDir;
  }

  /** True if this is data_dir, in which only some names are the agent's. */
  isHome(stat: Place): boolean {
    this.#renew();
    return Number(stat.ino) === this.#home?.ino && Number(stat.dev) === this.#home.dev;
  }

  /** True if all in this directory is the agent's. */
  isOwn(stat: Place): boolean {
    this.#renew();
    return this.#directories.get(Number(stat.ino)) === Number(stat.dev);
  }

  /** True if this name in data_dir is the agent's. */
  names(name: string): boolean {
    return isAgents(name);
  }

  /** True if this name in a directory is the work of another agent: two that read each other's never end, either. */
  isAnothers(dir: string, name: string): boolean {
    return this.names(name) && ['agent.json', 'positions', 'spool'].every((other) => lookAt(`${dir}/${other}`));
  }

  /** True if the file that this path, without links on it, leads to is an agent's. */
  has(path: string): boolean {
    const [dir, name] = [dirname(path), basename(path)];
    const stat = lookAt(dir);
    if (!stat) return false;
    return this.isOwn(stat) || (this.isHome(stat) && this.names(name)) || this.isAnothers(dir, name);
  }

  #renew(): void {
    const now = performance.now();
    if (now - this.#renewed < RENEW_MS) return;
    this.#renewed = now;
    this.#home = lookAt(this.#dir);
    this.#directories.clear();
    for (const name of AGENTS_DIRECTORIES) this.#add(join(this.#dir, name));
  }

  #add(dir: string): void {
    const stat = lookAt(dir);
    if (!stat?.isDirectory()) return;
    this.#directories.set(stat.ino, stat.dev);
    for (const entry of entriesOf(dir)) if (entry.isDirectory()) this.#add(join(dir, entry.name));
  }
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // What cannot be looked at cannot be read either.
    return undefined;
  }
}

function entriesOf(dir: string) {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch {
    // It has just gone.
    return [];
  }
}
