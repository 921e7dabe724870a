/**
 * How large a batch a topic takes, as far as that was learned from what it refused, and what to do with what is larger:
 * smaller ones of the same records in the same order or, where a record alone is too large, its cut form. What cannot get
 * smaller either is for the caller to set aside.
 *
 * The broker compares `max.message.bytes` with what it stores. With a `compression.type` of its own that is not what was
 * sent: a block of 50 KB may be 400 KB for a topic that is `uncompressed`. So the topic is asked for both, and what was
 * refused is measured as the topic stores it. Where that does not explain the refusal (the topic may not be asked, other
 * brokers have other rules) only a block that unpacked has half the bytes is sure to be smaller, and so on.
 */

import { compress, decompress } from '../../records/codecs.ts';
import type { Codec } from '../../records/record-batch.ts';
import { HEADER_BYTES } from '../../records/record-batch.ts';
import { LEVEL, type RecordsSection, type Smaller, split } from './split.ts';

/** How long what was learned is believed, milliseconds: the topic's settings may be changed. */
const BELIEF = 600_000;
/** Parts compress a little worse than the whole. */
const MARGIN = 0.85;

/** What a topic says of itself. */
export interface TopicLimit {
  /** `max.message.bytes` */
  bytes: number;
  /** `compression.type`: `producer` stores what was sent. */
  codec: Codec | 'producer';
}

/** Of batches: at most so many bytes, where a section takes `ratio` of its bytes unpacked; null: as much as it has. */
interface Limit {
  bytes: number;
  ratio: number | null;
}

export class SizeLimit {
  readonly #ask: (signal: AbortSignal) => Promise<TopicLimit | null>;
  #limit: Limit | null = null;
  /** Monotonic milliseconds. */
  #until = 0;

  /** `ask` gives null where the topic does not say it. */
  constructor(ask: (signal: AbortSignal) => Promise<TopicLimit | null>) {
    this.#ask = ask;
  }

  /** Whether it has to be split. What cannot get smaller is sent, and refused by the broker, not by us. */
  exceededBy({ count, body, rawBytes }: RecordsSection): boolean {
    if (!this.#limit || count === 1) return false;
    if (performance.now() > this.#until) {
      this.#limit = null;
      return false;
    }
    const { bytes, ratio } = this.#limit;
    const stored = ratio === null ? body.length : rawBytes === null ? 0 : rawBytes * ratio;
    return HEADER_BYTES + stored > bytes;
  }

  /** Of what is known to be too large. Null: it cannot get smaller. */
  async fit(section: RecordsSection): Promise<Smaller | null> {
    const raw = await decompress(section.codec, section.body);
    return this.#limit && smaller(section, raw, this.#limit);
  }

  /**
   * Of what the broker refused as too large, and how large a batch may be, for people. Null: it cannot get smaller. Rejects
   * with the signal's reason when that aborts.
   */
  async refused(section: RecordsSection, signal: AbortSignal): Promise<{ smaller: Smaller | null; takes: string }> {
    const raw = await decompress(section.codec, section.body);
    const said = await this.#ask(signal).catch(() => null);
    signal.throwIfAborted();
    this.#limit = await learned(section, raw, said);
    this.#until = performance.now() + BELIEF;
    const stored =
      said && said.codec !== 'producer' ? ` (as it stores them: compression.type=${name(said.codec)})` : '';
    return { smaller: await smaller(section, raw, this.#limit), takes: `${this.#limit.bytes} bytes${stored}` };
  }
}

function smaller(section: RecordsSection, raw: Buffer, { bytes, ratio }: Limit): Promise<Smaller | null> {
  const of = ratio ?? Math.min(1, section.body.length / raw.length);
  const most = Math.floor(((bytes - HEADER_BYTES) / of) * (of === 1 ? 1 : MARGIN));
  return split(section, raw, most);
}

async function learned(section: RecordsSection, raw: Buffer, said: TopicLimit | null): Promise<Limit> {
  if (said) {
    const { stored, ratio } = await storedAs(said.codec, section, raw);
    if (HEADER_BYTES + stored > said.bytes) return { bytes: said.bytes, ratio };
  }
  return { bytes: HEADER_BYTES + Math.floor(raw.length / 2), ratio: 1 };
}

/** How many bytes it has where this is the topic's compression. */
async function storedAs(codec: TopicLimit['codec'], section: RecordsSection, raw: Buffer) {
  if (codec === 'producer' || codec === section.codec) return { stored: section.body.length, ratio: null };
  const stored = codec === 'none' ? raw.length : (await compress(codec, LEVEL, raw)).length;
  return { stored, ratio: stored / raw.length };
}

/** Kafka's word for it. */
function name(codec: Codec | 'producer'): string {
  return codec === 'none' ? 'uncompressed' : codec;
}
