/**
 * Datagrams that come before there is a thread, on their way to it: packed, as each by itself would be a piece of memory
 * that is let go of long after, and handed over, not copied.
 */
import { free } from '../../../core/free.ts';
import type { HeardDatagrams } from '../protocol.ts';

const PACK_BYTES = 256 * 1024;

export class Heard {
  #packs: HeardDatagrams[] = [];

  get size(): number {
    return this.#packs.length;
  }

  /** It is kept as a copy, and itself let go of. */
  keep(listener: number, datagram: Buffer): void {
    let pack = this.#packs.at(-1);
    const used = pack?.ends.at(-1) ?? 0;
    if (!pack || pack.listener !== listener || used + datagram.length > pack.bytes.length) {
      pack = { listener, bytes: new Uint8Array(Math.max(PACK_BYTES, datagram.length)), ends: [] };
      this.#packs.push(pack);
    }
    const from = pack.ends.at(-1) ?? 0;
    pack.bytes.set(datagram, from);
    pack.ends.push(from + datagram.length);
    free(datagram);
  }

  /** In the order in which they came; they are the caller's now. */
  takeAll(): HeardDatagrams[] {
    const packs = this.#packs;
    this.#packs = [];
    return packs;
  }
}
