/**
 * The memory that a connection's frames of DATA lie in. node:http2 reads into one ArrayBuffer after the other, and pushes
 * to each stream slices of it:
 *
 *   read 1  | headers | stream 1 | stream 3 | stre |    given back behind the first slice of read 2
 *   read 2  | am 1 | stream 5 | ...                     node may not be done with it
 *
 * Left to the garbage collector, a flood leaves some forty megabytes of them.
 *
 * Invariants: the last read is never given back, as node goes on in it; nor is any as long as a stream has something that
 * nobody took. Who takes a slice makes a copy of it at once.
 */
import type { ServerHttp2Stream } from 'node:http2';

/** Reads that wait for who takes their slices; earlier ones are left to the garbage collector. */
const MOST = 8;

export class SessionReads {
  readonly #streams = new Set<ServerHttp2Stream>();
  /** A connection that is still holds nothing. */
  #last: WeakRef<ArrayBufferLike> | null = null;
  readonly #read: ArrayBuffer[] = [];

  /** What is pushed to it from now on is seen. */
  watch(stream: ServerHttp2Stream): void {
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    const { push } = stream;
    stream.push = (piece: Buffer | null, encoding?: BufferEncoding) => {
      if (piece !== null) this.#came(piece.buffer);
      return push.call(stream, piece, encoding);
    };
  }

  #came(memory: ArrayBufferLike): void {
    const last = this.#last?.deref();
    if (last === memory) return;
    this.#last = new WeakRef(memory);
    if (!(last instanceof ArrayBuffer)) return;
    this.#read.push(last);
    if (this.#read.length > MOST) this.#read.shift();
    // Streams that began in it are known by then.
    process.nextTick(() => this.#giveBack());
  }

  #giveBack(): void {
    for (const { readableLength } of this.#streams) if (readableLength > 0) return;
    for (const memory of this.#read) memory.transfer(0);
    this.#read.length = 0;
  }
}

/** What else comes on the stream is thrown away at once: resumed without a listener it stays for a turn, and all reads with it. */
export function passBy(stream: ServerHttp2Stream): void {
  if (stream.listenerCount('data') === 0) stream.on('data', () => undefined);
}
