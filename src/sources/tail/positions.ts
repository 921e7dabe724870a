/**
 * Positions: how far each file is safe, kept in a journal so that kill -9 at any moment leaves a readable state.
 *
 *   settled -> the generation is marked -> one write for all that is marked in this turn of the event loop
 *
 * Written, not synced: what a power cut takes is read and sent again. Where the disk is full, what is marked stays
 * marked and is written when there is room. The journal is rewritten, synced and renamed when most of it is history.
 */
import { constants } from 'node:fs';
import { copyFile, type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { log } from '../../log.ts';
import {
  FORMAT,
  fileEntry,
  forgetEntry,
  formatOf,
  type Generation,
  header,
  positionEntry,
  readJournal,
} from './journal.ts';

const RETRY_MS = 1000;
const COMPACT_BYTES = 1 << 20;
/** The path under which an input's first start is kept: no file is called like this. */
const STARTED = '';

export class Positions {
  readonly #path: string;
  readonly #numbers = new Map<Generation, number>();
  readonly #byInode = new Map<bigint, Generation[]>();
  readonly #started = new Set<string>();
  #inputs: ReadonlySet<string> = new Set();
  /** Generations that a tracked file stands for now. */
  readonly #used = new Set<Generation>();
  #handle: FileHandle;
  /** Bytes of the journal that are written; a torn write behind them is written over. */
  #size: number;
  #next = 1;
  /** The journal has to be written anew before anything can be appended. */
  #rewrite = false;
  readonly #created = new Set<Generation>();
  readonly #moved = new Set<Generation>();
  readonly #forgotten = new Set<number>();
  #writing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #failed = false;
  #closed = false;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /**
   * Reads what is there. `inputs` are the configured names: what is stored under another name belongs to an input that
   * was renamed, and is any input's to take. Throws where a newer version wrote it, or the directory cannot be
   * used.
   */
  static async open(dataDir: string, inputs: readonly string[] = []): Promise<Positions> {
    const path = join(dataDir, 'positions');
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw new Error(`cannot read the positions: ${error.message}`);
    });
    const format = bytes ? formatOf(bytes) : null;
    if (format !== null && format > FORMAT) {
      throw new Error(`${path} has format ${format}, this version reads up to ${FORMAT}: run the newer version`);
    }
    const { files, damaged } = readJournal(bytes ?? Buffer.alloc(0));
    const whole = format !== null && damaged === 0;
    if (bytes && bytes.length > 0 && !whole) {
      const kept = `${path}.damaged`;
      await copyFile(path, kept).catch((error: Error) => log.warn(`cannot keep ${kept}: ${error.message}`));
      const cost =
        files.size > 0 ? 'the last good ones are used, lines may come twice' : 'files are read as start_at says';
      log.warn(`the positions in ${path} are damaged (kept as ${kept}): ${cost}`);
    }
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o640);
    const positions = new Positions(path, handle, whole ? bytes!.length : 0);
    for (const [number, generation] of files) positions.#add(generation, number);
    positions.#inputs = new Set(inputs);
    positions.#rewrite = !whole;
    if (!whole) await positions.#flush();
    return positions;
  }

  /** False before the input's first start on this data_dir. */
  started(input: string): boolean {
    return this.#started.has(input);
  }

  /** The first look at the input's files is done: what appears from now on is new. */
  setStarted(input: string): void {
    if (!this.started(input)) this.create(blank({ id: 'started', input, path: STARTED, base: 0 }));
  }

  /** Stored generations of the input that no tracked file stands for; its own and the latest seen first. */
  free(input: string, inode?: bigint): Generation[] {
    const all = inode === undefined ? [...this.#numbers.keys()] : (this.#byInode.get(inode) ?? []);
    const orphan = (g: Generation) => this.#inputs.has(input) && !this.#inputs.has(g.input);
    const found = all.filter((g) => (g.input === input || orphan(g)) && g.path !== STARTED && !this.#used.has(g));
    return found.sort((a, b) => Number(b.input === input) - Number(a.input === input) || b.seen - a.seen);
  }

  /** A tracked file of the input stands for it now. */
  use(generation: Generation, input = generation.input): void {
    if (generation.input !== input) {
      generation.input = input;
      // Its file entry is written anew, under the same number.
      this.#created.add(generation);
      this.#schedule();
    }
    this.#used.add(generation);
    generation.seen = now();
  }

  /** Another source may take it. */
  unuse(generation: Generation): void {
    this.#used.delete(generation);
    generation.seen = now();
  }

  /** Its file has no name any more: it is kept for `forget_after`. */
  release(generation: Generation): void {
    this.unuse(generation);
    this.moved(generation);
  }

  /** Its bytes are in another file now. */
  moveTo(generation: Generation, file: { device: bigint; inode: bigint }): void {
    this.#unindex(generation);
    generation.device = file.device;
    generation.inode = file.inode;
    this.#index(generation);
    this.moved(generation);
  }

  /** A file that was not known. Its inode does not change from now on. */
  create(generation: Generation): void {
    this.#add(generation, this.#next);
    this.#created.add(generation);
    this.#schedule();
  }

  /** Its position, or what identifies it, has changed. */
  moved(generation: Generation): void {
    if (!this.#numbers.has(generation)) return;
    this.#moved.add(generation);
    this.#schedule();
  }

  forget(generation: Generation): void {
    const number = this.#numbers.get(generation);
    if (number === undefined) return;
    this.#numbers.delete(generation);
    this.#used.delete(generation);
    this.#moved.delete(generation);
    this.#unindex(generation);
    if (!this.#created.delete(generation)) this.#forgotten.add(number);
    this.#schedule();
  }

  /** Forgets the input's files that nothing was seen of for so long, milliseconds. */
  forgetOlder(input: string, age: number): void {
    const limit = now() - age / 1000;
    for (const g of [...this.#numbers.keys()]) {
      if (g.input === input && g.path !== STARTED && !this.#used.has(g) && g.seen < limit) this.forget(g);
    }
  }

  /** Resolves when all that was said until now is in the journal, or could not be written (then it is said again). */
  async written(): Promise<void> {
    while (this.#writing) await this.#writing;
    if (this.#unwritten) await this.#flush();
  }

  get #unwritten(): boolean {
    return this.#rewrite || this.#created.size + this.#moved.size + this.#forgotten.size > 0;
  }

  async close(): Promise<void> {
    await this.written();
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#handle.close();
  }

  #add(generation: Generation, number: number): void {
    this.#numbers.set(generation, number);
    this.#next = Math.max(this.#next, number + 1);
    if (generation.path === STARTED) this.#started.add(generation.input);
    this.#index(generation);
  }

  #index(generation: Generation): void {
    const others = this.#byInode.get(generation.inode);
    if (others) others.push(generation);
    else this.#byInode.set(generation.inode, [generation]);
  }

  #unindex(generation: Generation): void {
    const rest = this.#byInode.get(generation.inode)?.filter((g) => g !== generation) ?? [];
    if (rest.length > 0) this.#byInode.set(generation.inode, rest);
    else this.#byInode.delete(generation.inode);
  }

  #schedule(): void {
    if (this.#timer || this.#writing || this.#failed) return;
    this.#timer = setTimeout(() => void this.#flush(), 0);
  }

  #flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
      if (!this.#failed && this.#unwritten) this.#schedule();
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#closed) return;
    const created = [...this.#created];
    const moved = [...this.#moved];
    const forgotten = [...this.#forgotten];
    this.#created.clear();
    this.#moved.clear();
    this.#forgotten.clear();
    const entries: Buffer[] = [];
    for (const g of created) entries.push(fileEntry(this.#numbers.get(g)!, g), positionEntry(this.#numbers.get(g)!, g));
    for (const g of moved) if (this.#numbers.has(g)) entries.push(positionEntry(this.#numbers.get(g)!, g));
    for (const number of forgotten) entries.push(forgetEntry(number, now()));
    try {
      if (this.#rewrite || (this.#size > COMPACT_BYTES && this.#size > this.#numbers.size * 1024)) await this.#start();
      else {
        const bytes = Buffer.concat(entries);
        await writeAll(this.#handle, bytes, this.#size);
        this.#size += bytes.length;
      }
      if (this.#failed) log.info('positions are stored again');
      this.#failed = false;
    } catch (error) {
      for (const g of created) if (this.#numbers.has(g)) this.#created.add(g);
      for (const g of moved) if (this.#numbers.has(g)) this.#moved.add(g);
      for (const number of forgotten) this.#forgotten.add(number);
      this.#failed = true;
      const cost = 'reading and sending go on; a restart now would send lines again';
      log.warnOnce(`positions ${this.#path}`, `cannot store positions: ${(error as Error).message}: ${cost}`);
      this.#timer = setTimeout(() => void this.#flush(), RETRY_MS);
    }
  }

  /** Writes the journal anew, without its history. */
  async #start(): Promise<void> {
    const temporary = `${this.#path}.new`;
    const entries = [header()];
    for (const [g, number] of this.#numbers) {
      if (this.#used.has(g)) g.seen = now();
      entries.push(fileEntry(number, g), positionEntry(number, g));
    }
    const bytes = Buffer.concat(entries);
    const handle = await open(temporary, 'w+', 0o640);
    try {
      await writeAll(handle, bytes, 0);
      await handle.sync();
      await rename(temporary, this.#path);
    } catch (error) {
      await handle.close();
      await rm(temporary, { force: true });
      throw error;
    }
    await this.#handle.close();
    this.#handle = handle;
    this.#size = bytes.length;
    this.#rewrite = false;
  }
}

/** A generation about which nothing but its name is known. */
export function blank(name: Pick<Generation, 'id' | 'input' | 'path' | 'base'>): Generation {
  const nothing = { length: 0, digest: 0n };
  const { base } = name;
  return {
    ...name,
    device: 0n,
    inode: 0n,
    head: nothing,
    marker: nothing,
    markedAt: base,
    position: base,
    seen: now(),
  };
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
