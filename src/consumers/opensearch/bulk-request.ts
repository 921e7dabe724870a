/** One `_bulk` request, and what is known when it is over. */
import { compress } from '../../records/codecs.ts';
import { type BulkItem, bulkTarget, readAnswer } from './answer.ts';
import { errorIn, parsed, type Transport, TransportError } from './transport.ts';

const TIMEOUT_MS = 60_000;
const COMPRESSION_LEVEL = 1;

export type BulkSent =
  | { kind: 'answered'; items: 'all' | BulkItem[] }
  /** `unknown`: it may have been carried out. `why`: a sentence. `busy`: fewer at a time. */
  | { kind: 'unknown' | 'not written'; why: string; busy?: boolean }
  | { kind: 'too large' };

export class BulkRequests {
  readonly #transport: Transport;
  readonly #compression: 'none' | 'gzip' | 'zstd';
  sent = 0;
  /** On the wire. */
  bytes = 0;

  constructor(transport: Transport, compression: 'none' | 'gzip' | 'zstd') {
    this.#transport = transport;
    this.#compression = compression;
  }

  /**
   * Sends `body`, which has so many items; `careful`: with where each was written. Rejects where it is no use to send
   * it again, or when `signal` aborts.
   */
  async send(stream: string, body: Buffer, items: number, careful: boolean, signal: AbortSignal): Promise<BulkSent> {
    const packed = this.#compression === 'none' ? body : await compress(this.#compression, COMPRESSION_LEVEL, body);
    this.sent++;
    this.bytes += packed.length;
    const request = {
      method: 'POST',
      path: bulkTarget(stream, careful),
      body: [packed],
      type: 'application/x-ndjson',
      timeout: TIMEOUT_MS,
      signal,
    };
    try {
      const encoding = this.#compression;
      const answer = await this.#transport.send(encoding === 'none' ? request : { ...request, encoding });
      return read(stream, answer, items, careful);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TransportError)) throw error;
      return { kind: error.unknown ? 'unknown' : 'not written', why: error.message };
    }
  }
}

function read(
  stream: string,
  answer: { status: number; body: Buffer; url: string },
  count: number,
  careful: boolean,
): BulkSent {
  const { status, body, url } = answer;
  const says = `${url} answers ${status}`;
  if (status === 200) {
    const items = readAnswer(body, count, careful);
    if (items) return { kind: 'answered', items };
    return {
      kind: 'unknown',
      why: `${url} gives no answer to a bulk request: is something between that makes its own?`,
    };
  }
  if (status === 413) return { kind: 'too large' };
  if (status === 401) return { kind: 'not written', why: `${says}: check username and password, or api_key` };
  if (status === 403) {
    const { type, reason } = errorIn(parsed(body));
    // A cluster that is read-only is nobody's missing right.
    const why = type === 'cluster_block_exception' ? reason : `give the user the right to create in ${stream}`;
    return { kind: 'not written', why: `${says}: ${why}` };
  }
  if (status === 404) {
    return { kind: 'not written', why: `${says}: ${stream} is not there: runnel sink opensearch --setup makes it` };
  }
  if (status === 429) return { kind: 'unknown', why: `${says}: it is too busy`, busy: true };
  if (status >= 500 || status < 400 || status === 408) return { kind: 'unknown', why: `${says} to a bulk request` };
  const text = body.toString('utf8', 0, 300).replace(/\s+/g, ' ');
  throw new Error(`${says} to a bulk request, which it would to the same one again: ${text}`);
}
