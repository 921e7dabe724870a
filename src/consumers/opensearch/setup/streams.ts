/** Data streams: whether they are there, and what they are made of. */
import type { Json, Transport } from '../transport.ts';

export interface DataStream {
  name: string;
  generation: number;
  /** Its indices, oldest first; the last one is written to. */
  indices: readonly string[];
}

/** So many names are in one request: its line must not become too long. */
const TOGETHER = 30;

/** A name of a stream is an ordinary index. What is written there has no backing indices, and is not rolled over. */
export class OrdinaryIndex extends Error {
  constructor(name: string) {
    super(
      `${name} is an ordinary index and no data stream: something wrote to it before there was a template. Reindex what it holds, delete it, and start again`,
    );
    this.name = 'OrdinaryIndex';
  }
}

/** By name; those that are not there are left out. Rejects with OrdinaryIndex where an ordinary index has such a name. */
export async function lookAtStreams(
  transport: Transport,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, DataStream>> {
  const found = new Map<string, DataStream>();
  const what = 'cannot look at the streams';
  for (const some of chunks(names)) {
    // One that is not there would be an answer of 404 for all.
    const missing: string[] = [];
    const asked = await transport.json('GET', `/_data_stream/${some.join(',')}`, undefined, {
      allow: [404],
      signal,
      what,
    });
    const all =
      asked.status === 404
        ? await Promise.all(
            some.map((name) =>
              transport.json('GET', `/_data_stream/${name}`, undefined, { allow: [404], signal, what }),
            ),
          )
        : [asked];
    for (const { status, body } of all) if (status !== 404) for (const one of streamsIn(body)) found.set(one.name, one);
    for (const name of some) if (!found.has(name)) missing.push(name);
    await refuseIndices(transport, missing, signal);
  }
  return found;
}

function streamsIn(body: Json): DataStream[] {
  return (body.data_streams as Json[]).map(({ name, generation, indices }) => ({
    name,
    generation,
    indices: (indices as Json[]).map(({ index_name }) => index_name as string),
  }));
}

/** What was written to before there was a template became an ordinary index, silently. */
async function refuseIndices(transport: Transport, names: readonly string[], signal?: AbortSignal): Promise<void> {
  for (const name of names) {
    const what = `cannot look at ${name}`;
    const { status } = await transport.json('HEAD', `/${name}`, undefined, { allow: [404], signal, what });
    if (status === 404) continue;
    throw new OrdinaryIndex(name);
  }
}

/** Makes one; false: it was there. */
export async function makeStream(transport: Transport, name: string, signal?: AbortSignal): Promise<boolean> {
  const what = `cannot make the stream ${name}`;
  const { status, body } = await transport.json('PUT', `/_data_stream/${name}`, undefined, {
    allow: [400],
    signal,
    what,
  });
  if (status < 400) return true;
  const { type, reason } = body.error;
  if (type === 'resource_already_exists_exception') return false;
  throw new Error(`${what}: ${type}: ${reason}`);
}

export function chunks<T>(items: readonly T[], size = TOGETHER): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
