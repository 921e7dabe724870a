/**
 * Sends the blocks of one lane to Kafka: each once, in order, whatever happens to connections and brokers.
 *
 *   put ->  | packet | packet | packet | packet | packet |  packet  packet ...
 *           ^ oldest without an acknowledgement           ^ not sent yet
 *           '------------- at most five in flight --------'
 *
 * The broker remembers the last five batches of a producer id, so it can tell a repetition as long as nothing beyond the
 * fifth after the oldest unacknowledged one was sent. That is the invariant: the window counts from the oldest. A packet
 * gets its sequence number when it is first sent, and is sent again byte for byte.
 *
 * A broker that knows nothing of a producer id takes any number as its first. So one packet goes alone until the broker
 * has shown that it knows the id: after each failure, with each new id, and after a long silence. Else the second could
 * be taken where the first was refused, and stand before it.
 *
 * After any failure the sender waits until nothing is in flight, deals with what the *oldest* packet was answered, and
 * sends again from there, in order, on one connection. What the others were answered follows from the oldest.
 */
import type { Block, Outlet } from '../core/block.ts';
import { log } from '../log.ts';
import { abortable, Backoff } from './backoff.ts';
import type { KafkaClient, Producer } from './client.ts';
import { actionFor, BrokerError, CLUSTER_AUTHORIZATION_FAILED, errorName } from './errors.ts';
import type { Link } from './link.ts';
import type { ProduceAnswer } from './produce-request.ts';
import { HEADER_BYTES } from './record-batch.ts';
import { split } from './split.ts';
import { acceptableTime } from './timestamp.ts';
import { type Packet, type Refusal, seal, sequenceAfter, WINDOW, Window } from './window.ts';

/** Brokers forget a producer that was silent for a day (`producer.id.expiration.ms`); long before that we take it so. */
const REMEMBERED = 3_600_000;
/** How long what was learned of a topic's limit and of the clocks is believed, milliseconds. */
const BELIEF = 600_000;
const NOT_IDEMPOTENT: Producer = { producerId: -1n, epoch: -1 };

export interface SenderOptions {
  topic: string;
  partition: number;
  /** The producer id to go on with, and the sequence number of the first record to come. */
  identity?: Producer & { sequence: number };
  /**
   * A new producer id, whose sequence 0 is the record after `before` others that this sender got acknowledged.
   * Nothing is sent under it until this resolves. Producer id -1: from here on without one.
   */
  onIdentity?: (producer: Producer, before: number) => Promise<void>;
  /** Records were cut because alone they were larger than the topic takes. */
  onCut?: (records: number) => void;
  /** The longest pause between two attempts, milliseconds. */
  longest_pause?: number;
}

export interface SenderStatus {
  /** Acknowledged. */
  records: number;
  bytes: number;
  /** Records that were put and are not acknowledged. */
  in_flight: number;
  /** Batches that were sent again. */
  retries: number;
  /** Records that Kafka may have twice, because it forgot what it had. */
  possible_duplicates: number;
  /** Milliseconds since the epoch; null before the first. */
  lastAck: number | null;
  throttled_seconds: number;
  /** What stands in the way now. */
  error: string | null;
}

export class Sender implements Outlet {
  readonly #client: KafkaClient;
  readonly #o: SenderOptions;
  readonly #name: string;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  #running: Promise<void> | null = null;
  readonly #window = new Window();
  /** Packets from the oldest that were sent on the current link. */
  #sent = 0;
  #inFlight = 0;
  #failed = false;
  /** Until when the broker is sure to know the producer id; monotonic milliseconds. */
  #knownUntil = 0;
  #producer: Producer | null;
  #nextSequence: number;
  /** When to ask again for a right that was missing; monotonic milliseconds. */
  #askAgain = 0;
  #limit: { bytes: number; until: number } | null = null;
  #skew: { ms: number; until: number } | null = null;
  #wake: (() => void) | null = null;
  #error: string | null = null;
  #retries = 0;
  #possibleDuplicates = 0;
  #lastAck: number | null = null;
  #throttled = 0;

  constructor(client: KafkaClient, options: SenderOptions) {
    this.#client = client;
    this.#o = options;
    this.#name = `${options.topic}-${options.partition}`;
    this.#backoff = new Backoff(options.longest_pause);
    this.#producer = options.identity ?? null;
    this.#nextSequence = options.identity?.sequence ?? 0;
  }

  /** After `stop` neither the promise nor `settled` is heard of again. */
  put(block: Block, settled: () => void): Promise<void> {
    const accepted = this.#window.put(block, settled);
    this.#running ??= this.#run();
    this.#wake?.();
    return accepted;
  }

  drained(signal: AbortSignal): Promise<void> {
    return this.#window.drained(signal);
  }

  /** Ends the work where it is. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error(`the sender of ${this.#name} is stopped`));
    this.#wake?.();
    await this.#running;
  }

  get status(): SenderStatus {
    const topic = this.#window.pending > 0 ? this.#client.topicError(this.#o.topic) : null;
    const waiting = this.#window.pending > 0 ? this.#client.error : null;
    return {
      records: this.#window.records,
      bytes: this.#window.bytes,
      in_flight: this.#window.pending,
      retries: this.#retries,
      possible_duplicates: this.#possibleDuplicates,
      lastAck: this.#lastAck,
      throttled_seconds: this.#throttled / 1000,
      error: topic ? `${topic.problem}: ${topic.detail}` : (this.#error ?? waiting),
    };
  }

  async #run(): Promise<void> {
    const signal = this.#stop.signal;
    while (!signal.aborted) {
      try {
        if (this.#window.packets.length === 0) {
          await this.#woken();
          continue;
        }
        // In this order: who has no right to any topic has none to a producer id either, and may get both later.
        const link = await this.#client.leader(this.#o.topic, this.#o.partition, signal);
        await this.#identify(signal);
        await this.#drive(link);
      } catch (error) {
        // Whatever it was, the blocks are still here: say it, and go on.
        if (signal.aborted) return;
        this.#say(error as Error);
        await this.#pause();
      }
    }
  }

  /** A producer id, where there is none. A right that was missing is asked for again now and then. */
  async #identify(signal: AbortSignal): Promise<void> {
    if (this.#producer && (this.#producer !== NOT_IDEMPOTENT || performance.now() < this.#askAgain)) return;
    try {
      const producer = await this.#client.initProducerId(signal);
      await this.#o.onIdentity?.(producer, this.#window.records);
      this.#forget(producer);
      this.#nextSequence = 0;
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== CLUSTER_AUTHORIZATION_FAILED) throw error;
      await this.#withoutIdempotence();
    }
  }

  async #withoutIdempotence(): Promise<void> {
    const { topic } = this.#o;
    const what = `${topic}: no right to an idempotent producer (IdempotentWrite)`;
    log.warnOnce(`idempotent ${topic}`, `${what}; going on without, records may come twice after failures`);
    this.#askAgain = performance.now() + BELIEF;
    await this.#o.onIdentity?.(NOT_IDEMPOTENT, this.#window.records);
    this.#forget(NOT_IDEMPOTENT);
  }

  /** All that is not acknowledged gets new sequence numbers. */
  #forget(producer: Producer | null): void {
    this.#producer = producer;
    this.#knownUntil = 0;
    this.#window.renumber();
  }

  /** Sends from the oldest on, until all is acknowledged or something fails, and deals with that. */
  async #drive(link: Link): Promise<void> {
    this.#sent = 0;
    this.#failed = false;
    for (const packet of this.#window.packets) packet.answer = null;
    while (!this.#stop.signal.aborted) {
      while (!this.#failed && this.#sent < Math.min(this.#width, this.#window.packets.length)) {
        const packet = this.#window.packets[this.#sent]!;
        if (!packet.acknowledged) {
          const full = link.writable();
          if (full) {
            await abortable(full, this.#stop.signal).catch((error: Error) => this.#fail(error));
            continue;
          }
          if (link.expiring || this.#tooLarge(packet)) break;
          this.#transmit(link, packet);
        }
        this.#sent++;
      }
      if (this.#inFlight > 0) {
        await this.#woken();
        continue;
      }
      const oldest = this.#window.packets[0];
      if (!oldest || link.expiring) return;
      if (oldest.answer) return await this.#amend(oldest, oldest.answer);
      if (this.#failed) return await this.#pause();
      const next = this.#window.packets[this.#sent];
      if (next && this.#tooLarge(next)) await this.#split(next);
    }
  }

  /** Packets from the oldest that may be in flight. */
  get #width(): number {
    return this.#producer === NOT_IDEMPOTENT || performance.now() > this.#knownUntil ? 1 : WINDOW;
  }

  #transmit(link: Link, packet: Packet): void {
    const { topic, partition } = this.#o;
    const header = packet.header ?? this.#seal(packet);
    if (packet.tries++ > 0) this.#retries++;
    this.#inFlight++;
    this.#client.produceOn(link, topic, partition, { header, body: packet.body }).then(
      (answer) => this.#answered(packet, answer),
      (error: Error) => {
        this.#inFlight--;
        this.#client.invalidate(topic);
        this.#fail(error);
        this.#wake?.();
      },
    );
  }

  #seal(packet: Packet): Buffer {
    const producer = this.#producer!;
    if (packet.sequence < 0 && producer !== NOT_IDEMPOTENT) {
      packet.sequence = this.#nextSequence;
      this.#nextSequence = sequenceAfter(packet.sequence, packet.count);
    }
    if (this.#skew && Date.now() > this.#skew.until) this.#skew = null;
    return seal(packet, producer, this.#skew?.ms ?? 0);
  }

  #answered(packet: Packet, answer: ProduceAnswer): void {
    this.#inFlight--;
    this.#throttled += answer.throttleTime;
    if (this.#stop.signal.aborted) return;
    if (answer.errorCode === 0 || actionFor(answer.errorCode) === 'done') this.#acknowledged(packet);
    else {
      packet.answer = answer;
      this.#fail(new BrokerError(this.#name, answer.errorCode, answer.message));
    }
    this.#wake?.();
  }

  #acknowledged(packet: Packet): void {
    this.#lastAck = Date.now();
    this.#backoff.reset();
    if (!this.#failed) {
      this.#error = null;
      this.#knownUntil = performance.now() + REMEMBERED;
    }
    this.#sent -= this.#window.acknowledge(packet);
  }

  /** Nothing more is sent until what is in flight has come back. */
  #fail(error: Error): void {
    if (!this.#failed) this.#say(error);
    this.#failed = true;
    this.#knownUntil = 0;
  }

  #say(error: Error): void {
    this.#error = error.message;
    log.debug(`${this.#name}: ${error.message}`);
  }

  /** Nothing is in flight, and the oldest packet was refused. */
  async #amend(oldest: Packet, { errorCode, message }: Refusal): Promise<void> {
    const { topic } = this.#o;
    const why = `${topic}: ${errorName(errorCode)}${message ? `: ${message}` : ''}`;
    switch (actionFor(errorCode)) {
      case 'order':
        // While others were in flight before it this says nothing; alone at the head, after an ordered resend, it does.
        if (++oldest.disordered > 1) return await this.#renew(why);
        return;
      case 'identity':
        return await this.#renew(why);
      case 'split':
        return await this.#tooLargeFor(oldest, why);
      case 'time':
        return await this.#retime(oldest, message, why);
      case 'denied':
        if (errorCode === CLUSTER_AUTHORIZATION_FAILED && this.#producer !== NOT_IDEMPOTENT) {
          return await this.#withoutIdempotence();
        }
        this.#client.invalidate(topic);
        log.warnOnce(`denied ${topic}`, `${why}: give the right to write; its data waits`);
        return await this.#pause();
      case 'refresh':
        this.#client.invalidate(topic);
        return await this.#pause();
      case 'refused':
        log.warnOnce(`refused ${topic}`, `${why}: Kafka does not take what ${topic} should get; its data waits`);
        return await this.#pause();
      default:
        return await this.#pause();
    }
  }

  /** The broker forgot what it had of this producer: a new id, and what was sent may come twice. */
  async #renew(why: string): Promise<void> {
    const unsure = this.#window.unsure();
    this.#possibleDuplicates += unsure;
    log.warn(`${why}; going on with a new producer id, ${unsure} records may be in ${this.#name} twice`);
    this.#forget(null);
    await this.#pause();
  }

  #tooLarge(packet: Packet): boolean {
    if (!this.#limit) return false;
    if (Date.now() > this.#limit.until) {
      this.#limit = null;
      return false;
    }
    // What cannot get smaller is sent, and refused by the broker, not by us.
    return HEADER_BYTES + packet.body.length > this.#limit.bytes && packet.count > 1;
  }

  async #tooLargeFor(packet: Packet, why: string): Promise<void> {
    const size = HEADER_BYTES + packet.body.length;
    const { topic } = this.#o;
    const known = await this.#client.maxMessageBytes(topic, this.#stop.signal).catch(() => null);
    const bytes = known !== null && known < size ? known : Math.floor(size / 2);
    log.warnOnce(`too large ${topic}`, `${why}: ${topic} takes batches of ${bytes} bytes, splitting what is larger`);
    this.#limit = { bytes, until: Date.now() + BELIEF };
    if (!(await this.#split(packet))) await this.#pause();
  }

  /** Replaces a packet by smaller ones with the same records, and the same sequence numbers. False: it cannot be. */
  async #split(packet: Packet): Promise<boolean> {
    const { sections, cut } = await split(packet, this.#limit!.bytes);
    if (cut > 0) {
      if (sections[0]!.body.length >= packet.body.length) return false;
      this.#o.onCut?.(cut);
      log.warnOnce(`cut ${this.#name}`, `${this.#name}: a record is larger than the topic takes, and was cut`);
    }
    this.#window.replace(packet, sections);
    return true;
  }

  /** Our clock and the broker's differ by more than the topic allows: the broker's counts. */
  async #retime(packet: Packet, message: string | null, why: string): Promise<void> {
    const now = Date.now();
    const sent = Number(packet.header!.readBigInt64BE(27));
    const acceptable = acceptableTime(sent, message);
    const time = acceptable ?? now;
    log.warnOnce(`time ${this.#o.topic}`, `${why}: check the clocks; going on with the time that the broker takes`);
    // A block that was made just now tells about the clock, one from the spool only about itself.
    if (Math.abs(now - packet.time) < BELIEF) this.#skew = { ms: time - packet.time, until: now + BELIEF };
    else packet.time = time - (this.#skew?.ms ?? 0);
    for (const p of this.#window.packets) p.header = null;
    // A guess, or an answer that did not help: not at full speed.
    if (acceptable === null || acceptable === sent || packet.tries > 2) await this.#pause();
  }

  async #pause(): Promise<void> {
    // An abort ends the loop that asked for the pause; there is nothing to add to it.
    await this.#backoff.wait(this.#stop.signal).catch(() => undefined);
  }

  #woken(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null;
        resolve();
      };
    });
  }
}
