/**
 * What is done about a batch that a broker refused, for both senders: which remedy an answer asks for, how that is carried
 * out, and what people are told.
 *
 *   error code  >  action (wire/errors.ts)  >  remedy  >  smaller batches, another time, the dead letters, or a wait
 *
 * No remedy takes a record out of its place, but the one that puts it aside on disk. Remedies that are about sequence
 * numbers are the senders' own: one of them has a window of numbers to keep, the other a new epoch for each attempt.
 */
import { log } from '../../log.ts';
import { sealedHeader } from '../../records/record-batch.ts';
import type { KafkaClient } from '../connect/client.ts';
import { actionFor, CLUSTER_AUTHORIZATION_FAILED } from '../wire/errors.ts';
import type { DeadLetters } from './dead-letter.ts';
import { SizeLimit } from './size-limit.ts';
import { halve, type RecordsSection, type Smaller } from './split.ts';
import { ClockSkew } from './timestamp.ts';

/**
 * - `resend`      again, in order, at once
 * - `renumber`    again, under a new producer id
 * - `unnumbered`  again, without a producer id
 * - `wait`        again, after a pause
 * - `refresh`     again, when it is known who leads now
 * - `permit`      a right is missing
 * - `accept`      the broker's settings do not take it
 * - `shrink`      as smaller batches or, where it is one record, that record's cut form
 * - `retime`      with a time that the broker takes
 * - `search`      by halves, until what is never taken is alone
 * - `aside`       not any more: its one record is kept on disk
 */
export type Remedy =
  | 'resend'
  | 'renumber'
  | 'unnumbered'
  | 'wait'
  | 'refresh'
  | 'permit'
  | 'accept'
  | 'shrink'
  | 'retime'
  | 'search'
  | 'aside';

type Warning = 'permit' | 'accept' | 'room' | 'time' | 'large' | 'cut' | 'gone';

/** What people are told about a topic, beside what the broker said: what that costs, and what to do. */
const WARNINGS: Readonly<Record<Warning, (topic: string, takes: string) => string>> = {
  permit: (topic) => `give the right; the data of ${topic} waits`,
  accept: (topic) => `Kafka does not take what ${topic} should get; its data waits`,
  room: () =>
    'mend what the topic accepts (cleanup.policy, validation), or make room in data_dir/dead-letter; its data waits',
  time: () => 'check the clocks; going on with the time that the broker takes',
  large: (topic, takes) => `${topic} takes batches of ${takes}, splitting what is larger`,
  cut: () => 'a record is larger than the topic takes, and was cut',
  gone: () => 'what waits for it goes to the partitions of its keys',
};

interface Batch extends RecordsSection {
  time: number;
  tries?: number;
}

/** A batch, and how it was refused. */
export interface RefusedBatch<B extends Batch> {
  packet: B;
  /** Topic and partition, for people. */
  name: string;
  /** The time that it was sent with. */
  sent: number;
  /** What the broker said beside the code. */
  said: string | null;
  /** The same, and the code, for people. */
  why: string;
}

/** Who has the batches that are to be sent. */
export interface Holder<B extends Batch> {
  /** Puts batches of the same records in its place. */
  replace(packet: B, sections: readonly RecordsSection[]): void;
  /** The broker will never take it; it is kept elsewhere. */
  refuse(packet: B): void;
}

/**
 * What a refusal with this code asks for. `disordered`: so often it was out of order before, sent as the oldest;
 * `numbered`: it goes out under a producer id that it could do without.
 */
export function remedyFor(code: number, { count = 1, disordered = 0, numbered = false } = {}): Remedy {
  const action = actionFor(code);
  switch (action) {
    case 'order':
      // While others were in flight before it this says nothing; alone at the head, after an ordered resend, it does.
      return disordered === 0 ? 'resend' : 'renumber';
    case 'identity':
      return 'renumber';
    case 'split':
      return 'shrink';
    case 'time':
      return 'retime';
    case 'invalid':
      return count === 1 ? 'aside' : 'search';
    case 'denied':
      return numbered && code === CLUSTER_AUTHORIZATION_FAILED ? 'unnumbered' : 'permit';
    case 'refused':
      return 'accept';
    case 'refresh':
      return 'refresh';
    default:
      return 'wait';
  }
}

export class Repair<B extends Batch> {
  readonly #client: KafkaClient;
  readonly #topic: string;
  /** Takes what the broker refuses for good; without it that waits. */
  readonly #deadLetters: DeadLetters | undefined;
  readonly #whole: boolean;
  readonly #limit: SizeLimit;
  readonly #skew = new ClockSkew();
  /** Records that were cut. */
  cut = 0;

  /** `whole`: what its records are is proven by their bytes: none is cut, it waits until the topic takes it. */
  constructor(
    client: KafkaClient,
    { topic, deadLetters, whole = false }: { topic: string; deadLetters?: DeadLetters | undefined; whole?: boolean },
  ) {
    this.#whole = whole;
    this.#client = client;
    this.#topic = topic;
    this.#deadLetters = deadLetters;
    this.#limit = new SizeLimit((signal) => client.topicLimit(topic, signal));
  }

  /** What to add to our time so that the broker takes it. */
  get skew(): number {
    return this.#skew.ms;
  }

  /** Whether the topic is known not to take it. */
  tooLarge(packet: B): boolean {
    return this.#limit.exceededBy(packet);
  }

  /** Before it is sent. */
  async shrink(packet: B, holder: Holder<B>): Promise<void> {
    this.#replace(packet, await this.#limit.fit(packet), holder);
  }

  /** What waits for a partition is moved, because that is gone. */
  moves(partition: number, why: string): void {
    this.#warn('gone', why, { about: `${this.#topic}-${partition}` });
  }

  /** What no batch can be mended for: a right that is missing, a leader elsewhere. */
  blame(remedy: Remedy, why: string): void {
    if (remedy === 'permit') this.#warn('permit', why);
    if (remedy === 'permit' || remedy === 'refresh') this.#client.topics.invalidate(this.#topic);
  }

  /**
   * Does what is to be done about a batch, all but what is about its numbers; true: the next attempt need not wait.
   * `holder` null: the batch is none of the topic's, and has to go out as it is.
   */
  async mend(
    remedy: Remedy,
    refusal: RefusedBatch<B>,
    holder: Holder<B> | null,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { packet, why } = refusal;
    switch (remedy) {
      case 'shrink': {
        if (!holder) return this.#noRoom(why);
        const { smaller, takes } = await this.#limit.refused(packet, signal);
        this.#warn('large', why, { takes });
        return this.#replace(packet, smaller, holder) || (await this.#setAside(refusal, holder));
      }
      case 'search':
        // The records that the broker does not take are found half by half; the others pass.
        if (!holder || !this.#deadLetters) return this.#noRoom(why);
        holder.replace(packet, await halve(packet));
        return true;
      case 'aside':
        return holder ? await this.#setAside(refusal, holder) : this.#noRoom(why);
      case 'retime':
        // Our clock and the broker's differ by more than the topic allows: the broker's counts.
        this.#warn('time', why);
        return this.#skew.learn(packet, refusal.sent, refusal.said);
      case 'accept':
        this.#warn('accept', why);
        return false;
      default:
        this.blame(remedy, why);
        return false;
    }
  }

  /** False: it cannot get smaller. */
  #replace(packet: B, smaller: Smaller | null, holder: Holder<B>): boolean {
    if (!smaller || (this.#whole && smaller.cut > 0)) return false;
    if (smaller.sections[0]?.cut) this.#warn('cut', this.#topic);
    this.cut += smaller.cut;
    holder.replace(packet, smaller.sections);
    return true;
  }

  /**
   * What the broker never takes is kept on disk, and does not hold up what comes after it. False: there is no room for it,
   * or it is more than one record. Killed in between, it is refused again, and known again.
   */
  async #setAside({ packet, name, sent, why }: RefusedBatch<B>, holder: Holder<B>): Promise<boolean> {
    const { body, count, codec } = packet;
    if (count > 1 || !this.#deadLetters) return this.#noRoom(why);
    const header = sealedHeader(body, { count, codec, time: sent });
    if (!(await this.#deadLetters.take(name, header, body, why))) return this.#noRoom(why);
    holder.refuse(packet);
    return true;
  }

  #noRoom(why: string): false {
    this.#warn('room', why);
    return false;
  }

  #warn(what: Warning, why: string, { about = this.#topic, takes = '' } = {}): void {
    log.warnOnce(`${what} ${about}`, `${why}: ${WARNINGS[what](this.#topic, takes)}`);
  }
}
