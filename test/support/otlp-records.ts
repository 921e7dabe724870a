/** What a reader makes of requests, as Kafka would have it. */
import { type BatchRecord, records } from '../../src/records/record-batch.ts';
import {
  OtlpReader,
  type OtlpRequest,
  type ReaderOptions,
  type RequestContent,
} from '../../src/sources/otlp/request/reader.ts';
import type { Signal } from './otlp-decoder.ts';

export const MOST_ROOM = 1_000_000;

interface TestOptions extends Partial<Omit<ReaderOptions, 'traces'>> {
  key?: 'trace_id' | 'host' | 'service';
  encoding?: 'otlp_proto' | 'json';
  metrics?: Partial<ReaderOptions['traces']['metrics']>;
  sampling?: Partial<ReaderOptions['traces']['sampling']>;
}

export function otlpReader({
  key = 'trace_id',
  encoding = 'otlp_proto',
  metrics,
  sampling,
  ...options
}: TestOptions = {}): OtlpReader {
  const traces = {
    key,
    encoding,
    metrics: {
      enabled: true,
      operations_per_service: 200,
      attributes: [],
      server_and_consumer_only: false,
      ...metrics,
    },
    sampling: { probability: 1, rules: [], write_threshold: true, ...sampling },
  };
  return new OtlpReader({ maxRequest: 8 << 20, host: 'web-1', ...options, traces });
}

export interface Taken extends Pick<OtlpRequest, 'error' | 'tooLarge' | 'counts' | 'message' | 'bytes'> {
  records: BatchRecord[];
  /** What the records weigh. */
  items: number;
  /** Bytes of the records as they are framed. */
  framed: number;
}

/** `room`: of a block. */
export async function take(
  reader: OtlpReader,
  signal: Signal,
  body: Uint8Array | readonly Uint8Array[],
  { content = 'protobuf' as RequestContent, room = MOST_ROOM } = {},
): Promise<Taken> {
  const request = await reader.read(signal, content, body);
  try {
    const { error, tooLarge, counts, message, bytes } = request;
    const taken: Taken = { error, tooLarge, counts, message, bytes, records: [], items: 0, framed: 0 };
    await request.accept();
    let [delta, left] = [0, room];
    for (let packed = request.pack(delta, left); packed; packed = request.pack(delta, left)) {
      if (packed.count === 0) {
        if (delta === 0) throw new Error('a record does not fit into an empty block');
        [delta, left] = [0, room];
        continue;
      }
      const block = Buffer.from(packed.bytes);
      const found = [...records(block)];
      if (found.length !== packed.count) throw new Error(`${packed.count} were said, ${found.length} are there`);
      taken.records.push(...found);
      taken.items += packed.items;
      taken.framed += block.length;
      delta += packed.count;
      left -= block.length;
    }
    return taken;
  } finally {
    request.close();
  }
}
