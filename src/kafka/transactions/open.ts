/** The open transaction of a topic: which blocks it holds, what of them is in flight, and what went wrong first. */
import { Bell } from '../../core/bell.ts';
import type { Block, Settled } from '../../core/block.ts';
import type { Link } from '../connect/connection.ts';
import type { RecordsSection } from '../send/split.ts';
import { BrokerError } from '../wire/errors.ts';
import type { TopicPartition, TransactionalProducer } from './coordinator.ts';

/** What is in flight when a transaction fails is waited for this long, milliseconds; then its connections are ended. */
const SETTLE_MS = 1000;

export interface OpenPacket extends RecordsSection {
  readonly partition: number;
  time: number;
}

export interface OpenBlock {
  /** For which it was put; its packets may go to others, where that one is gone. */
  readonly partition: number;
  readonly block: Block;
  packets: OpenPacket[];
  /** Records that were not taken, and never will be; they are in no packet. */
  refused: number;
  readonly settled: Settled;
  /** Resolves the put that waits for room. */
  accept: (() => void) | null;
}

/** A batch was refused. */
export class Refused extends BrokerError {
  readonly entry: OpenBlock | null;
  readonly packet: OpenPacket;
  readonly sent: number;
  readonly said: string | null;

  constructor(
    what: string,
    entry: OpenBlock | null,
    packet: OpenPacket,
    sent: number,
    code: number,
    said: string | null,
  ) {
    super(what, code, said);
    this.entry = entry;
    this.packet = packet;
    this.sent = sent;
    this.said = said;
  }
}

/** The open transaction: what is in flight of it, and the first failure. */
export class Open {
  readonly began = performance.now();
  readonly producer: TransactionalProducer;
  /** By topic and partition. */
  readonly partitions = new Map<string, TopicPartition>();
  /** By partition. */
  readonly leaders = new Map<string, Link>();
  readonly #late = new AbortController();
  readonly #stop: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #flying = new Map<string, number>();
  readonly #links = new Map<Link, number>();
  bytes = 0;
  blocks = 0;
  failure: Error | null = null;
  readonly #returned = new Bell();

  /** It may take so many milliseconds. */
  constructor(producer: TransactionalProducer, most: number, stop: AbortSignal) {
    this.producer = producer;
    this.#stop = stop;
    this.#timer = setTimeout(() => this.#late.abort(new Error('a transaction takes too long')), most);
    stop.addEventListener('abort', this.#stopped, { once: true });
  }

  /** Aborts when it is to end without a commit. */
  get signal(): AbortSignal {
    return this.#late.signal;
  }

  /** Its time is not counted any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#stop.removeEventListener('abort', this.#stopped);
  }

  readonly #stopped = () => this.#late.abort(this.#stop.reason);

  flying(partition: string): number {
    return this.#flying.get(partition) ?? 0;
  }

  get inFlight(): number {
    let sum = 0;
    for (const n of this.#flying.values()) sum += n;
    return sum;
  }

  sent(partition: string, link: Link): void {
    this.#flying.set(partition, this.flying(partition) + 1);
    this.#links.set(link, (this.#links.get(link) ?? 0) + 1);
  }

  returned(partition: string, link: Link, failure: Error | null): void {
    this.#flying.set(partition, this.flying(partition) - 1);
    this.#links.set(link, this.#links.get(link)! - 1);
    this.failure ??= failure;
    this.#returned.ring();
  }

  /** Resolves when something came back. */
  async change(): Promise<void> {
    await this.#returned.heard(this.signal);
    this.signal.throwIfAborted();
  }

  /** Resolves when all that was sent is acknowledged; throws the failure. */
  async acknowledged(): Promise<void> {
    while (this.inFlight > 0 && !this.failure) await this.change();
    if (this.failure) throw this.failure;
  }

  /** Nothing of it is on its way any more, to where it would be written from memory that is used again. */
  async abandon(): Promise<void> {
    const until = performance.now() + SETTLE_MS;
    for (let left = SETTLE_MS; this.inFlight > 0 && left > 0; left = until - performance.now()) {
      await this.#returned.heard(undefined, left);
    }
    for (const [link, n] of this.#links) if (n > 0) link.fail('it does not answer, and its transaction is over');
  }
}
