/**
 * A gzip body that came whole. Its last four bytes say how large it becomes (RFC 1952, ISIZE), so the memory is taken at
 * once and in one piece: a third of what the streams of node:zlib cost. A body that says more than it may have, or becomes
 * more than it says, goes through the stream, which stops where it is too large.
 */
import { promisify } from 'node:util';
import { createGunzip, gunzip, gunzipSync } from 'node:zlib';
import { noRoom, Refusal, tooLarge } from './answer.ts';

/** Up to here another thread costs more than it saves. */
const AT_ONCE = 64 << 10;
/** The smallest that there is: head and trailer. */
const LEAST = 20;

const gunzipAsync = promisify<Buffer, { chunkSize: number; maxOutputLength: number }, Buffer>(gunzip);

/** `take` counts bytes; false: there is no room for them. Rejects with a Refusal. */
export async function gunzipped(
  pieces: readonly Buffer[],
  max: number,
  take: (bytes: number) => boolean,
): Promise<Buffer> {
  const packed = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  const says = packed.length < LEAST ? 0 : packed.readUInt32LE(packed.length - 4);
  if (says > 0 && says <= max) {
    if (!take(says)) throw noRoom();
    const options = { chunkSize: Math.max(1024, says + 1), maxOutputLength: Math.max(1024, says) };
    try {
      return says <= AT_ONCE ? gunzipSync(packed, options) : await gunzipAsync(packed, options);
    } catch (error) {
      // Several members, one behind the other, may be more than the last one says.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw malformed(error as Error);
    }
  }
  return streamed(packed, max, take);
}

function streamed(packed: Buffer, max: number, take: (bytes: number) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = createGunzip();
    const pieces: Buffer[] = [];
    let size = 0;
    const fail = (error: Error) => {
      stream.destroy();
      reject(error);
    };
    stream.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size > max) fail(tooLarge(max));
      else if (!take(piece.length)) fail(noRoom());
      else pieces.push(piece);
    });
    stream.on('end', () => resolve(Buffer.concat(pieces)));
    stream.on('error', (error) => reject(malformed(error)));
    stream.end(packed);
  });
}

function malformed({ message }: Error): Refusal {
  return new Refusal(400, 'malformed', `The body is not gzip: ${message}.`);
}
