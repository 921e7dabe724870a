/**
 * zstd on libuv's thread pool, by contexts of node:zlib that are used again: to make one costs a tenth of a block.
 *
 * A write is a frame: it is told to end one (`flush`). So its size is known beforehand and stands in the frame's header.
 */
import assert from 'node:assert';
import { constants, createZstdCompress, type ZstdCompress } from 'node:zlib';

/**
 * What a block becomes mostly fits into what is left of it; then the bytes are not copied on their way. One that is full
 * gives way to another.
 */
const CHUNK = 1 << 20;
/**
 * Of level 1, which has 19 and 14 for blocks of this size: what it looks through then lies in the processor's cache, also
 * where that is shared. Lines of logs take a fifth less time so, and become as small, within two of a hundred.
 */
const FAST = { [constants.ZSTD_c_windowLog]: 17, [constants.ZSTD_c_hashLog]: 13 };

/** By level: contexts that nobody uses at the moment. */
const idle = new Map<number, ZstdContext[]>();

/** The frame that `data` becomes, which has memory of its own. As many at once as are asked for. */
export async function zstdFrame(level: number, data: Uint8Array): Promise<Buffer> {
  const contexts = idle.get(level) ?? [];
  idle.set(level, contexts);
  const context = contexts.pop() ?? new ZstdContext(level);
  const frame = await context.frame(data);
  contexts.push(context);
  return frame;
}

/** One that has failed is not to be used again. */
class ZstdContext {
  readonly #stream: ZstdCompress;
  #parts: Buffer[] = [];
  /** What the stream writes to. Left to the garbage collector it would make that run often. */
  #chunk: ArrayBuffer | null = null;

  constructor(level: number) {
    const params = { [constants.ZSTD_c_compressionLevel]: level, ...(level === 1 && FAST) };
    this.#stream = createZstdCompress({ chunkSize: CHUNK, flush: constants.ZSTD_e_end, params });
    this.#stream.on('data', (part: Buffer) => this.#parts.push(part));
    // Who has written hears of it.
    this.#stream.on('error', () => undefined);
  }

  async frame(data: Uint8Array): Promise<Buffer> {
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(data, (error) => (error ? reject(error) : resolve()));
    });
    const parts = this.#parts;
    this.#parts = [];
    const frame = Buffer.allocUnsafeSlow(parts.reduce((bytes, part) => bytes + part.length, 0));
    let at = 0;
    for (const part of parts) {
      at += part.copy(frame, at);
      // The stream is done with the one before.
      if (this.#chunk !== part.buffer) this.#chunk?.transfer(0);
      this.#chunk = part.buffer as ArrayBuffer;
    }
    assert(at > 0, 'a frame without bytes');
    return frame;
  }
}
