/**
 * A gzip body that came whole. Its last four bytes say how large it becomes (RFC 1952, ISIZE), so the memory is taken at
 * once and in one piece: a third of what the streams of node:zlib cost. A body that says more than it may have, or becomes
 * more than it says, goes through the stream, which stops where it is too large.
 */
import { promisify } from 'node:util';
import { createGunzip, gunzip, gunzipSync } from 'node:zlib';
import { noRoom, Refusal, tooLarge } from './answer.ts';
import { HeldBody } from './held-body.ts';

/** Up to here another thread costs more than it saves. */
const AT_ONCE = 64 << 10;
/** The smallest that there is: head and trailer. */
const LEAST = 20;

const gunzipAsync = promisify<Buffer, { chunkSize: number; maxOutputLength: number }, Buffer>(gunzip);

/** `take` counts bytes; false: there is no room for them. Rejects with a Refusal. */
export async function gunzipped(packed: Buffer, max: number, take: (bytes: number) => boolean): Promise<HeldBody> {
  const says = packed.length < LEAST ? 0 : packed.readUInt32LE(packed.length - 4);
  if (says > 0 && says <= max) {
    if (!take(says)) throw noRoom();
    const options = { chunkSize: Math.max(1024, says + 1), maxOutputLength: Math.max(1024, says) };
    try {
      const body = says <= AT_ONCE ? gunzipSync(packed, options) : await gunzipAsync(packed, options);
      const held = new HeldBody();
      held.own(body, options.chunkSize);
      return held;
    } catch (error) {
      // Several members, one behind the other, may be more than the last one says.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw malformed(error as Error);
    }
  }
  return streamed(packed, max, take);
}

function streamed(packed: Buffer, max: number, take: (bytes: number) => boolean): Promise<HeldBody> {
  return new Promise((resolve, reject) => {
    const stream = createGunzip();
    const held = new HeldBody();
    let size = 0;
    const fail = (error: Error) => {
      stream.destroy();
      held.letGo();
      reject(error);
    };
    stream.on('data', (piece: Buffer) => {
      if (stream.destroyed) return;
      size += piece.length;
      if (size > max) fail(tooLarge(max));
      else if (!take(piece.length)) fail(noRoom());
      else held.add(piece);
    });
    stream.on('end', () => resolve(held));
    stream.on('error', (error) => fail(malformed(error)));
    stream.end(packed);
  });
}

function malformed({ message }: Error): Refusal {
  return new Refusal(400, 'malformed', `The body is not gzip: ${message}.`);
}
