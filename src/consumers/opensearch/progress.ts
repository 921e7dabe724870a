/**
 * How far one partition is: its records that are on their way, in order, and the offset before which all is settled.
 *
 *   committed        position                next
 *       | settled  ...  | span | span | span |  not taken yet
 *
 * A span is records that lie in a row in one bulk, or one dead letter. It is settled as a whole, in any order; the
 * position is where the first one begins that is not.
 */
import type { GroupPartition } from '../../kafka/read/partition.ts';
import { CreateAction } from './document-id.ts';
import { formatNote, type Note } from './note.ts';
import { Placement } from './placement.ts';

export interface RecordSpan {
  readonly owner: PartitionProgress;
  readonly from: number;
  /** Its items in the bulk. */
  first: number;
  count: number;
  /** Its bulk is closed: it is on its way, or waits for its turn. */
  sealed: boolean;
  settled: boolean;
}

export class PartitionProgress {
  readonly partition: GroupPartition;
  readonly action: CreateAction;
  readonly placement: Placement;
  /** Records before it may be in the streams already. */
  readonly suspectTo: number;
  /** It is not known by which settings they were written: they may be in any stream. */
  readonly anywhere: boolean;
  readonly #note: Note;
  #spans: RecordSpan[] = [];
  /** Of `#spans`: before it all are settled. */
  #head = 0;
  /** The offset from which records are still to be taken. */
  #next: number;
  /** Spans that are sealed and not settled. */
  #sealed = 0;
  /** Records taken and not settled. */
  unsettled = 0;
  committed: number;
  /** As the last commit has it. */
  #bound: number;
  /** Records that were handed out are still being taken. */
  taking = false;
  /** Somebody else's now: nothing of it counts any more. */
  lost = false;

  constructor(partition: GroupPartition, note: Note, offset: number, suspectTo: number, anywhere: boolean) {
    this.partition = partition;
    this.#note = note;
    this.action = new CreateAction(note.number, partition.partition);
    this.placement = new Placement(partition.partition, note.turns, note.change);
    this.suspectTo = suspectTo;
    this.anywhere = anywhere;
    this.#next = offset;
    this.committed = offset;
    this.#bound = note.bound;
  }

  /** Before it all is settled; at rest that is behind what is nobody's, too (control batches, aborted transactions). */
  get position(): number {
    const first = this.#spans[this.#head];
    if (first) return first.from;
    return this.taking ? this.#next : Math.max(this.#next, this.partition.position);
  }

  /** Nothing at or beyond it may be sent. */
  get bound(): number {
    return this.#bound;
  }

  /** All before `offset` was taken, or is none. */
  takenTo(offset: number): void {
    this.#next = offset;
  }

  /** A span that begins with `offset`: it is settled by `settle`. */
  open(offset: number, first: number): RecordSpan {
    const span = { owner: this, from: offset, first, count: 0, sealed: false, settled: false };
    this.#spans.push(span);
    return span;
  }

  seal(span: RecordSpan): void {
    span.sealed = true;
    this.#sealed++;
  }

  /** It can go on only when something is settled, and nothing of it is on its way. */
  get isStuck(): boolean {
    return this.#sealed === 0 && this.#head < this.#spans.length && this.partition.position >= this.partition.limit;
  }

  settle(span: RecordSpan): void {
    if (span.sealed) this.#sealed--;
    span.settled = true;
    while (this.#spans[this.#head]?.settled) this.#head++;
    if (this.#head === this.#spans.length) this.#spans = [];
    else if (this.#head < 1024) return;
    else this.#spans = this.#spans.slice(this.#head);
    this.#head = 0;
  }

  /** What to commit now; `window`: records that may be sent beyond it. */
  due(window: number): { offset: number; metadata: string; bound: number } {
    const offset = this.position;
    const bound = Math.max(this.#bound, offset + window);
    return { offset, bound, metadata: formatNote({ ...this.#note, bound }, offset) };
  }

  /** That is stored. */
  stored({ offset, bound }: { offset: number; bound: number }): void {
    this.committed = offset;
    this.#bound = bound;
    this.partition.limit = bound;
  }
}
