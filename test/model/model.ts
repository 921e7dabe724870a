/**
 * What must come of what was written, and what came. It is told what happens to files and what the agent says (see
 * protocol.ts), throws a `Violation` at the first thing that must not be, and names what is missing.
 *
 *   content   what a file held from its beginning (or its last truncation) on; outlives the file in a copy
 *               |  settled  |  arrived  |  not arrived  |
 *               0                      next           size
 *
 * - The records of an id are the bytes of one content, from 0, without a gap, in order, each one line of it.
 * - Twice comes only what was not settled when the process was killed, and under the same id.
 * - Everything arrives that the agent can still reach. What it cannot is what the writer could have lost itself: what
 *   was truncated or deleted before it was read, or lost its name before it was seen.
 * - What is counted as lost has not arrived; what the agent says that it has seen, and lost, is counted.
 */
import type { Place } from './script.ts';

/** What must not be: `kind` tells whether two scripts fail alike. */
export class Violation extends Error {
  readonly kind: string;

  constructor(kind: 'agent' | 'unknown' | 'gap' | 'twice' | 'missing' | 'count', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** `live`: under the name that is written to. */
type Where = 'live' | Place | 'deleted';

/** An inode. */
export class PhysicalFile {
  where: Where;
  content: Content;

  constructor(where: Where, content: Content) {
    this.where = where;
    this.content = content;
  }
}

export class Content {
  readonly path: string;
  readonly inode: number;
  /** The file that holds it; null: none. */
  file: PhysicalFile | null = null;
  bytes = Buffer.alloc(512);
  size = 0;
  /** The end of the last complete line. */
  complete = 0;
  id: string | null = null;
  /** All before it has arrived. */
  next = 0;
  /** All before it is settled, and that is stored. */
  settled = 0;
  /** Where the next agent may begin: where the last one ended; after a kill, at what was not settled. */
  from = { least: 0, most: 0 };
  /** Where an unfinished line may have been sent as it was: ends of it while its file had no name. */
  readonly cuts = new Set<number>();
  /** The agent that has it open, by number: that one reads it to its end, whatever happens to its names. */
  openIn = -1;
  /**
   * It is in a copy now, its first `size` bytes are. `witness`: the agent, by number, that had read from the original
   * and was running when that was truncated.
   */
  copied: { witness: number; size: number } | null = null;
  /** Up to here the agent has said that it knows of it, just before it was truncated. */
  seen = 0;

  constructor(path: string, inode: number) {
    this.path = path;
    this.inode = inode;
  }

  /** Nothing of it has arrived. */
  takeBack(): void {
    Object.assign(this, { id: null, next: 0, settled: 0, from: { least: 0, most: 0 }, openIn: -1 });
  }

  append(more: Buffer): void {
    if (this.size + more.length > this.bytes.length) {
      const grown = Buffer.alloc(Math.max(this.bytes.length * 2, this.size + more.length));
      this.bytes.copy(grown, 0, 0, this.size);
      this.bytes = grown;
    }
    more.copy(this.bytes, this.size);
    const newline = more.lastIndexOf(10);
    if (newline >= 0) this.complete = this.size + newline + 1;
    this.size += more.length;
  }

  /** True: the bytes from `offset` on are a record of this length and text. */
  isRecord(offset: number, length: number, text: string, maxLine: number): boolean {
    const end = offset + length;
    if (length === 0 || end > this.size) return false;
    const newline = this.bytes.indexOf(10, offset);
    const whole = newline === end - 1 ? end - 1 : end;
    if (newline >= 0 && newline < end - 1) return false;
    if (whole === end && !this.cuts.has(end)) return false;
    return this.bytes.toString('latin1', offset, Math.min(whole, offset + maxLine)) === text;
  }

  beginsLike(other: Content, length: number): boolean {
    if (length > this.size || length > other.size) return false;
    return this.bytes.subarray(0, length).equals(other.bytes.subarray(0, length));
  }
}

/** In the same place, and with the same first bytes. */
function isSuccessor(content: Content, of: Content, length: number): boolean {
  return (content.path === of.path || content.inode === of.inode) && content.beginsLike(of, length);
}

export class Model {
  readonly contents: Content[] = [];
  /** Bytes that were counted as lost. */
  lost = 0;
  /** Agents so far; the last one has this number. */
  agents = 0;
  running = false;
  kills = 0;
  readonly #rotated: boolean;
  readonly #maxLine: number;
  readonly #byId = new Map<string, Content>();
  readonly #paths = new Map<string, string>();
  /** Where the records of each id go on, in this run of the agent. */
  #at = new Map<string, number>();

  constructor(rotated: boolean, maxLine: number) {
    this.#rotated = rotated;
    this.#maxLine = maxLine;
  }

  named(where: Where): boolean {
    return where === 'live' || (where === 'near' && this.#rotated);
  }

  created(path: string, inode: number): PhysicalFile {
    const content = new Content(path, inode);
    const file = new PhysicalFile('live', content);
    content.file = file;
    this.contents.push(content);
    return file;
  }

  appended(file: PhysicalFile, bytes: Buffer): void {
    file.content.append(bytes);
    this.#mayCut(file);
  }

  moved(file: PhysicalFile, where: Where): void {
    // Having lost its name, it may have been let go.
    if (this.named(where) && !this.named(file.where)) file.content.openIn = -1;
    file.where = where;
    this.#mayCut(file);
  }

  /** The file begins anew, with what it held up to `kept`. `copy`: what it held is in this file now. */
  truncated(file: PhysicalFile, path: string, kept = 0, copy?: { where: Place; size: number }): PhysicalFile | null {
    const old = file.content;
    const content = new Content(path, old.inode);
    content.append(old.bytes.subarray(0, kept));
    content.file = file;
    file.content = content;
    this.contents.push(content);
    old.file = null;
    if (!copy) return null;
    const witness = this.running && old.openIn === this.agents && old.next > 0 ? this.agents : -1;
    old.copied = { witness, size: copy.size };
    old.openIn = -1;
    old.file = new PhysicalFile(copy.where, old);
    this.#mayCut(old.file);
    return old.file;
  }

  #mayCut({ where, content }: PhysicalFile): void {
    if (!this.named(where)) content.cuts.add(content.copied?.size ?? content.size);
  }

  /** An event of the agent's, as protocol.ts has it. */
  told(line: string): void {
    const [kind, a, b] = line.split(' ', 3) as [string, string, string];
    if (kind === 'B') {
      this.agents++;
      this.running = true;
      this.#at = new Map();
    } else if (kind === 'E') {
      this.running = false;
      for (const [id, at] of this.#at) this.#byId.get(id)!.from = { least: at, most: at };
    } else if (kind === 'I') {
      const before = this.#paths.get(a) ?? b;
      if (before !== b) throw new Violation('unknown', `the path of ${a} was ${before} and is ${b}`);
      this.#paths.set(a, b);
    } else if (kind === 'R') this.#record(line, a, Number(b));
    else if (kind === 'S') {
      const content = this.#byId.get(a)!;
      content.settled = Math.max(content.settled, Number(b));
    } else if (kind === 'L') this.lost += Number(b);
    else throw new Violation('agent', `the agent says ${JSON.stringify(line)}`);
  }

  killed(): void {
    this.running = false;
    this.kills++;
    for (const [id, at] of this.#at) {
      const content = this.#byId.get(id)!;
      content.from = { least: Math.max(content.from.least, content.settled), most: at };
    }
    this.#at = new Map();
  }

  #record(line: string, id: string, offset: number): void {
    const lengthAt = 3 + id.length + String(offset).length + 1;
    const textAt = line.indexOf(' ', lengthAt) + 1;
    const length = Number(line.slice(lengthAt, textAt - 1));
    const text = line.slice(textAt);
    const what = `record ${id} at ${offset}, ${length} bytes, ${JSON.stringify(text.slice(0, 40))}`;
    let content = this.#byId.get(id);
    if (!content?.isRecord(offset, length, text, this.#maxLine)) {
      content = this.#find(id, offset, length, text, content);
      if (!content)
        throw new Violation('unknown', `${what}: nobody wrote this there, or it came under another id before`);
    }
    const at = this.#at.get(id);
    if (at === undefined) {
      const { least, most } = content.from;
      if (offset > most) throw new Violation('gap', `${what}: ${offset - most} bytes before it are missing`);
      if (offset < least) throw new Violation('twice', `${what}: comes twice, it was settled up to ${least}`);
    } else if (offset !== at) throw new Violation('gap', `${what}: the record before it ended at ${at}`);
    this.#at.set(id, offset + length);
    content.next = Math.max(content.next, offset + length);
    if (!content.copied) content.openIn = this.agents;
  }

  /**
   * The content that an id stands for. An id may go on in what its file holds after a truncation if that begins with
   * the very bytes that were read before: nobody can tell.
   */
  #find(id: string, offset: number, length: number, text: string, before: Content | undefined): Content | undefined {
    const path = this.#paths.get(id);
    const fits = (c: Content) => c.id === null && c.isRecord(offset, length, text, this.#maxLine);
    const continues = (c: Content) => (before ? isSuccessor(c, before, offset) : offset === 0);
    const found = this.contents.filter((c) => fits(c) && continues(c));
    const content = found.find((c) => c.path === path) ?? found[0];
    if (!content) return undefined;
    content.id = id;
    if (before) {
      content.next = offset;
      content.from = { ...before.from };
      // It lives on elsewhere, so it was never truncated: what arrived was not of it.
      if (before.file) before.takeBack();
    }
    this.#byId.set(id, content);
    return content;
  }

  /** What must have arrived, and has not. */
  missing(): string[] {
    const missing: string[] = [];
    for (const content of this.contents) {
      const end = this.#mustArrive(content);
      if (content.next >= end || (content.id === null && this.#tookForOther(content))) continue;
      const line = content.bytes.toString('latin1', content.next, Math.min(end, content.next + 40));
      const where = content.file?.where ?? 'nowhere';
      const { path, id, size, next } = content;
      missing.push(`${path} (${id}, ${where}): ${next} of ${end} (${size} bytes), then ${JSON.stringify(line)}`);
    }
    return missing;
  }

  /**
   * True: what arrived of another content that nobody has to have seen is just what this one begins with, so it may be
   * this one's.
   */
  #tookForOther(content: Content): boolean {
    for (const other of this.contents) {
      if (other.id === null || !isSuccessor(content, other, other.next)) continue;
      const { id, next, settled, from, openIn } = other;
      other.takeBack();
      if (this.#mustArrive(other) > 0) {
        Object.assign(other, { id, next, settled, from, openIn });
        continue;
      }
      Object.assign(content, { id, next, settled, from, openIn });
      this.#byId.set(id, content);
      return next >= this.#mustArrive(content);
    }
    return false;
  }

  /** Up to here the agent that is running, or one that is started now, can and must read it. */
  #mustArrive(content: Content): number {
    const { file } = content;
    if (!file || !this.#reachable(content, file)) return 0;
    const end = this.named(file.where) ? content.complete : content.size;
    return content.copied ? Math.min(end, content.copied.size) : end;
  }

  #reachable(content: Content, { where }: PhysicalFile): boolean {
    if (this.named(where)) return true;
    if (where === 'near' || where === 'beside') {
      // It lies beside a name that is known, and was known itself.
      if (!content.copied) return content.next > 0;
      return (this.running && content.copied.witness === this.agents) || content.settled >= 256;
    }
    return this.running && content.openIn === this.agents;
  }

  /** The agent has these files open. */
  knows(files: readonly { id: string }[]): void {
    for (const { id } of files) {
      const content = this.#byId.get(id);
      if (content && !content.copied && content.file && this.named(content.file.where)) content.openIn = this.agents;
    }
  }

  /** The agent says how much of it there is, just before it is truncated. */
  saw(content: Content, size: number): void {
    content.seen = Math.min(size, content.size);
  }

  /** At the end: losses have numbers, and numbers are losses. */
  checkCounts(): void {
    // A killed agent takes what it has not counted yet with it, or what it did not store is counted again.
    if (this.kills > 0) return;
    let unread = 0;
    let known = 0;
    for (const content of this.contents) {
      unread += content.size - content.next;
      known += Math.max(0, content.seen - content.next);
    }
    if (this.lost > unread)
      throw new Violation('count', `${this.lost} bytes are counted as lost, ${unread} have not arrived`);
    if (this.lost < known)
      throw new Violation('count', `${known} bytes are lost that were seen, ${this.lost} are counted`);
  }
}
