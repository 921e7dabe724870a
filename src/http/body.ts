/**
 * What requests carry. Every byte counts against one budget from its arrival until the answer, and so does every byte
 * that comes out of a compressed one; what is beyond the request's own limit, or for which there is no room, is refused,
 * and the rest of it is read and thrown away. Where there is no room, one that has been arriving for long makes it: many that
 * send a little now and then would keep all others out.
 */
import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { noRoom, Refusal, tooLarge } from './answer.ts';
import { gunzipped } from './gunzip.ts';
import { HeldBody, passOver } from './held-body.ts';
import { LIMITS } from './limits.ts';

/** A body that is not here as a whole. */
export interface ArrivingBody {
  /** When it began, on the monotonic clock, milliseconds. */
  readonly since: number;
  /** Gives back what it has, ends its arrival, and is refused. */
  evict(): void;
}

/** Bytes that all bodies of a server may take together. */
export class Budget {
  readonly #bytes: number;
  readonly #slowMs: number;
  /** In the order in which they began. */
  readonly #arriving = new Set<ArrivingBody>();
  #used = 0;

  constructor(bytes: number, slowMs = LIMITS.slow_ms) {
    this.#bytes = bytes;
    this.#slowMs = slowMs;
  }

  get used(): number {
    return this.#used;
  }

  /** False, and nothing is taken: there is no room. `by`: who asks is not sent away itself. */
  take(bytes: number, by: ArrivingBody | null = null): boolean {
    while (this.#used + bytes > this.#bytes) {
      const slow = this.#slowest(by);
      if (!slow) return false;
      slow.evict();
      this.end(slow);
    }
    this.#used += bytes;
    return true;
  }

  begin(body: ArrivingBody): void {
    this.#arriving.add(body);
  }

  /** It is here, or gone. */
  end(body: ArrivingBody): void {
    this.#arriving.delete(body);
  }

  #slowest(by: ArrivingBody | null): ArrivingBody | null {
    const before = performance.now() - this.#slowMs;
    for (const body of this.#arriving) if (body !== by) return body.since < before ? body : null;
    return null;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

const INFLATERS = new Map<string, () => Transform>([
  ['gzip', createGunzip], // in the way of gunzip.ts, where it comes whole
  // What they would pass over behind the end may be the rest of a body that was damaged on its way.
  ['deflate', () => createInflate({ rejectGarbageAfterEnd: true })],
  ['zstd', () => createZstdDecompress({ rejectGarbageAfterEnd: true })],
]);

export interface Taken {
  budget: Budget;
  /** Bytes that were taken from the budget, and are to be given back. */
  bytes: number;
  /** What came, inflated; null: nothing is held. */
  held: HeldBody | null;
  /** It is wanted. */
  onBegin(): void;
  /** So many bytes came. */
  onBytes(bytes: number): void;
}

/** Resolves with the body, inflated, which is `taken.held`, too; rejects with a Refusal. */
export function readBody(request: IncomingMessage, max: number, taken: Taken): Promise<HeldBody> {
  const { headers } = request;
  if (Number(headers['content-length'] ?? 0) > max) throw tooLarge(max);
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  const whole = encoding === 'gzip';
  const inflater = whole || encoding === 'identity' ? null : INFLATERS.get(encoding)?.();
  if (inflater === undefined) {
    const known = ['identity', ...INFLATERS.keys()].join(', ');
    throw new Refusal(415, 'encoding', `Content-Encoding may be ${known}.`, { 'Accept-Encoding': known });
  }
  taken.onBegin();
  return new Promise((resolve, reject) => {
    const held = new HeldBody();
    let arrived = 0;
    let inflated = 0;
    const arriving: ArrivingBody = {
      since: performance.now(),
      evict: () => {
        taken.budget.give(taken.bytes);
        taken.bytes = 0;
        fail(noRoom());
      },
    };
    taken.budget.begin(arriving);
    const fail = (error: Error) => {
      taken.budget.end(arriving);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      request.on('data', passOver).resume();
      inflater?.off('data', keep).destroy();
      held.letGo();
      reject(error);
    };
    const take = (bytes: number) => {
      if (!taken.budget.take(bytes, arriving)) return false;
      taken.bytes += bytes;
      return true;
    };
    /** Whether so many bytes more, of which the body then has `size`, can be held. */
    const hold = (bytes: number, size: number): boolean => {
      if (size > max) fail(tooLarge(max));
      else if (take(bytes)) return true;
      else fail(noRoom());
      return false;
    };
    const keep = (piece: Buffer) => {
      inflated += piece.length;
      if (hold(piece.length, inflated)) held.add(piece);
    };
    const onData = (piece: Buffer) => {
      taken.onBytes(piece.length);
      arrived += piece.length;
      if (!hold(piece.length, arrived)) passOver(piece);
      else if (!inflater) held.add(piece);
      else if (!inflater.write(piece)) request.pause();
    };
    const done = (body: HeldBody) => {
      taken.held = body;
      resolve(body);
    };
    /** What came compressed is not needed any more. */
    const unpacked = () => {
      held.letGo();
      taken.budget.give(arrived);
      taken.bytes -= arrived;
    };
    const onEnd = () => {
      taken.budget.end(arriving);
      if (inflater) inflater.end();
      else if (whole) gunzipped(held.joined(), max, take).finally(unpacked).then(done, reject);
      else done(held);
    };
    const onClose = () => {
      if (!request.complete) fail(new Error('the peer went away'));
    };
    request.on('data', onData).on('end', onEnd).on('close', onClose);
    inflater
      ?.on('data', keep)
      .on('end', () => done(held))
      .on('drain', () => request.resume());
    inflater?.on('error', ({ message }) =>
      fail(new Refusal(400, 'malformed', `The body is not ${encoding}: ${message}.`)),
    );
  });
}
