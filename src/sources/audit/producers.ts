/**
 * Who numbers their events themselves (`Runnel-Producer`), and how far each is. As the chains it has a draft: what a group
 * moves is forgotten where the group is not written.
 */
import type { RecentIds } from './ids.ts';
import { AuditRefusal } from './refusal.ts';
import type { AuditRequest } from './request.ts';

export interface ProducerState {
  epoch: number;
  /** Number of the last event. */
  last: number;
  /** Oldest first. */
  marks: readonly IdsMark[];
}

/** Events numbered above `after` were added to the ids when so many had ever been, or later. */
export interface IdsMark {
  after: number;
  ids: number;
}

/** `Runnel-Producer`. */
export interface ProducerPosition {
  id: string;
  epoch: number;
  /** Of the first event. */
  sequence: number;
}

/** That are known: who was forgotten, being the one that sent nothing for longest, is told to begin anew (409). */
const MOST = 10_000;
const HEADER = /^([\w.:-]{1,128});\s*epoch=(\d{1,15});\s*sequence=(\d{1,15})$/;

export class AuditProducers {
  /** By stream and id; who has not moved for longest is the first. */
  readonly #known = new Map<string, ProducerState>();
  #draft = new Map<string, ProducerState>();

  get size(): number {
    return this.#known.size;
  }

  entries(): IterableIterator<[string, ProducerState]> {
    return this.#known.entries();
  }

  /**
   * Those of its events that are numbered above this have ids that are known, as long as those from `oldest` on are: another
   * id is another event. Of the others nobody can tell.
   */
  idsKnownAfter(stream: string, { id }: ProducerPosition, oldest: number): number {
    const marks = this.#now(producerKey(stream, id))?.marks ?? [];
    return marks.find(({ ids }) => ids >= oldest)?.after ?? Number.POSITIVE_INFINITY;
  }

  /** How many of the events the producer has sent before. Throws an AuditRefusal at a gap, and of an older epoch. */
  knownOf({ stream, events }: AuditRequest, { id, epoch, sequence }: ProducerPosition): number {
    const now = this.#now(producerKey(stream, id));
    if (now && epoch < now.epoch) {
      const what = `an older epoch: ${id} is in epoch ${now.epoch}`;
      throw new AuditRefusal(409, 'epoch', what, { expected: now.last + 1, epoch: now.epoch });
    }
    const expected = (now?.last ?? 0) + 1;
    if (sequence > expected) throw new AuditRefusal(409, 'gap', 'events before these are missing', { expected });
    return Math.min(events.length, expected - sequence);
  }

  /** As part of the draft; `ids`: as many were ever added. `others` have sent some of it. False: it is there already. */
  move(
    { stream, events }: AuditRequest,
    { id, epoch, sequence }: ProducerPosition,
    ids: RecentIds,
    others: boolean,
  ): boolean {
    const key = producerKey(stream, id);
    const now = this.#now(key);
    const last = Math.max(now?.last ?? 0, sequence + events.length - 1);
    if (now?.epoch === epoch && now.last === last) return false;
    const marks = others ? [{ after: last, ids: ids.count }] : marked(now, ids.count, ids.capacity);
    this.#draft.set(key, { epoch, last, marks });
    return true;
  }

  commit(): void {
    for (const [key, state] of this.#draft) this.remember(key, state);
    this.rollBack();
  }

  rollBack(): void {
    this.#draft = new Map();
  }

  /** What the log says, at the start; the event's id was added last. */
  replay(stream: string, { id, epoch, sequence }: ProducerPosition, ids: RecentIds): void {
    const key = producerKey(stream, id);
    const now = this.#known.get(key);
    // Those between are known as others have sent them.
    const gap = sequence !== (now?.last ?? 0) + 1;
    const before = ids.count - 1;
    const marks = gap ? [{ after: sequence - 1, ids: before }] : marked(now, before, ids.capacity);
    this.remember(key, { epoch, last: sequence, marks });
  }

  /** It is on the medium. The last that moved is the last of them. */
  remember(key: string, state: ProducerState): void {
    this.#known.delete(key);
    this.#known.set(key, state);
    if (this.#known.size <= MOST) return;
    const [longest] = this.#known.keys();
    this.#known.delete(longest!);
  }

  #now(key: string): ProducerState | undefined {
    return this.#draft.get(key) ?? this.#known.get(key);
  }
}

/** With a mark for what comes next, where the last one is half of the ids ago: of two, one is known as long as it matters. */
function marked(now: ProducerState | undefined, ids: number, capacity: number): readonly IdsMark[] {
  const marks = now?.marks ?? [];
  const last = marks.at(-1);
  return last && ids - last.ids < capacity / 2 ? marks : [...marks.slice(-1), { after: now?.last ?? 0, ids }];
}

function producerKey(stream: string, id: string): string {
  return `${stream} ${id}`;
}

export function producerHeader({ id, epoch, sequence }: ProducerPosition): string {
  return `${id};epoch=${epoch};sequence=${sequence}`;
}

/** Of a header; null: it is none. */
export function readProducer(text: string): ProducerPosition | null {
  const found = HEADER.exec(text.trim());
  if (!found) return null;
  const sequence = Number(found[3]);
  return sequence < 1 ? null : { id: found[1]!, epoch: Number(found[2]), sequence };
}
