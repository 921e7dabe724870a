/**
 * Who numbers their events themselves (`Runnel-Producer`), and how far each is. As the chains it has a draft: what a group
 * moves is forgotten where the group is not written.
 */
import { AuditRefusal } from './refusal.ts';
import type { AuditRequest } from './request.ts';

export interface ProducerState {
  epoch: number;
  /** Number of the last event. */
  last: number;
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

  /** As part of the draft. False: it is there already. */
  move({ stream, events }: AuditRequest, { id, epoch, sequence }: ProducerPosition): boolean {
    const key = producerKey(stream, id);
    const now = this.#now(key);
    const last = Math.max(now?.last ?? 0, sequence + events.length - 1);
    if (now?.epoch === epoch && now.last === last) return false;
    this.#draft.set(key, { epoch, last });
    return true;
  }

  commit(): void {
    for (const [key, state] of this.#draft) this.remember(key, state);
    this.rollBack();
  }

  rollBack(): void {
    this.#draft = new Map();
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

export function producerKey(stream: string, id: string): string {
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
