/**
 * Rules of alerts count lines while they cannot be sent: Kafka is away, memory is full of what waits for it, and files are
 * not read on. What lies behind is read by a second reader (shadow.ts), passes what lines pass before rules see them, and
 * is forgotten.
 *
 *   |  settled  |  in flight  |  looked at  |  not yet  |
 *                             position      place       size
 *                                           stream.watched.to: what begins before it does not count again when it is sent
 *
 * Invariant: of one stream either what is sent passes the rules or what is looked at, never both at once; `watched.passing`
 * and `counting` say which. Files that are held, and compressed ones, are not looked at.
 */
import { Account } from '../../../core/account.ts';
import { Batch } from '../../../core/batch.ts';
import type { Share, Slot } from '../../../core/pool.ts';
import { runSteps } from '../../../core/run.ts';
import { log } from '../../../log.ts';
import type { TailContext } from '../context.ts';
import { descriptors } from '../file/descriptors.ts';
import type { TrackedFile } from '../file/file.ts';
import type { Prefix } from '../file/inode.ts';
import { fill } from '../file/read.ts';
import type { ReadPlace } from '../file/state.ts';
import type { FileStream } from '../file/stream.ts';
import { markerAt } from '../positions/recognise.ts';
import type { Pump } from '../pump.ts';
import type { Tracker } from '../rotation/tracker.ts';
import { AheadLines, type AheadLinesOptions } from './lines.ts';
import type { AheadRoom } from './room.ts';
import { type AheadPlace, aheadPlaceOf, endedInSilence, shadowOf, skipTo } from './shadow.ts';

/** Of a file of which more bytes are not looked at only the last quarter of them is: it grows faster than can be looked at. */
const MOST_BEHIND = 256 << 20;
/** So many batches of a file, then others have their turn. */
const BATCHES = 8;

/** Of the one who sends them. */
export interface AheadFiles {
  context: TailContext;
  tracker: Pick<Tracker, 'files' | 'starting' | 'check'>;
  pump: Pick<Pump, 'isStalled' | 'unseen'>;
}

export type AheadOptions = AheadLinesOptions & AheadFiles & { room: AheadRoom; most_behind?: number };

export class Ahead {
  readonly #o: AheadOptions;
  /** Of what is read a second time nothing is counted but by rules. */
  readonly #context: TailContext;
  /** Made when there is something to look at. */
  #lines: AheadLines | null = null;
  readonly #places = new WeakMap<FileStream, AheadPlace>();
  /** The file whose lines pass the rules, and when that is over. */
  #counting: { stream: FileStream; over: Promise<unknown> } | null = null;
  #looking: Promise<void> | null = null;
  readonly #stop = new AbortController();
  /** Bytes that were not looked at, as too many came. */
  skipped_bytes = 0;

  constructor(options: AheadOptions) {
    this.#o = options;
    const { context } = options;
    const aside = { leaving: new Set<FileStream>(), processing: undefined, routing: undefined };
    this.#context = { ...context, ...aside, account: new Account(`${context.account.input} ahead`) };
  }

  /** Resolves when lines of the file do not pass the rules here any more; undefined: they do not. */
  counting({ stream }: TrackedFile): Promise<unknown> | undefined {
    return this.#counting?.stream === stream ? this.#counting.over : undefined;
  }

  /** All that there is was seen by rules, or is about to be. */
  get isCurrent(): boolean {
    const { tracker } = this.#o;
    if (tracker.starting) return false;
    for (const file of tracker.files) if (!this.#isSeen(file)) return false;
    return true;
  }

  /** Looks at what has come, if it is time to. */
  tick(): void {
    if (this.#looking || this.#stop.signal.aborted || this.#o.tracker.starting) return;
    const files = this.#stalled();
    if (files.length === 0) return;
    this.#looking = this.#look(files)
      .catch((error: Error) => {
        if (!this.#stop.signal.aborted) this.#failed(error);
      })
      .finally(() => {
        this.#looking = null;
      });
  }

  /** Files, and how far each was looked at. */
  *places(): Iterable<{ file: TrackedFile; to: number; edge: number; marker: Prefix }> {
    for (const file of this.#o.tracker.files) {
      const place = this.#places.get(file.stream);
      if (!place) continue;
      const { position: to, marker } = place;
      yield { file, to, edge: file.stream.watched.edge, marker };
    }
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('nothing is read any more'));
    await this.#looking;
    this.#lines?.close();
    this.#lines = null;
  }

  #failed({ message }: Error): void {
    const { name } = this.#context.input;
    log.warnOnce(`ahead ${name}`, `rules of alerts do not see lines of ${name} before they are sent: ${message}`);
  }

  #stalled(): TrackedFile[] {
    const files: TrackedFile[] = [];
    for (const file of this.#o.tracker.files) {
      if (!isReadable(file) || this.#isSeen(file) || !this.#o.pump.isStalled(file)) continue;
      files.push(file);
    }
    return files;
  }

  /** Nothing of it is there that no rule has seen, as far as is known. */
  #isSeen(file: TrackedFile): boolean {
    const place = this.#places.get(file.stream);
    const unseen = this.#o.pump.unseen(file);
    if (!place || place.position < (unseen?.position ?? file.position)) return unseen === null && isRead(file);
    return place.readTo >= file.size && !this.#isSilent(file, place);
  }

  /** Lines that wait at its end for others go out as they are. */
  #isSilent({ grown }: TrackedFile, { open }: AheadPlace): boolean {
    return open && this.#lines !== null && performance.now() - grown >= this.#lines.format.timeout;
  }

  async #look(files: readonly TrackedFile[]): Promise<void> {
    this.#lines ??= new AheadLines(this.#o);
    let left = files;
    while (left.length > 0) {
      const more: TrackedFile[] = [];
      for (const file of left) if (await this.#lookAt(file)) more.push(file);
      left = more;
    }
  }

  /** True: there is more of it. */
  async #lookAt(file: TrackedFile): Promise<boolean> {
    for (let left = BATCHES; left > 0; left--) {
      if (!this.#mayLook(file)) return false;
      const more = await this.#o.room.look(this.#stop.signal, (slot, share) => this.#batchOf(file, slot, share));
      if (!more) return false;
    }
    return true;
  }

  #mayLook(file: TrackedFile): boolean {
    const { tracker, pump } = this.#o;
    return tracker.files.has(file) && isReadable(file) && pump.isStalled(file) && !file.stream.watched.passing;
  }

  /** True: there is more of it. */
  async #batchOf(file: TrackedFile, slot: Slot, share: Share): Promise<boolean> {
    // It may have waited for its turn.
    if (!this.#mayLook(file) || !isOpen(file)) return false;
    // By that it is known again, with what was counted, where it is copied and truncated.
    file.noteUnread();
    const { stream, fd } = file;
    const { format } = this.#lines!;
    const from = this.#placeIn(file);
    const shadow = shadowOf(file, this.#context, from);
    if ('open' in from && this.#isSilent(file, from)) shadow.unfinished!.close = true;
    const batch = new Batch(slot, share, shadow.stream);
    file.lookedAhead = true;
    let outcome: Awaited<ReturnType<typeof fill>>;
    try {
      outcome = await fill(shadow, batch, format, null);
      if (batch.count > 0) await format.finish(batch, shadow);
    } finally {
      file.lookedAhead = false;
    }
    // It was let go, or begins anew: those may be bytes of another one.
    if (!this.#o.tracker.files.has(file) || file.stream !== stream || file.fd !== fd) return false;
    if (outcome === 'restarted') {
      this.#places.delete(stream);
      if (file.path !== null) this.#o.tracker.check(file, file.path);
      return false;
    }
    const place = aheadPlaceOf(shadow, typeof outcome === 'string' ? outcome : 'end');
    if (batch.count > 0) {
      // What is sent passes the rules at this moment.
      if (stream.watched.passing) return false;
      const over = this.#count(batch, stream, endedInSilence(shadow, batch));
      this.#counting = { stream, over };
      await over;
    }
    this.#places.set(stream, place);
    return outcome === 'more';
  }

  async #count(batch: Batch, { watched }: FileStream, isSilent: boolean): Promise<void> {
    // More may have been sent since it was read.
    batch.stream.watched!.to = watched.to;
    try {
      const passed = await runSteps(batch, this.#lines!.steps);
      passed.count(true);
    } finally {
      this.#counting = null;
    }
    watched.to = Math.max(watched.to, batch.end);
    watched.edge = isSilent ? batch.end : 0;
  }

  /** Where it is looked at next. */
  #placeIn(file: TrackedFile): AheadPlace | ReadPlace {
    const { stream, fd, size } = file;
    const unseen = this.#o.pump.unseen(file) ?? file.place;
    const known = this.#places.get(stream);
    const place = known && known.position >= unseen.position ? known : unseen;
    const most = this.#o.most_behind ?? MOST_BEHIND;
    if (size - place.position <= most) return place;
    const { lineEnds } = this.#lines!.format;
    const position = lineEnds.aligned(size - most / 4);
    this.skipped_bytes += position - place.position;
    stream.watched.to = Math.max(stream.watched.to, position);
    stream.watched.edge = 0;
    const skipped = skipTo({ position, marker: markerAt(fd!, position) });
    this.#places.set(stream, skipped);
    return skipped;
  }
}

/** What it holds is known to be its own, and lies there as it is. */
function isReadable(file: TrackedFile): boolean {
  return !file.packed && !file.held && !file.restarting && !file.unsure;
}

/** By who sends it. */
function isRead({ size, position, readTo }: TrackedFile): boolean {
  return size <= position || readTo >= size;
}

function isOpen(file: TrackedFile): boolean {
  try {
    return descriptors.open(file);
  } catch {
    return false; // whoever sends it says why
  }
}
