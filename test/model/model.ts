/**
 * What must come of what was written, and what came. It is told what happens to files and what the agent says (see
 * protocol.ts), throws a `Violation` at the first thing that must not be, and names what is missing.
 *
 * - The records of an id are the bytes of one content, from 0, without a gap, in order, each one line of it.
 * - A content comes under one id. Twice comes only what was not settled when the process was killed.
 * - Everything arrives that the agent can still reach. What it cannot is what the writer could have lost itself: what
 *   was truncated or deleted before it was read, or lost its name before it was seen.
 * - What is counted as lost has not arrived; what the agent had said that it knows of, and lost, is counted.
 */
import { type Arrived, Content, Identity, PhysicalFile, type Where } from './content.ts';
import type { Place } from './script.ts';

/** What must not be: `kind` tells whether two scripts fail alike. */
export class Violation extends Error {
  readonly kind: string;

  constructor(kind: 'agent' | 'unknown' | 'gap' | 'twice' | 'missing' | 'count', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** A copy is told from other files by what was read before: by fewer bytes than these only where it was just made. */
const TELLING = 256;
/** Up to here it has to be named after the original as well, which is still there: others may begin with the same header. */
const HEADER = 4096;

export class Model {
  readonly contents: Content[] = [];
  /** Bytes that were counted as lost, by reason. */
  readonly losses = new Map<string, number>();
  /** Agents so far; the last one has this number. */
  agents = 0;
  running = false;
  kills = 0;
  readonly #rotated: boolean;
  readonly #patient: boolean;
  readonly #maxLine: number;
  readonly #identities = new Map<string, Identity>();
  readonly #paths = new Map<string, string>();

  /** `patient`: what is unfinished in a file that lost its name is waited for, for longer than the script takes. */
  constructor(rotated: boolean, patient: boolean, maxLine: number) {
    this.#rotated = rotated;
    this.#patient = patient;
    this.#maxLine = maxLine;
  }

  // What happens to files

  created(path: string, inode: number): PhysicalFile {
    const content = new Content(path, inode);
    const file = new PhysicalFile('live', path, content);
    content.file = file;
    this.contents.push(content);
    return file;
  }

  appended(file: PhysicalFile, bytes: Buffer): void {
    file.content.append(bytes);
    this.#mayCut(file);
  }

  moved(file: PhysicalFile, where: Where, path: string): void {
    // Having lost its name, it may have been let go.
    if (this.#named(where) && !this.#named(file.where)) file.content.openIn = -1;
    // Somebody made a file of what was a copy.
    if (where === 'live' && file.content.copied) file.content.again = true;
    for (const { copied } of this.contents) if (copied?.of === file) copied.alike = false;
    file.where = where;
    file.path = path;
    this.#mayCut(file);
  }

  /** A copy is begun, before the file is truncated. */
  copying({ content }: PhysicalFile): void {
    if (content.next === 0) content.again = true;
  }

  /** The file begins anew, with what it held up to `kept`. `copy`: what it held is in another file now: that one. */
  truncated(
    file: PhysicalFile,
    path: string,
    kept = 0,
    copy?: { where: Place; path: string; size: number },
  ): PhysicalFile | null {
    const old = file.content;
    const content = new Content(path, old.inode);
    content.append(old.bytes.subarray(0, kept));
    content.file = file;
    file.content = content;
    this.contents.push(content);
    old.file = null;
    if (!copy) return null;
    const witness = this.running && old.openIn === this.agents && old.next > 0 ? this.agents : -1;
    const { settled = 0 } = old.identity ?? {};
    old.copied = { witness, size: copy.size, settled, alike: old.path === path, of: file };
    old.openIn = -1;
    old.file = new PhysicalFile(copy.where, copy.path, old);
    this.#mayCut(old.file);
    return old.file;
  }

  /** The agent says how much of it there is, just before it is truncated. */
  saw(content: Content, size: number): void {
    content.seen = Math.min(size, content.size);
  }

  #named(where: Where): boolean {
    return where === 'live' || (where === 'near' && this.#rotated);
  }

  #mayCut({ where, path, content }: PhysicalFile): void {
    if (this.#named(where) && path === content.path) return;
    content.cuts.add(content.size);
    // Of a copy that was appended to, all that was copied may be known, or all there is.
    if (content.copied) content.cuts.add(content.copied.size);
  }

  // What the agent says

  told(line: string): void {
    const [kind, a, b] = line.split(' ', 3) as [string, string, string];
    if (kind === 'B') {
      this.agents++;
      this.running = true;
    } else if (kind === 'E') {
      this.running = false;
      for (const i of this.#current()) i.from = { least: i.at, most: i.at };
    } else if (kind === 'I') {
      const before = this.#paths.get(a) ?? b;
      if (before !== b) throw new Violation('unknown', `the path of ${a} was ${before} and is ${b}`);
      this.#paths.set(a, b);
    } else if (kind === 'R') {
      const offset = Number(b);
      const lengthAt = 2 + a.length + 1 + b.length + 1;
      const textAt = line.indexOf(' ', lengthAt) + 1;
      this.#arrived(a, { offset, length: Number(line.slice(lengthAt, textAt - 1)), text: line.slice(textAt) });
    } else if (kind === 'S') {
      const identity = this.#identities.get(a)!;
      identity.settled = Math.max(identity.settled, Number(b));
    } else if (kind === 'L') this.losses.set(a, (this.losses.get(a) ?? 0) + Number(b));
    else throw new Violation('agent', `the agent says ${JSON.stringify(line)}`);
  }

  killed(): void {
    this.running = false;
    this.kills++;
    for (const i of this.#current()) i.from = { least: Math.max(i.from.least, i.settled), most: i.at };
  }

  /** The agent has these files open. */
  knows(files: readonly { id: string }[]): void {
    for (const { id } of files) {
      const content = this.#identities.get(id)?.content;
      if (content && !content.copied && content.file && this.#named(content.file.where)) content.openIn = this.agents;
    }
  }

  /** Under what the agent that is running, or was last, has sent something. */
  #current(): Identity[] {
    return [...this.#identities.values()].filter((identity) => identity.agent === this.agents);
  }

  #arrived(id: string, record: Arrived): void {
    const { offset, length, text } = record;
    const what = `record ${id} at ${offset}, ${length} bytes, ${JSON.stringify(text.slice(0, 40))}`;
    const identity = this.#identify(id, record, what);
    if (identity.agent !== this.agents) {
      const { least, most } = identity.from;
      if (offset > most) throw new Violation('gap', `${what}: ${offset - most} bytes before it are missing`);
      if (offset < least) throw new Violation('twice', `${what}: comes twice, it was settled up to ${least}`);
    } else if (offset !== identity.at)
      throw new Violation('gap', `${what}: what came before it ends at ${identity.at}`);
    identity.agent = this.agents;
    identity.at = offset + length;
    identity.next = Math.max(identity.next, identity.at);
    this.#stands(identity);
  }

  #identify(id: string, record: Arrived, what: string): Identity {
    const fits = (content: Content) => content.isRecord(record, this.#maxLine);
    const free = this.contents.filter((content) => this.#mayCome(content) && fits(content));
    let identity = this.#identities.get(id);
    const before = identity?.candidates ?? [];
    if (!identity) {
      identity = new Identity(
        id,
        this.#paths.get(id)!,
        free.filter((content) => this.#mayBegin(content, record.offset)),
      );
      identity.from.most = record.offset;
      this.#identities.set(id, identity);
    } else {
      identity.candidates = before.filter(fits);
      if (identity.candidates.length === 0) {
        // It may go on in what its file holds after a truncation if that begins with the very bytes that were read
        // before: nobody can tell.
        const successors = free.filter((content) => before.some((other) => content.succeeds(other, record.offset)));
        identity.candidates = successors.slice(0, 1);
      }
    }
    if (identity.candidates.length > 0) return identity;
    const other = this.contents.find((content) => content.identity && fits(content))?.identity;
    const was = before.map((content) => `${content.path}, ${content.next} of ${content.size} bytes`).join(' or ');
    const why = other
      ? `it came under ${other.id} (${other.path}) before`
      : `nobody wrote this there, in ${identity.path} (${was || 'a new id'})`;
    throw new Violation('unknown', `${what}: ${why}`);
  }

  /** At its beginning, or behind bytes that have arrived as those of what its file held before. */
  #mayBegin(content: Content, offset: number): boolean {
    if (offset === 0) return true;
    return this.contents.some((other) => other.next >= offset && content.succeeds(other, offset));
  }

  /** Not yet, or again: a copy that cannot be told from another file is read as a file of its own. */
  #mayCome({ identity, copied, again }: Content): boolean {
    if (identity === null || again) return true;
    return copied !== null && copied.witness !== this.agents && copied.settled < (copied.alike ? TELLING : HEADER);
  }

  /** What is certain about an id is certain about its content, and rules that out for others. */
  #stands(identity: Identity): void {
    const { content } = identity;
    if (!content) return;
    content.next = Math.max(content.next, identity.next);
    if (!content.copied) content.openIn = identity.agent;
    if (content.identity === identity) return;
    content.identity = identity;
    for (const other of this.#identities.values()) {
      if (other === identity || !other.candidates.includes(content) || other.content) continue;
      other.candidates = other.candidates.filter((candidate) => candidate !== content);
      this.#stands(other);
    }
  }

  // What must be

  /** What must have arrived, and has not. */
  missing(): string[] {
    const missing: string[] = [];
    const unclear = [...this.#identities.values()].filter((identity) => !identity.content);
    for (const content of this.contents) {
      const end = this.#mustArrive(content);
      if (content.next >= end) continue;
      if (this.#cannotBeTold(content, end)) continue;
      // It may have come as what several begin with.
      const at = unclear.findIndex(({ candidates, next }) => candidates.includes(content) && next >= end);
      if (at >= 0) {
        unclear.splice(at, 1);
        continue;
      }
      const line = content.bytes.toString('latin1', content.next, Math.min(end, content.next + 40));
      const { path, identity, size, next, file } = content;
      const which = `${path} (${identity?.id}, ${file?.where})`;
      missing.push(`${which}: ${next} of ${end} (${size} bytes), then ${JSON.stringify(line)}`);
    }
    return missing;
  }

  /** True: it has the inode of a file that is gone, and holds what was read of that. */
  #cannotBeTold(content: Content, end: number): boolean {
    return this.contents.some((other) => {
      const gone = other.file === null || other.file.where === 'deleted';
      return (
        other !== content && gone && other.inode === content.inode && other.next >= end && content.succeeds(other, end)
      );
    });
  }

  /** Up to here the agent that is running, or one that is started now, can and must read it. */
  #mustArrive(content: Content): number {
    const { file } = content;
    if (!file || !this.#reachable(content, file)) return 0;
    const known = content.identity ? this.#paths.get(content.identity.id) : file.path;
    // What may be read as a file of its own has the name by which it is known then.
    const lost = !this.#named(file.where) || (known !== file.path && !this.#mayCome(content));
    const end = lost && !this.#patient ? content.size : content.complete;
    return content.copied ? Math.min(end, content.copied.size) : end;
  }

  #reachable(content: Content, { where }: PhysicalFile): boolean {
    if (this.#named(where)) return true;
    if (where === 'near' || where === 'beside') {
      // It lies beside a name that is known, and was known itself.
      if (!content.copied) return content.next > 0;
      const { settled = 0 } = content.identity ?? {};
      return (
        (this.running && content.copied.witness === this.agents) || settled >= (content.copied.alike ? TELLING : HEADER)
      );
    }
    return this.running && content.openIn === this.agents;
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
    // What came may have been this.
    for (const { content, next } of this.#identities.values()) if (!content) known -= next;
    const lost = [...this.losses.values()].reduce((sum, bytes) => sum + bytes, 0);
    const counted = `${lost} bytes are counted as lost (${[...this.losses].map((loss) => loss.join(' ')).join(', ')})`;
    if (lost > unread) throw new Violation('count', `${counted}, ${unread} have not arrived`);
    if (lost < known) throw new Violation('count', `${known} bytes are lost that were known of, ${counted}`);
  }
}
