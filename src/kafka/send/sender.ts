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
 * A partition that is gone (its topic was deleted, and made anew with fewer partitions) takes nothing any more: what waits
 * for it goes to the senders of the partitions that its keys hash to now, and is settled here when it is there. Whoever
 * puts blocks waits for that before it puts newer ones of these keys elsewhere.
 *
 * After any failure the sender waits until nothing is in flight, deals with what the *oldest* packet was answered, and
 * sends again from there, in order, on one connection. What the others were answered follows from the oldest.
 */

import { abortable, Backoff } from '../../core/abort.ts';
import { Bell } from '../../core/bell.ts';
import type { Block, Outlet, Settled } from '../../core/block.ts';
import { free } from '../../core/free.ts';
import { log } from '../../log.ts';
import { readHeader } from '../../records/record-batch.ts';
import type { KafkaClient } from '../connect/client.ts';
import type { Link } from '../connect/connection.ts';
import { PartitionGone } from '../connect/topic.ts';
import { actionFor, BrokerError, errorName, mayBeWritten } from '../wire/errors.ts';
import type { ProduceAnswer } from '../wire/produce.ts';
import type { DeadLetters } from './dead-letter.ts';
import { type Holder, Repair, remedyFor } from './repair.ts';
import { spread, spreadOver } from './repartition.ts';
import { Numbers, type NumbersOptions } from './sequence.ts';
import type { RecordsSection } from './split.ts';
import type { SenderStatus } from './status.ts';
import { type AdoptedPart, type Packet, type ProduceRefusal, type SettledEarlier, Window } from './window.ts';
import type { SavedWindow } from './window-file.ts';

export interface SenderOptions extends NumbersOptions {
  /** Takes what the broker refuses for good; without it that waits. */
  deadLetters?: DeadLetters;
  /** The sender of another partition of the topic; without it what waits for a partition that is gone goes on waiting. */
  moveTo?: (partition: number) => Sender;
  /** The longest pause between two attempts, milliseconds. */
  longest_pause?: number;
}

export class Sender implements Outlet {
  readonly #client: KafkaClient;
  readonly #o: SenderOptions;
  readonly #name: string;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  #running: Promise<void> | null = null;
  readonly #window = new Window();
  readonly #numbers: Numbers;
  /** Over how many partitions the keys of what an earlier process sent were spread; null: there is nothing of that. */
  #spreadBefore: number | null = null;
  /** Packets from the oldest that were sent on the current link. */
  #sent = 0;
  #inFlight = 0;
  #failed = false;
  readonly #bell = new Bell();
  readonly #repair: Repair<Packet>;
  readonly #holder: Holder<Packet> = {
    replace: (packet, sections) => this.#window.replace(packet, sections),
    refuse: (packet) => {
      this.#window.refuse(packet);
      // A hole in the numbers would make the broker refuse all that follows. None of that was taken yet.
      this.#numbers.forget();
    },
  };
  #error: string | null = null;
  #retries = 0;
  #lastAck: number | null = null;
  #throttled = 0;

  constructor(client: KafkaClient, options: SenderOptions) {
    this.#client = client;
    this.#o = options;
    this.#name = `${options.topic}-${options.partition}`;
    this.#backoff = new Backoff(options.longest_pause);
    this.#numbers = new Numbers(client, this.#window, options);
    this.#repair = new Repair(client, options);
  }

  /** After `stop` neither the promise nor `settled` is heard of again. */
  put(block: Block, settled: Settled): Promise<void> {
    const accepted = this.#window.put(block, settled);
    this.#start();
    return accepted;
  }

  /** Takes a piece of what another sender has, whose partition is gone. After `stop` `settled` may come with `kept`. */
  adopt(piece: RecordsSection, time: number, part: AdoptedPart): Promise<void> {
    const accepted = this.#window.adopt(piece, time, part);
    this.#start();
    return accepted;
  }

  /** Before any put: what an earlier process sent and got no acknowledgement of, under the numbers that it has. */
  resend(window: SavedWindow, settled: SettledEarlier): void {
    const { topic, partition } = this.#o;
    if (window.topicId !== null) this.#client.topics.had(topic, partition, window.topicId);
    this.#spreadBefore = window.partitions;
    this.#window.restore(window.packets, settled);
    this.#numbers.resume(window);
    this.#start();
  }

  /** After `stop`: what has to be kept for the next process; `kept` settles its blocks. */
  left(): { window: SavedWindow; kept: () => void } {
    const packets = this.#window.unacknowledged();
    for (const packet of packets) this.#numbers.sealToKeep(packet, this.#repair.skew);
    const { topic, partition } = this.#o;
    const saved = packets.map((packet) => this.#window.saved(packet));
    const partitions = spreadOver(this.#client, topic, this.#spreadBefore);
    const window = { topic, partition, partitions, ...this.#numbers.sentTo, packets: saved };
    return { window, kept: () => this.#window.keep(packets) };
  }

  /** Others have some of it: they are to be asked first for what is left. */
  get moving(): boolean {
    return this.#window.moving;
  }

  drained(signal: AbortSignal): Promise<void> {
    return this.#window.drained(signal);
  }

  /** Ends the work where it is. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error(`the sender of ${this.#name} is stopped`));
    this.#bell.ring();
    await this.#running;
  }

  get status(): SenderStatus {
    const pending = this.#window.pending > 0;
    const topic = pending ? this.#client.topics.error(this.#o.topic, this.#o.partition) : null;
    const waiting = pending ? this.#client.error : null;
    return {
      records: this.#window.records,
      bytes: this.#window.bytes,
      in_flight: this.#window.pending,
      retries: this.#retries,
      cut: this.#repair.cut,
      possible_duplicates: this.#numbers.possibleDuplicates,
      lastAck: this.#lastAck,
      throttled_seconds: this.#throttled / 1000,
      error: topic ? `${topic.problem}: ${topic.detail}` : (this.#error ?? waiting),
    };
  }

  #start(): void {
    this.#running ??= this.#run();
    this.#bell.ring();
  }

  async #run(): Promise<void> {
    const signal = this.#stop.signal;
    while (!signal.aborted) {
      try {
        if (this.#window.packets.length === 0) {
          await this.#bell.heard(signal);
          continue;
        }
        // In this order: who has no right to any topic has none to a producer id either, and may get both later.
        const link = await this.#leader();
        if (link instanceof PartitionGone) {
          await this.#move(link);
          continue;
        }
        await this.#numbers.ensure(link, signal, (error) => this.#say(error));
        await this.#drive(link);
      } catch (error) {
        // Whatever it was, the blocks are still here: say it, and go on.
        if (signal.aborted) return;
        this.#say(error as Error);
        await this.#pause();
      }
    }
  }

  /** The link to the leader, or that there is none and what waits can go elsewhere. */
  #leader(): Promise<Link | PartitionGone> {
    const { topic, partition, moveTo } = this.#o;
    return this.#client.leader(topic, partition, this.#stop.signal).catch((error: Error) => {
      if (error instanceof PartitionGone && moveTo) return error;
      throw error;
    });
  }

  /** Hands over what waits and what comes, until all of it is safe there; or until the partitions are others again. */
  async #move({ topic, message, sure }: PartitionGone): Promise<void> {
    const { signal } = this.#stop;
    this.#repair.moves(this.#o.partition, message);
    this.#numbers.leave(sure);
    this.#error = null;
    const partitions = this.#client.topics.known(topic);
    while (!signal.aborted) {
      const packet = this.#window.packets.find(({ acknowledged, away }) => !acknowledged && !away);
      // Over others only when all of this has arrived: else what is newer could stand before it.
      if (packet && this.#client.topics.known(topic) === partitions) await this.#handOver(packet, partitions);
      else if (this.#window.moving) await this.#bell.heard(signal);
      else return;
    }
  }

  async #handOver(packet: Packet, partitions: number): Promise<void> {
    const pieces = await spread(packet, partitions);
    const { signal } = this.#stop;
    signal.throwIfAborted();
    // All pieces at once: at a stop each is where it is kept.
    const part = this.#window.handOver(
      packet,
      pieces.map(({ partition }) => partition),
      () => this.#bell.ring(),
    );
    const taken = pieces.map((piece, i) => this.#o.moveTo!(piece.partition).adopt(piece, packet.time, part[i]!));
    await abortable(Promise.all(taken), signal);
  }

  /** Sends from the oldest on, until all is acknowledged or something fails, and deals with that. */
  async #drive(link: Link): Promise<void> {
    const { signal } = this.#stop;
    this.#sent = 0;
    this.#failed = false;
    for (const packet of this.#window.packets) packet.answer = null;
    while (!signal.aborted) {
      while (!this.#failed && this.#sent < Math.min(this.#numbers.width, this.#window.packets.length)) {
        const packet = this.#window.packets[this.#sent]!;
        if (!packet.acknowledged) {
          const full = link.writable();
          if (full) {
            await abortable(full, signal).catch((error: Error) => this.#fail(error));
            continue;
          }
          if (link.expiring || this.#repair.tooLarge(packet) || !this.#numbers.covers(packet)) break;
          this.#transmit(link, packet);
        }
        this.#sent++;
      }
      if (this.#inFlight > 0) {
        await this.#bell.heard(signal);
        continue;
      }
      const oldest = this.#window.packets[0];
      if (!oldest || link.expiring || !this.#numbers.covers(oldest)) return;
      if (oldest.answer) return await this.#amend(oldest, oldest.answer);
      if (this.#failed) return await this.#pause();
      const next = this.#window.packets[this.#sent];
      if (next && this.#repair.tooLarge(next)) await this.#repair.shrink(next, this.#holder);
    }
  }

  #transmit(link: Link, packet: Packet): void {
    const { topic, partition } = this.#o;
    const header = packet.header ?? this.#numbers.seal(packet, this.#repair.skew);
    if (packet.tries++ > 0) this.#retries++;
    this.#inFlight++;
    this.#client.produceOn(link, topic, partition, { header, body: packet.body }).then(
      (answer) => this.#answered(link, packet, answer),
      (error: Error) => {
        this.#inFlight--;
        packet.unsure = true;
        this.#client.topics.invalidate(topic);
        this.#fail(error);
        this.#bell.ring();
      },
    );
  }

  #answered(link: Link, packet: Packet, answer: ProduceAnswer): void {
    this.#inFlight--;
    this.#throttled += answer.throttleTime;
    if (this.#stop.signal.aborted) return;
    if (answer.errorCode === 0 || actionFor(answer.errorCode) === 'done') this.#acknowledged(link, packet);
    else {
      packet.answer = answer;
      packet.unsure ||= mayBeWritten(answer.errorCode);
      this.#fail(new BrokerError(this.#name, answer.errorCode, answer.message));
    }
    this.#bell.ring();
  }

  #acknowledged(link: Link, packet: Packet): void {
    this.#lastAck = performance.now();
    this.#backoff.reset();
    if (!this.#failed) {
      this.#error = null;
      this.#numbers.confirm();
    }
    this.#sent -= this.#window.acknowledge(packet);
    // It was given to no other connection, and this one has written it.
    if (packet.tries === 1 && link.flushed) free(packet.body);
  }

  /** Nothing more is sent until what is in flight has come back. */
  #fail(error: Error): void {
    if (!this.#failed) this.#say(error);
    this.#failed = true;
    this.#numbers.doubt();
  }

  #say(error: Error): void {
    this.#error = error.message;
    log.debug(`${this.#name}: ${error.message}`);
  }

  /** Nothing is in flight, and the oldest packet was refused. */
  async #amend(oldest: Packet, { errorCode, message }: ProduceRefusal): Promise<void> {
    const why = `${this.#o.topic}: ${errorName(errorCode)}${message ? `: ${message}` : ''}`;
    const { count, disordered } = oldest;
    const remedy = remedyFor(errorCode, { count, disordered, numbered: this.#numbers.idempotent });
    switch (remedy) {
      case 'resend':
        oldest.disordered++;
        return;
      case 'renumber':
        this.#numbers.renew(why);
        return await this.#pause();
      case 'unnumbered':
        return await this.#numbers.goWithout();
    }
    const sent = readHeader(oldest.header!)!.time;
    const refusal = { packet: oldest, name: this.#name, sent, said: message, why };
    const mended = await this.#repair.mend(remedy, refusal, this.#holder, this.#stop.signal);
    if (remedy === 'retime') for (const packet of this.#window.packets) packet.header = null;
    if (!mended) await this.#pause();
  }

  async #pause(): Promise<void> {
    // An abort ends the loop that asked for the pause; there is nothing to add to it.
    await this.#backoff.wait(this.#stop.signal, this.#client.back).catch(() => undefined);
  }
}
