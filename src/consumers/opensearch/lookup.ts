/**
 * Looks for documents by their ids in all backing indices of streams. An id is unique in one backing index only: after a
 * rollover the same one is created again. So what may have been sent before is looked for before it is sent, and what was
 * created then is looked for once more: an id that is in two backing indices by now loses the newer one.
 *
 * Searches see what was refreshed; so each look begins with a refresh. An answer that some shard is missing from is none.
 * A refresh waits a minute for a primary that is nowhere (red); so a search is asked first, which says that at once.
 */
import type { Transport } from './transport.ts';

/** Ids in one query. */
const AT_ONCE = 5000;
/** The most that a search gives (index.max_result_window): an id may be in several indices. */
const MOST_HITS = 10_000;
const LOOK_TIMEOUT_MS = 60_000;
const DELETE_TIMEOUT_MS = 60_000;

/** Ids, each with the backing indices that it is in. */
export type FoundIds = Map<string, string[]>;

export interface Lookup {
  /** Which of the ids are in the stream, or in those that a pattern names. Rejects where that cannot be told now. */
  find(stream: string, ids: readonly string[], signal: AbortSignal): Promise<FoundIds>;
  /** Deletes all but the oldest copy of each id. Gives the ids of which some were deleted. */
  removeNewer(found: FoundIds, signal: AbortSignal): Promise<string[]>;
}

export function lookupBy(transport: Transport, product: 'opensearch' | 'elasticsearch'): Lookup {
  // Copies may lag behind where they fetch segments (OpenSearch); Elasticsearch knows no such preference any more.
  const preference = product === 'opensearch' ? '&preference=_primary' : '';
  const options = (signal: AbortSignal) => ({ signal, timeout: LOOK_TIMEOUT_MS });

  async function find(stream: string, ids: readonly string[], signal: AbortSignal): Promise<FoundIds> {
    const found: FoundIds = new Map();
    const path = `/${stream}`;
    const target = `${path}/_search?allow_partial_search_results=false${preference}`;
    const none = { size: 0, query: { match_none: {} } };
    const what = `${stream}: not all of it can be searched`;
    await transport.json('POST', `${target}&filter_path=_shards.total`, none, { ...options(signal), what });
    const refreshed = await transport.json('POST', `${path}/_refresh`, undefined, options(signal));
    whole(stream, 'refresh', refreshed.body);
    const filter = 'filter_path=timed_out,_shards.total,_shards.failed,hits.hits._id,hits.hits._index';
    for (let i = 0; i < ids.length; i += AT_ONCE) {
      const values = ids.slice(i, i + AT_ONCE);
      const body = { size: MOST_HITS, _source: false, query: { ids: { values } } };
      const answer = await transport.json('POST', `${target}&${filter}`, body, options(signal));
      whole(stream, 'search', answer.body);
      for (const { _id, _index } of answer.body.hits?.hits ?? []) {
        const indices = found.get(_id);
        if (indices) indices.push(_index);
        else found.set(_id, [_index]);
      }
    }
    return found;
  }

  async function removeNewer(found: FoundIds, signal: AbortSignal): Promise<string[]> {
    const removed: string[] = [];
    let body = '';
    for (const [id, indices] of found) {
      if (indices.length < 2) continue;
      removed.push(id);
      for (const _index of indices.toSorted(byGeneration).slice(1)) {
        body += `${JSON.stringify({ delete: { _index, _id: id } })}\n`;
      }
    }
    if (body === '') return removed;
    const answer = await transport.send({
      method: 'POST',
      path: '/_bulk?filter_path=errors,items.*.status',
      body,
      type: 'application/x-ndjson',
      timeout: DELETE_TIMEOUT_MS,
      signal,
    });
    if (answer.status !== 200) throw new Error(`newer copies cannot be deleted: the server answers ${answer.status}`);
    const { items = [] } = JSON.parse(answer.body.toString()) as { items?: { delete: { status: number } }[] };
    const failed = items.find(({ delete: { status } }) => status !== 200 && status !== 404);
    if (failed) throw new Error(`newer copies cannot be deleted: the server answers ${failed.delete.status}`);
    return removed;
  }

  return { find, removeNewer };
}

/** Backing indices are named `.ds-<stream>-000001` (OpenSearch), `.ds-<stream>-2026.11.30-000001` (Elasticsearch). */
function byGeneration(a: string, b: string): number {
  return generationOf(a) - generationOf(b);
}

function generationOf(index: string): number {
  return Number(/\d+$/.exec(index)?.[0] ?? 0);
}

function whole(
  stream: string,
  what: string,
  body: { timed_out?: boolean; _shards?: { total?: number; failed?: number } },
): void {
  const { total = 0, failed = 0 } = body._shards ?? {};
  if (total > 0 && failed === 0 && !body.timed_out) return;
  throw new Error(`${stream}: a ${what} did not reach all shards: look at GET /_cluster/health`);
}
