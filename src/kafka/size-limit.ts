/** How large a batch a topic takes, as far as that was learned from what it refused. */
import { HEADER_BYTES } from './record-batch.ts';

/** How long it is believed, milliseconds: the topic's setting may be changed. */
const BELIEF = 600_000;

interface Packet {
  readonly body: Buffer;
  readonly count: number;
}

export class SizeLimit {
  /** `until`: monotonic. */
  #limit: { bytes: number; until: number } | null = null;

  /** Bytes of the largest batch; null: nothing is known. */
  get bytes(): number | null {
    if (this.#limit && performance.now() > this.#limit.until) this.#limit = null;
    return this.#limit?.bytes ?? null;
  }

  /** Whether it has to be split. What cannot get smaller is sent, and refused by the broker, not by us. */
  exceededBy(packet: Packet): boolean {
    return this.bytes !== null && sizeOf(packet) > this.bytes && packet.count > 1;
  }

  /** A packet was refused; `said` is the topic's setting, where that could be learned. Gives what is tried now. */
  learn(packet: Packet, said: number | null): number {
    const size = sizeOf(packet);
    const bytes = said !== null && said < size ? said : Math.floor(size / 2);
    this.#limit = { bytes, until: performance.now() + BELIEF };
    return bytes;
  }
}

function sizeOf({ body }: Pick<Packet, 'body'>): number {
  return HEADER_BYTES + body.length;
}
