/** Which records the streams hold, index by index: read from their ids alone, page by page. */
import { parseDocumentId } from './document-id.ts';
import { OffsetRuns } from './offset-runs.ts';
import type { DataStream } from './setup/streams.ts';
import type { Json, Transport } from './transport.ts';

const PAGE = 10_000;
const FILTER = 'filter_path=_scroll_id,_shards.failed,timed_out,hits.hits._id';
const KEEP = '5m';

/** Topic number and partition, as an id begins. */
export function holderOf(number: string, partition: number): string {
  return `${number}/${partition}`;
}

/** Offsets of one index by `holderOf`. */
export type StoredOffsets = Map<string, OffsetRuns>;

export interface StoredIndex {
  index: string;
  offsets: StoredOffsets;
  /** Documents whose ids are none of a sink's. */
  foreign: number;
}

/** Of each index of the stream, oldest first. Rejects where not all of it can be read. */
export async function* storedIn(
  transport: Transport,
  stream: DataStream,
  signal: AbortSignal,
): AsyncGenerator<StoredIndex> {
  await transport.json('POST', `/${stream.name}/_refresh`, undefined, { signal });
  for (const index of stream.indices) {
    const offsets: StoredOffsets = new Map();
    let foreign = 0;
    for await (const ids of pages(transport, index, signal)) {
      for (const id of ids) {
        const said = parseDocumentId(id);
        if (!said) {
          foreign++;
          continue;
        }
        const holder = holderOf(said.number, said.partition);
        let runs = offsets.get(holder);
        if (!runs) {
          runs = new OffsetRuns();
          offsets.set(holder, runs);
        }
        runs.add(said.offset);
      }
    }
    yield { index, offsets, foreign };
  }
}

async function* pages(transport: Transport, index: string, signal: AbortSignal): AsyncGenerator<string[]> {
  const first = { size: PAGE, _source: false, sort: ['_doc'] };
  const begin = `/${index}/_search?scroll=${KEEP}&allow_partial_search_results=false&${FILTER}`;
  const what = `cannot read the ids in ${index}`;
  let { body } = await transport.json('POST', begin, first, { signal, what });
  try {
    for (;;) {
      if (body.timed_out || body._shards?.failed > 0) throw new Error(`${what}: not all shards answer`);
      const hits: Json[] = body.hits?.hits ?? [];
      if (hits.length === 0) return;
      yield hits.map(({ _id }) => _id as string);
      const next = { scroll: KEEP, scroll_id: body._scroll_id };
      body = (await transport.json('POST', `/_search/scroll?${FILTER}`, next, { signal, what })).body;
    }
  } finally {
    const done = { scroll_id: body._scroll_id };
    // It ends by itself when it is not asked for any more.
    await transport.json('DELETE', '/_search/scroll', done, { signal }).catch(() => undefined);
  }
}
