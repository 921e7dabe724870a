/**
 * The second look: what came with a number that had been there already is the same again, or a fork. And heads of seals
 * that were not at hand are compared with their records.
 *
 * A number takes 17 bytes, so a look is at CHUNK numbers at most, and there are as many as it takes.
 */
import type { ByteRange } from '../origin.ts';
import { Ranges } from '../ranges.ts';
import type { OpenHead } from './seals.ts';

const CHUNK = 2_000_000;
const HASH_KEPT = 16;
const [NONE, ONCE, REPEATED, FORKED] = [0, 1, 2, 3] as const;

/** What is to be looked at again, by the id of its stream; numbers are inclusive. */
export interface Question {
  stream: string;
  from: number;
  to: number;
}

interface Stretch extends Question {
  hashes: Buffer;
  states: Uint8Array;
}

export class SecondLook {
  readonly #stretches = new Map<string, Stretch[]>();
  readonly #answers = new Map<string, { repeated: Ranges; forked: Ranges }>();
  readonly #heads = new Map<string, Map<number, (OpenHead & { found: boolean; seen: boolean })[]>>();

  /** Takes of the questions what fits into one look, and leaves the others. Those of one stream ascend. */
  ask(questions: Question[]): void {
    let room = CHUNK;
    while (questions.length > 0 && room > 0) {
      const next = questions[0]!;
      const count = Math.min(room, next.to - next.from + 1);
      const stretch = { stream: next.stream, from: next.from, to: next.from + count - 1 };
      const kept = { ...stretch, hashes: Buffer.alloc(count * HASH_KEPT), states: new Uint8Array(count) };
      const all = this.#stretches.get(next.stream) ?? [];
      all.push(kept);
      this.#stretches.set(next.stream, all);
      room -= count;
      if (stretch.to === next.to) questions.shift();
      else next.from = stretch.to + 1;
    }
  }

  compare(stream: string, heads: readonly OpenHead[]): void {
    const by = new Map<number, (OpenHead & { found: boolean; seen: boolean })[]>();
    for (const head of heads) {
      const same = by.get(head.to) ?? [];
      same.push({ ...head, found: false, seen: false });
      by.set(head.to, same);
    }
    this.#heads.set(stream, by);
  }

  /** A record: its stream, its number, and its hash, 64 hex digits. */
  take(stream: string, number: number, hash: string): void {
    for (const head of this.#heads.get(stream)?.get(number) ?? []) {
      head.seen = true;
      head.found ||= head.head === hash;
    }
    const stretch = stretchOf(this.#stretches.get(stream) ?? [], number);
    if (!stretch) return;
    const i = number - stretch.from;
    const state = stretch.states[i]!;
    if (state === NONE) {
      stretch.hashes.write(hash, i * HASH_KEPT, HASH_KEPT, 'hex');
      stretch.states[i] = ONCE;
    } else if (state !== FORKED) {
      const same = stretch.hashes.toString('hex', i * HASH_KEPT, (i + 1) * HASH_KEPT) === hash.slice(0, 2 * HASH_KEPT);
      stretch.states[i] = same ? REPEATED : FORKED;
    }
  }

  /** There are heads to be compared. */
  get compares(): boolean {
    return this.#heads.size > 0;
  }

  /** The look is over: what it says is kept, and room made for the next one. */
  close(): void {
    for (const [stream, stretches] of this.#stretches) {
      const { repeated, forked } = this.answers(stream);
      for (const { from, states } of stretches) {
        for (const [i, state] of states.entries()) {
          if (state === REPEATED) repeated.add(from + i, from + i + 1);
          if (state === FORKED) forked.add(from + i, from + i + 1);
        }
      }
      this.#answers.set(stream, { repeated, forked });
    }
    this.#stretches.clear();
  }

  /** Numbers of a stream that came again as they were, and those that came as something else. */
  answers(stream: string): { repeated: Ranges; forked: Ranges } {
    return this.#answers.get(stream) ?? { repeated: new Ranges(), forked: new Ranges() };
  }

  /** Ranges of seals whose head no record has, though the record is there. */
  differing(stream: string): ByteRange[] {
    return [...(this.#heads.get(stream)?.values() ?? [])].flat().filter(({ found, seen }) => seen && !found);
  }
}

function stretchOf(stretches: readonly Stretch[], number: number): Stretch | null {
  let low = 0;
  let high = stretches.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (stretches[middle]!.to < number) low = middle + 1;
    else high = middle;
  }
  const found = stretches[low];
  return found && found.from <= number ? found : null;
}
