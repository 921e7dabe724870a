/** How the items of each signal become records: their key, their headers, what goes together. */
import { MAX_BLOCK_BYTES } from '../../../core/pool.ts';
import type { FrameJob, Grouping } from '../../../kernel/otlp.ts';
import { framedTexts, varint } from '../../../records/envelope.ts';
import type { Signal, TracesOptions } from '../options.ts';

export interface SignalFraming {
  readonly job: FrameJob;
  readonly how: Grouping;
  /** Bytes of a record beside its value, at most. */
  readonly around: number;
}

/** Lengths, deltas, attributes of a record. */
const NUMBERS = 32;
/** Of a service's name as a key, or of a trace id. */
const LONGEST_KEY = 255;

export class Framing {
  readonly #of: Readonly<Record<Signal, SignalFraming>>;

  constructor(host: string, key: TracesOptions['key'], contentType = 'application/x-protobuf') {
    const of = (signal: Signal, keyed: FrameJob['keyed'], how: Grouping): SignalFraming => {
      const headers = headersOf({ 'content-type': contentType, host, signal });
      const text = Buffer.from(keyed === 'service' ? '' : host);
      const around = Math.max(text.length, LONGEST_KEY) + headers.length + NUMBERS;
      const longest = MAX_BLOCK_BYTES - around;
      return { job: { keyed, key: text, headers, longest, weighed: signal === 'metrics' }, how, around };
    };
    const keyed = key === 'trace_id' ? 'trace' : key === 'host' ? 'text' : 'service';
    this.#of = {
      traces: of('traces', keyed, key === 'service' ? 'trace and resource' : 'trace'),
      metrics: of('metrics', 'text', 'all'),
      logs: of('logs', 'text', 'all'),
    };
  }

  of(signal: Signal): SignalFraming {
    return this.#of[signal];
  }
}

/** With their number before them. */
export function headersOf(headers: Record<string, string>): Buffer {
  const pairs = Object.entries(headers);
  return Buffer.concat([varint(pairs.length), framedTexts(pairs.flat())]);
}
