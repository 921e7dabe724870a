/**
 * A unary call's message: the one length-prefixed message that its body is (gRPC over HTTP/2).
 *
 *   0  flag    u8    1: compressed as grpc-encoding says
 *   1  length  u32
 *   5  message
 */
import type { ServerHttp2Stream } from 'node:http2';
import { noRoom, Refusal, tooLarge } from '../answer.ts';
import type { ArrivingBody, Budget } from '../body.ts';
import { gunzipped } from '../gunzip.ts';
import { HeldBody } from '../held-body.ts';
import { passBy } from './reads.ts';
import { GrpcError } from './status.ts';

const PREFIX = 5;
export const MESSAGE_ENCODINGS = 'identity,gzip';

interface MessageReceived {
  /** With its prefix. */
  held: HeldBody;
  /** Without it. */
  bytes: number;
  compressed: boolean;
}

/** What one call takes of the budget. */
export class CallShare {
  readonly #budget: Budget;
  #bytes = 0;
  #arriving: ArrivingBody | null = null;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  take(bytes: number): boolean {
    if (!this.#budget.take(bytes, this.#arriving)) return false;
    this.#bytes += bytes;
    return true;
  }

  give(): void {
    this.#budget.give(this.#bytes);
    this.#bytes = 0;
  }

  /** Its message begins to arrive; `evicted`: others had no room, and it took long. */
  begin(evicted: () => void): void {
    const evict = () => {
      this.give();
      evicted();
    };
    this.#arriving = { since: performance.now(), evict };
    this.#budget.begin(this.#arriving);
  }

  /** It is here, or gone. */
  end(): void {
    if (this.#arriving) this.#budget.end(this.#arriving);
    this.#arriving = null;
  }
}

/** Resolves with the message as it came; rejects with a GrpcError, or a Refusal about its size. */
export function received(
  stream: ServerHttp2Stream,
  max: number,
  taken: CallShare,
  onBytes: () => void,
): Promise<MessageReceived> {
  return new Promise((resolve, reject) => {
    const held = new HeldBody();
    let size = 0;
    let length = -1;
    taken.begin(() => fail(noRoom()));
    const fail = (error: Error) => {
      taken.end();
      stream.off('data', onData).off('end', onEnd).off('close', onClose);
      passBy(stream);
      held.letGo();
      reject(error);
    };
    const onData = (piece: Buffer) => {
      onBytes();
      size += piece.length;
      if (size > max + PREFIX) return fail(tooLarge(max));
      if (!taken.take(piece.length)) return fail(noRoom());
      held.copy(piece);
      if (length < 0 && size >= PREFIX) {
        length = held.pieces[0]!.readUInt32BE(1);
        if (length > max) fail(tooLarge(max));
      }
    };
    const onEnd = () => {
      if (stream.aborted) return onClose();
      taken.end();
      if (size < PREFIX || size !== PREFIX + length) {
        const what = size === 0 ? 'there is no message' : 'this is not exactly one message';
        return fail(new GrpcError('INVALID_ARGUMENT', 'malformed', what));
      }
      const flag = held.pieces[0]![0]!;
      if (flag > 1) return fail(new GrpcError('INTERNAL', 'malformed', `${flag} is no flag of a message`));
      resolve({ held, bytes: length, compressed: flag === 1 });
    };
    const onClose = () => fail(new Error('the peer went away'));
    stream.on('data', onData).on('end', onEnd).on('close', onClose);
  });
}

function behindPrefix(pieces: readonly Buffer[]): Buffer[] {
  let skip = PREFIX;
  const rest: Buffer[] = [];
  for (const piece of pieces) {
    if (piece.length > skip) rest.push(skip > 0 ? piece.subarray(skip) : piece);
    skip = Math.max(0, skip - piece.length);
  }
  return rest;
}

/** What a call's message is held in: it goes away with it. */
export interface MessageTaken {
  readonly pieces: readonly Buffer[];
  readonly held: HeldBody;
}

/** The message, inflated where it is compressed by `encoding`, the call's grpc-encoding. */
export async function inflated(
  { held, compressed }: MessageReceived,
  encoding: string | undefined,
  max: number,
  taken: CallShare,
): Promise<MessageTaken> {
  if (!compressed) return { pieces: behindPrefix(held.pieces), held };
  try {
    if (encoding === undefined || encoding === 'identity') {
      throw new GrpcError('INTERNAL', 'encoding', 'the message is compressed, and grpc-encoding does not say how');
    }
    if (encoding !== 'gzip') {
      throw new GrpcError('UNIMPLEMENTED', 'encoding', `grpc-encoding may be ${MESSAGE_ENCODINGS}, not ${encoding}`);
    }
    const body = await gunzipped(held.joined().subarray(PREFIX), max, (bytes) => taken.take(bytes));
    return { pieces: body.pieces, held: body };
  } finally {
    held.letGo();
  }
}

/** A Refusal in gRPC's words. */
export function asGrpc(error: Error): GrpcError {
  if (error instanceof GrpcError) return error;
  if (!(error instanceof Refusal)) return new GrpcError('INTERNAL', 'failed', error.message);
  const { code, reason, message } = error;
  // Without RetryInfo it is not sent again as it is.
  if (code === 413) return new GrpcError('RESOURCE_EXHAUSTED', reason, message);
  if (code === 503) return new GrpcError('UNAVAILABLE', reason, message, 1000);
  if (code === 401) return new GrpcError('UNAUTHENTICATED', reason, message);
  if (code === 421) return new GrpcError('PERMISSION_DENIED', reason, message);
  return new GrpcError('INVALID_ARGUMENT', reason, message);
}

export function framed(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(PREFIX + message.length);
  out[0] = 0;
  out.writeUInt32BE(message.length, 1);
  out.set(message, PREFIX);
  return out;
}

/** So many of each are so many milliseconds. */
const UNITS: Readonly<Record<string, readonly [units: number, ms: number]>> = {
  H: [1, 3_600_000],
  M: [1, 60_000],
  S: [1, 1000],
  m: [1, 1],
  u: [1000, 1],
  n: [1_000_000, 1],
};

/** `grpc-timeout` in milliseconds; null: there is none, or one that is no time. */
export function timeoutOf(header: string | undefined): number | null {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header ?? '') ?? [];
  const [units, ms] = UNITS[unit ?? ''] ?? [1, 0];
  return digits === undefined ? null : (Number(digits) * ms) / units;
}
