/**
 * Positions: how far each file is safe, kept in a journal so that kill -9 at any moment leaves a readable state.
 *
 *   settled -> the generation is marked -> one write for all that is marked in this turn of the event loop
 *
 * Written, not synced: what a power cut takes is read and sent again. Where the disk is full, what is marked stays
 * marked and is written when there is room. The journal is rewritten, synced and renamed when most of it is history.
 */
import { log } from '../../../log.ts';
import type { Inode } from '../file/inode.ts';
import { ByInode } from './by-inode.ts';
import { together } from './checkpoint.ts';
import { Gone } from './gone.ts';
import {
  blank,
  FORMAT,
  formatFor,
  type Generation,
  header,
  now,
  STARTED,
  type Sum,
  timeAt,
  wholeEntries,
} from './journal.ts';
import { JournalFile } from './journal-file.ts';
import { type Matches, Unclaimed } from './unclaimed.ts';
import { entriesFor, isStored, type Marked, NONE_MARKED, Unwritten } from './unwritten.ts';

const RETRY_MS = 1000;
const COMPACT_BYTES = 1 << 20;

/** Where they are kept. */
export type Journal = Pick<
  JournalFile,
  'path' | 'size' | 'stale' | 'format' | 'lost' | 'append' | 'replace' | 'sync' | 'close'
>;

export class Positions {
  readonly #journal: Journal;
  readonly #stored = new ByInode<Generation>();
  readonly #started = new Set<string>();
  /** Those that no tracked file stands for now. */
  readonly unclaimed = new Unclaimed(this.#stored);
  readonly #gone = new Gone();
  /** Those that another process looks after. */
  readonly #lent = new Set<Generation>();
  #next = 1;
  readonly #marked = new Unwritten();
  /** What is being written. */
  #storing: Marked = NONE_MARKED;
  #writing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #failed = false;
  #closed = false;
  /** When an earlier process was last known to look after the input, seconds since the epoch. */
  readonly #before = new Map<string, number>();
  /** Inputs all of whose files were looked at. */
  readonly #looked = new Set<string>();
  /** Told of each generation that is forgotten and of which anything was safe. */
  onForget: ((generation: Generation) => void) | null = null;

  private constructor(journal: Journal) {
    this.#journal = journal;
  }

  /**
   * Reads what is there. `inputs` are the configured names, `matches` says whether an input still names a file: what is
   * stored under another name belongs to an input that was renamed, what its input does not name to one that was split,
   * merged or changed, and is another's that names it. Throws where a newer version wrote it, or the directory cannot
   * be used.
   */
  static async open(
    dataDir: string,
    inputs: readonly string[] = [],
    matches: Matches = () => true,
  ): Promise<Positions> {
    const { journal, files } = await JournalFile.open(dataDir);
    const positions = Positions.over(journal, files, inputs, matches);
    if (journal.stale) await positions.#flush();
    return positions;
  }

  /** The same where it was read already. */
  static over(
    journal: Journal,
    files: ReadonlyMap<number, Generation>,
    inputs: readonly string[],
    matches: Matches,
  ): Positions {
    const positions = new Positions(journal);
    for (const [number, generation] of files) {
      positions.#add(generation, number);
      const { input, seen } = generation;
      positions.#before.set(input, Math.max(seen, positions.#before.get(input) ?? 0));
    }
    positions.configure(inputs, matches);
    return positions;
  }

  /** From now on these inputs are configured, and name these files. */
  configure(inputs: readonly string[], matches: Matches): void {
    this.unclaimed.configure(inputs, matches);
  }

  /** True: the journal was not there, or damaged. */
  get lost(): boolean {
    return this.#journal.lost;
  }

  /** When its file was looked after last, by this process or the one before, by `performance.now()`: what came since may be as old. */
  lookedAfter({ input, seen }: Generation): number {
    return timeAt(Math.max(seen, this.#before.get(input) ?? 0));
  }

  /** False before the input's first start on this data_dir. */
  started(input: string): boolean {
    return this.#started.has(input);
  }

  /** The first look at the input's files is done: what appears from now on is new. */
  setStarted(input: string): void {
    this.#looked.add(input);
    if (!this.started(input)) this.create(blank({ id: 'started', input, path: STARTED, base: 0 }));
  }

  /** Everything that is stored, of all inputs. */
  all(): Generation[] {
    return [...this.#stored].filter((g) => g.path !== STARTED);
  }

  /** A tracked file of the input stands for it now. */
  use(generation: Generation, input = generation.input): void {
    if (generation.input !== input) {
      generation.input = input;
      this.unclaimed.settle(generation);
      // Its file entry is written anew, under the same number.
      this.#marked.created.add(generation);
      this.#schedule();
    }
    this.unclaimed.delete(generation);
    generation.seen = now();
  }

  /** Another source may take it. */
  unuse(generation: Generation): void {
    if (isStored(generation) && !this.#lent.has(generation)) this.unclaimed.add(generation);
    generation.seen = now();
  }

  /** Another process looks after its file: it is nobody's to take here. */
  lend(generation: Generation): void {
    this.unclaimed.delete(generation);
    this.#lent.add(generation);
  }

  /** None does any more. */
  giveBack(generation: Generation): void {
    if (this.#lent.delete(generation) && isStored(generation)) this.unclaimed.add(generation);
  }

  /** Its file has no name any more: it is kept for `forget_after`. */
  release(generation: Generation): void {
    this.unuse(generation);
    this.moved(generation);
    if (isStored(generation)) this.#note(generation);
  }

  /** Its bytes are in another file now. */
  moveTo(generation: Generation, { device, inode, born }: Inode): void {
    this.#gone.delete(generation);
    if (isStored(generation)) this.#stored.remove(generation);
    Object.assign(generation, { device, inode, born });
    if (isStored(generation)) this.#stored.add(generation);
    this.moved(generation);
  }

  /** A file that was not known. Its inode does not change from now on. */
  create(generation: Generation): void {
    this.#add(generation, this.#next);
    this.#marked.created.add(generation);
    this.#schedule();
  }

  /** What its file entry says has changed. */
  described(generation: Generation): void {
    if (!isStored(generation)) return;
    this.#marked.created.add(generation);
    this.#schedule();
  }

  /** Its position, or what identifies it, has changed. */
  moved(generation: Generation): void {
    if (!isStored(generation)) return;
    this.#marked.moved.add(generation);
    this.#schedule();
  }

  /** How far its topics are has changed. */
  placed(generation: Generation): void {
    if (!isStored(generation)) return;
    this.#marked.placed.add(generation);
    this.#schedule();
  }

  /** What the file holds: what is lost is counted by it when the file is gone. Only what waits has to be stored. */
  sized(generation: Generation, size: number): void {
    if (generation.size === size || !isStored(generation)) return;
    const known = Math.max(generation.size, size) > generation.position;
    generation.size = size;
    if (!known) return;
    this.#marked.sized.add(generation);
    this.#schedule();
  }

  /** What was read of the file, up to where that is known to be safe. */
  summed(generation: Generation, sum: Sum): void {
    if (sum.length !== generation.markedAt || !isStored(generation)) return;
    generation.sum = sum;
    this.#marked.sized.add(generation);
    this.#schedule();
  }

  forget(generation: Generation): void {
    if (!isStored(generation)) return;
    const { number } = generation;
    this.#stored.remove(generation);
    generation.number = 0;
    this.unclaimed.delete(generation);
    this.unclaimed.settle(generation);
    this.#gone.delete(generation);
    this.#lent.delete(generation);
    this.#marked.forget(generation, number);
    if (generation.position !== generation.base) this.onForget?.(generation);
    this.#schedule();
  }

  /** Nothing was seen of it now, but it is known to be there, or may be. */
  keep(generation: Generation): void {
    generation.seen = now();
    this.moved(generation);
  }

  /** Resolves when the generation is in the journal, or could not be written; undefined: nothing to wait for. */
  stored(generation: Generation): Promise<void> | undefined {
    if (this.#storing.created.includes(generation)) return this.#writing ?? undefined;
    return this.#marked.created.has(generation) && !this.#failed ? this.written() : undefined;
  }

  /** Resolves when all that was said until now is in the journal, or could not be written (then it is said again). */
  async written(): Promise<void> {
    while (this.#writing) await this.#writing;
    if (this.#behind) await this.#flush();
  }

  /** Brings all that was said until now to the medium; false: that failed. */
  async sync(): Promise<boolean> {
    await this.written();
    if (this.#closed || this.#failed) return false;
    return await this.#journal.sync().then(
      () => true,
      () => false,
    );
  }

  /**
   * What another process of this agent has committed counts from now on: generations that are known are set to it, those
   * that are not are created. No tracked file may stand for them yet.
   */
  restore(committed: readonly Generation[]): void {
    if (committed.length === 0) return;
    const byId = new Map([...this.#stored].map((g) => [g.id, g]));
    for (const said of Map.groupBy(committed, ({ id }) => id).values()) {
      const known = byId.get(said[0]!.id);
      const generation = said.some(({ topics }) => topics) ? together(said, known) : said[0]!;
      if (!known) {
        this.create(generation);
        this.unclaimed.judge(generation);
        continue;
      }
      if (!this.unclaimed.includes(known)) continue;
      this.#stored.remove(known);
      const { input, number, sum, ages } = known;
      Object.assign(known, generation, { input, number, sum, ages, seen: now() });
      this.#stored.add(known);
      this.moved(known);
      if (known.cut || known.skipped || known.topics) this.described(known);
    }
  }

  get #behind(): boolean {
    return this.#journal.stale || this.#marked.any;
  }

  async close(): Promise<void> {
    // It is known when this process ended.
    for (const g of this.#stored) if (g.path === STARTED && this.#looked.has(g.input)) this.keep(g);
    await this.written();
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#journal.close();
  }

  #add(generation: Generation, number: number): void {
    generation.number = number;
    this.#next = Math.max(this.#next, number + 1);
    this.unclaimed.add(generation);
    this.#stored.add(generation);
    if (generation.path === STARTED) this.#started.add(generation.input);
    else this.#note(generation);
  }

  #note(generation: Generation): void {
    const oldest = this.#gone.add(generation);
    if (oldest) this.forget(oldest);
  }

  #schedule(): void {
    if (this.#timer || this.#writing || this.#failed) return;
    this.#timer = setTimeout(() => void this.#flush(), 0);
  }

  #flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
      if (!this.#failed && this.#behind) this.#schedule();
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#closed) return;
    const marked = this.#marked.take();
    this.#storing = marked;
    const time = now();
    for (const g of marked.moved) if (!this.unclaimed.includes(g) && !this.#lent.has(g)) g.seen = time;
    try {
      const { stale, size, format } = this.#journal;
      const older = [...marked.created, ...marked.placed].some((g) => g.topics) && format !== FORMAT;
      if (stale || older || (size > COMPACT_BYTES && size > this.#stored.size * 1024)) await this.#compact();
      else await this.#journal.append(Buffer.concat(entriesFor(marked)));
      if (this.#failed) log.info('positions are stored again');
      this.#failed = false;
    } catch (error) {
      this.#marked.putBack(marked);
      this.#failed = true;
      const cost = 'reading and sending go on; a restart now would send lines again';
      log.warnOnce(`positions ${this.#journal.path}`, `cannot store positions: ${(error as Error).message}: ${cost}`);
      this.#timer = setTimeout(() => void this.#flush(), RETRY_MS);
    } finally {
      this.#storing = NONE_MARKED;
    }
  }

  /** Writes the journal anew, without its history. */
  async #compact(): Promise<void> {
    const entries = [header(formatFor(this.#stored))];
    for (const g of this.#stored) {
      if (!this.unclaimed.includes(g) && !this.#lent.has(g)) g.seen = now();
      entries.push(...wholeEntries(g));
    }
    await this.#journal.replace(Buffer.concat(entries));
  }
}
