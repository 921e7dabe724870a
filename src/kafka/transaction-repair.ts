/**
 * What is done about a batch that a broker refused, before the same blocks are sent again in the next transaction: it is
 * made smaller, gets another time or partition, or loses a record that is never taken.
 */
import { log } from '../log.ts';
import type { KafkaClient, Producer } from './client.ts';
import type { DeadLetters } from './dead-letter.ts';
import { actionFor } from './errors.ts';
import type { Entry, Packet, Refused } from './open-transaction.ts';
import { HEADER_BYTES, sealHeader, writeHeader } from './record-batch.ts';
import { SizeLimit } from './size-limit.ts';
import { split } from './split.ts';
import { spread } from './spread.ts';
import { ClockSkew } from './timestamp.ts';

const NO_PRODUCER: Producer = { producerId: -1n, epoch: -1 };

export interface RepairOptions {
  topic: string;
  /** Of the positions. */
  positionsTopic: string;
  deadLetters: DeadLetters;
}

export class Repair {
  readonly #client: KafkaClient;
  readonly #o: RepairOptions;
  readonly #limit = new SizeLimit();
  readonly #skew = new ClockSkew();

  constructor(client: KafkaClient, options: RepairOptions) {
    this.#client = client;
    this.#o = options;
  }

  /** What to add to our time so that the broker takes it. */
  get skew(): number {
    return this.#skew.ms;
  }

  /** Deals with what a batch was answered; true: the next attempt need not wait. */
  async amend(refused: Refused, signal: AbortSignal): Promise<boolean> {
    const { topic, positionsTopic } = this.#o;
    const { code, entry, packet, sent, said, message: why } = refused;
    switch (actionFor(code)) {
      case 'split':
        return entry !== null && (await this.#tooLarge(entry, packet, why, signal));
      case 'time':
        return this.#retime(packet, sent, said, why);
      case 'invalid':
        if (entry !== null && (await this.#invalid(entry, packet, sent, why))) return true;
        log.warnOnce(
          `refused ${topic}`,
          `${why}: mend what the topic accepts (cleanup.policy, validation), or make room in data_dir/dead-letter; its data waits`,
        );
        return false;
      case 'refused':
        log.warnOnce(`refused ${topic}`, `${why}: Kafka does not take what ${topic} should get; its data waits`);
        return false;
      default:
        this.#client.invalidate(topic);
        this.#client.invalidate(positionsTopic);
        return false;
    }
  }

  /** What is for partitions that are gone goes where its keys belong now. No transaction is open: nothing of it is there. */
  async move(entries: readonly Entry[]): Promise<void> {
    const { topic } = this.#o;
    const partitions = this.#client.known(topic);
    for (const entry of [...entries]) {
      const gone = entry.packets.find(({ partition }) => this.#client.gone(topic, partition));
      if (!gone) continue;
      const what = `topic ${topic} has ${partitions} partitions, partition ${gone.partition} is gone`;
      log.warnOnce(`gone ${topic} ${gone.partition}`, `${what}: what waits for it goes to the partitions of its keys`);
      const moved = entry.packets.map(async (packet) => {
        if (!this.#client.gone(topic, packet.partition)) return [packet];
        return (await spread(packet, partitions)).map((piece) => ({ ...piece, time: packet.time }));
      });
      entry.packets = (await Promise.all(moved)).flat();
    }
  }

  /** Makes smaller what is known to be too large. */
  async splitTooLarge(entry: Entry): Promise<void> {
    const { bytes } = this.#limit;
    if (bytes === null) return;
    for (const packet of [...entry.packets]) {
      if (this.#limit.exceededBy(packet)) await this.#split(entry, packet, bytes);
    }
  }

  async #tooLarge(entry: Entry, packet: Packet, why: string, signal: AbortSignal): Promise<boolean> {
    const { topic } = this.#o;
    const known = await this.#client.maxMessageBytes(topic, signal).catch(() => null);
    const bytes = this.#limit.learn(packet, known);
    log.warnOnce(`too large ${topic}`, `${why}: ${topic} takes batches of ${bytes} bytes, splitting what is larger`);
    return await this.#split(entry, packet, bytes);
  }

  /** Replaces a packet by smaller ones with the same records. False: it cannot be. */
  async #split(entry: Entry, packet: Packet, bytes: number): Promise<boolean> {
    const { sections, cut } = await split(packet, bytes);
    if (cut > 0) {
      if (sections[0]!.body.length >= packet.body.length) return false;
      const { topic } = this.#o;
      log.warnOnce(`cut ${topic}`, `${topic}: a record is larger than the topic takes, and was cut`);
    }
    const { partition, time } = packet;
    const parts = sections.map((section) => ({ ...section, partition, time }));
    entry.packets.splice(entry.packets.indexOf(packet), 1, ...parts);
    return true;
  }

  /**
   * Finds the records that the broker does not take, half by half, and lets the others pass. One that is kept on disk is
   * not in the next transaction, whose positions move past it: killed in between, it is refused again and known again.
   */
  async #invalid(entry: Entry, packet: Packet, time: number, why: string): Promise<boolean> {
    if (packet.count > 1) return await this.#split(entry, packet, Number.POSITIVE_INFINITY);
    const { codec, body, count } = packet;
    const header = Buffer.alloc(HEADER_BYTES);
    const fields = { recordsBytes: body.length, count, codec, time, ...NO_PRODUCER, sequence: -1 };
    writeHeader(header, { ...fields, baseOffset: 0n });
    sealHeader(header, body);
    if (!(await this.#o.deadLetters.take(`${this.#o.topic}-${packet.partition}`, header, body, why))) return false;
    entry.packets.splice(entry.packets.indexOf(packet), 1);
    entry.refused += count;
    return true;
  }

  /** Our clock and the broker's differ by more than the topic allows: the broker's counts. */
  #retime(packet: Packet, sent: number, said: string | null, why: string): boolean {
    log.warnOnce(`time ${this.#o.topic}`, `${why}: check the clocks; going on with the time that the broker takes`);
    return this.#skew.learn(packet, sent, said);
  }
}
