/**
 * One input on one mount that may hang, as the agent has it: another process reads (reader.ts), and what it reads goes
 * out from here as if it had been read here.
 *
 * What counts is what was taken from it: a process that has ended, or is not listened to any more, leaves nothing behind
 * but that, and the next one goes on from there. The positions are the agent's: one moves when what is before it is
 * safe, whether the process answers or not.
 */
import { abortable } from '../../../core/abort.ts';
import type { Batch, Stream } from '../../../core/batch.ts';
import type { Output } from '../../../core/pipeline.ts';
import { NotTaken, Stalled } from '../../../core/stalled.ts';
import type { Mount } from '../../../mounts/mountinfo.ts';
import type { TailContext } from '../context.ts';
import { apply, blank, entriesIn, type Generation, header, STARTED, wholeEntries } from '../positions/journal.ts';
import type { Lent } from './lent.ts';
import type { End, PartStatus, Sent } from './messages.ts';
import type { FromPart, MountProcess, PartListener } from './process.ts';
import { unpack } from './tables.ts';

export interface PartOptions {
  context: TailContext;
  /** Names of all inputs that are configured. */
  inputs: readonly string[];
  mount: Mount;
  /** True: what is there now was there before the input's first start. */
  first: boolean;
  /** Of hashes in place of secrets. */
  mask_key: Buffer | null;
  lent: Lent;
  output: Output;
  taken: (lines: number, bytes: number) => void;
  status: (status: PartStatus) => void;
  elsewhere: (path: string, mount: Mount) => void;
}

/** What a process says of a generation beside what it is known by. */
const DESCRIBED = ['input', 'whole', 'damaged', 'carried', 'named', 'real'] as const;

let parts = 0;

export class Part implements PartListener {
  readonly mount: Mount;
  readonly #o: PartOptions;
  readonly #number = ++parts;
  readonly #process: MountProcess;
  /** By the number that they have there. */
  readonly #byNumber = new Map<number, Generation>();
  readonly #byId = new Map<string, Generation>();
  /** Batches are taken one after the other. */
  #taking = Promise.resolve();
  readonly #over = new AbortController();
  readonly #ended = Promise.withResolvers<string>();

  constructor(options: PartOptions, process: MountProcess, roots: readonly string[]) {
    this.#o = options;
    this.mount = options.mount;
    this.#process = process;
    process.listen(this.#number, this);
    const { context, inputs, mount } = options;
    const { input, origin } = context;
    process.send({
      kind: 'open',
      part: this.#number,
      mount,
      // Its steps are passed here, and cannot be sent.
      input: { ...input, process: [] },
      mask_key: this.#o.mask_key,
      mostLines: context.processing?.fields?.most,
      inputs: [...inputs],
      host: origin.host,
      tags: origin.tags,
      partition_by: origin.kafka.partition_by,
      data_dir: context.data_dir,
      journal: this.#journal(),
      roots: [...roots],
    });
  }

  /** Why it has ended. */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  get hanging(): boolean {
    return this.#process.hanging !== null;
  }

  /** Files are looked for there, and nowhere else. */
  look(roots: readonly string[]): void {
    this.#process.send({ kind: 'roots', part: this.#number, roots: [...roots] });
  }

  /** Asks it to send what it has and to end; it may not hear it. */
  close(): void {
    this.#process.send({ kind: 'close', part: this.#number });
  }

  lost(why: string): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort(new Error(why));
    this.#process.leave(this.#number);
    this.#ended.resolve(why);
  }

  told(message: FromPart): void {
    if (this.#over.signal.aborted) return;
    const { account } = this.#o.context;
    if (message.kind === 'entries') this.#write(message.bytes);
    else if (message.kind === 'elsewhere') this.#o.elsewhere(message.path, message.mount);
    else if (message.kind === 'lost') account.drop(message.reason, message.records, message.bytes);
    else if (message.kind === 'status') this.#o.status(message.status);
    else if (message.kind === 'closed') this.lost(message.error ?? 'it was closed');
    else this.#taking = this.#taking.then(() => this.#take(message)).catch((error: Error) => this.lost(error.message));
  }

  /** What is known of the mount's files. */
  #journal(): Buffer {
    const { context, first, lent, mount } = this.#o;
    const entries = [header()];
    const add = (generation: Generation) => {
      const number = this.#byNumber.size + 1;
      this.#byNumber.set(number, generation);
      entries.push(...wholeEntries({ ...lent.taken(generation), number }));
    };
    if (!first) add(blank({ id: 'started', input: context.input.name, path: STARTED, base: 0 }));
    for (const generation of lent.on(mount.device)) {
      add(generation);
      this.#byId.set(generation.id, generation);
    }
    return Buffer.concat(entries);
  }

  /** What the process would write in a journal of its own. */
  #write(bytes: Buffer): void {
    const theirs = new Map<number, Generation>();
    for (const entry of entriesIn(bytes)) {
      const { kind, number } = entry;
      const ours = this.#byNumber.get(number);
      if (kind === 'forget') {
        theirs.delete(number);
        this.#byNumber.delete(number);
        if (ours && this.#byId.delete(ours.id)) this.#o.lent.forget(ours);
        continue;
      }
      if (ours && !theirs.has(number)) theirs.set(number, { ...ours });
      apply(entry.bytes, theirs);
    }
    for (const [number, their] of theirs) this.#follow(number, their);
  }

  /** How far a file is safe is known here, and better. */
  #follow(number: number, their: Generation): void {
    const { positions, input } = this.#o.context;
    if (their.path === STARTED) {
      positions.setStarted(input.name);
      return;
    }
    const ours = this.#byNumber.get(number);
    if (!ours) {
      const created = { ...their };
      this.#byNumber.set(number, created);
      this.#byId.set(created.id, created);
      positions.create(created);
      this.#o.lent.add(created);
      return;
    }
    if (ours.inode !== their.inode || ours.device !== their.device || ours.born !== their.born) {
      positions.moveTo(ours, their);
    }
    if (ours.head.length !== their.head.length || ours.head.digest !== their.head.digest) {
      ours.head = their.head;
      positions.moved(ours);
    }
    if (DESCRIBED.some((name) => ours[name] !== their[name])) {
      Object.assign(ours, Object.fromEntries(DESCRIBED.map((name) => [name, their[name]])));
      positions.described(ours);
    }
    positions.sized(ours, their.size);
    if (their.sum && their.sum !== ours.sum) positions.summed(ours, their.sum);
    ours.seen = Math.max(ours.seen, their.seen);
  }

  async #take(message: Sent): Promise<void> {
    const { context, output, taken } = this.#o;
    const stream = this.#streamOf(message);
    const other = message.also && this.#streamOf(message.also);
    await context.positions.stored(stream.generation);
    if (other) await context.positions.stored(other.generation);
    const { from, end, count, time, marker, cut, also } = message;
    for (let isTaken = false; !isTaken; ) {
      const batch = await takeWhenItGoes(output, stream, this.#over.signal);
      if (this.#over.signal.aborted) {
        output.discard(batch);
        return;
      }
      unpack(message, batch);
      Object.assign(batch, { from, end, time, weight: count });
      stream.sentTo(end, marker, cut);
      if (other && also) {
        other.sentTo(also.end, also.marker, also.cut);
        batch.also = { stream: other, end: also.end };
      }
      context.account.received += count;
      try {
        await output.push(batch);
        isTaken = true;
      } catch (error) {
        if (!(error instanceof NotTaken)) throw error;
        stream.readAgain(from);
        await abortable(error.over, this.#over.signal);
      }
    }
    taken(count, end - from);
    this.#process.send({ kind: 'taken', part: this.#number });
  }

  #streamOf({ id }: Pick<End, 'id'>): ReturnType<Lent['streamOf']> {
    const generation = this.#byId.get(id);
    if (!generation) throw new Error('it sent lines of a file that it had not told of');
    return this.#o.lent.streamOf(generation, (of, position) => {
      if (!this.#over.signal.aborted) this.#process.send({ kind: 'settled', part: this.#number, id: of, position });
    });
  }
}

/** What a process sends comes in its order: where the partition of one file takes nothing the others of its mount wait. */
async function takeWhenItGoes(output: Output, stream: Stream, signal: AbortSignal): Promise<Batch> {
  for (;;) {
    try {
      return await output.take(stream, signal);
    } catch (error) {
      if (!(error instanceof Stalled)) throw error;
      await abortable(error.over, signal);
    }
  }
}
