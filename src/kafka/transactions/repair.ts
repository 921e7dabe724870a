/**
 * What is done about a batch that a broker refused, before the same blocks are sent again in the next transaction: it is
 * made smaller, gets another time or partition, or loses a record that is never taken.
 */
import { log } from '../../log.ts';
import { HEADER_BYTES, sealHeader, writeHeader } from '../../records/record-batch.ts';
import type { KafkaClient, Producer } from '../connect/client.ts';
import type { DeadLetters } from '../send/dead-letter.ts';
import { spread } from '../send/repartition.ts';
import { SizeLimit } from '../send/size-limit.ts';
import { halve, type Smaller } from '../send/split.ts';
import { ClockSkew } from '../send/timestamp.ts';
import { actionFor } from '../wire/errors.ts';
import type { Entry, Packet, Refused } from './open.ts';
import type { PositionsTopic } from './positions-topic.ts';

const NO_PRODUCER: Producer = { producerId: -1n, epoch: -1 };

export interface RepairOptions {
  topic: string;
  positions: PositionsTopic;
  deadLetters: DeadLetters;
}

export class Repair {
  readonly #client: KafkaClient;
  readonly #o: RepairOptions;
  readonly #limit: SizeLimit;
  readonly #skew = new ClockSkew();
  /** Records that were cut. */
  cut = 0;

  constructor(client: KafkaClient, options: RepairOptions) {
    this.#client = client;
    this.#o = options;
    this.#limit = new SizeLimit(options.topic, (signal) => client.topicLimit(options.topic, signal));
  }

  /** What to add to our time so that the broker takes it. */
  get skew(): number {
    return this.#skew.ms;
  }

  /** Deals with what a batch was answered; true: the next attempt need not wait. */
  async amend(refused: Refused, signal: AbortSignal): Promise<boolean> {
    const { topic, positions } = this.#o;
    const { code, entry, packet, sent, said, message: why } = refused;
    switch (actionFor(code)) {
      case 'split':
        if (entry === null ? positions.shrink() : await this.#tooLarge(entry, packet, sent, why, signal)) return true;
        return this.#waits(why);
      case 'time':
        return this.#retime(packet, sent, said, why);
      case 'invalid':
        if (entry !== null && (await this.#invalid(entry, packet, sent, why))) return true;
        return this.#waits(why);
      case 'refused':
        log.warnOnce(`refused ${topic}`, `${why}: Kafka does not take what ${topic} should get; its data waits`);
        return false;
      default:
        this.#client.invalidate(topic);
        this.#client.invalidate(positions.topic);
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
    for (const packet of [...entry.packets]) {
      if (this.#limit.exceededBy(packet)) this.#replace(entry, packet, await this.#limit.fit(packet));
    }
  }

  async #tooLarge(entry: Entry, packet: Packet, sent: number, why: string, signal: AbortSignal): Promise<boolean> {
    const smaller = await this.#limit.refused(packet, why, signal);
    if (!smaller) return await this.#setAside(entry, packet, sent, why);
    return this.#replace(entry, packet, smaller);
  }

  /** By smaller ones with the same records. */
  #replace(entry: Entry, packet: Packet, smaller: Smaller | null): boolean {
    if (!smaller) return false;
    this.cut += smaller.cut;
    const { partition, time } = packet;
    const parts = smaller.sections.map((section) => ({ ...section, partition, time }));
    entry.packets.splice(entry.packets.indexOf(packet), 1, ...parts);
    return true;
  }

  /** Finds the records that the broker does not take, half by half, and lets the others pass. */
  async #invalid(entry: Entry, packet: Packet, time: number, why: string): Promise<boolean> {
    if (packet.count === 1) return await this.#setAside(entry, packet, time, why);
    return this.#replace(entry, packet, { sections: await halve(packet), cut: 0 });
  }

  /**
   * What the broker never takes is kept on disk, and is not in the next transaction, whose positions move past it: killed
   * in between, it is refused again and known again. False: there is no room for it, or it is more than one record.
   */
  async #setAside(entry: Entry, packet: Packet, time: number, why: string): Promise<boolean> {
    if (packet.count > 1) return false;
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

  #waits(why: string): false {
    const what = 'mend what the topic accepts (cleanup.policy, validation), or make room in data_dir/dead-letter';
    log.warnOnce(`refused ${this.#o.topic}`, `${why}: ${what}; its data waits`);
    return false;
  }

  /** Our clock and the broker's differ by more than the topic allows: the broker's counts. */
  #retime(packet: Packet, sent: number, said: string | null, why: string): boolean {
    log.warnOnce(`time ${this.#o.topic}`, `${why}: check the clocks; going on with the time that the broker takes`);
    return this.#skew.learn(packet, sent, said);
  }
}
