/**
 * Finding lines in the streams of a sink, by what both products have: a query, sorted, in pages that go on behind the last
 * line of the one before (`search_after`).
 *
 *   @timestamp, host.name, log.file.id, log.offset     the order; for lines of files it is a total one
 *
 * Lines that are equal in all four stand together, and a page may end among them: they are given with the next page, whole.
 */
import type { Json, Transport } from '../transport.ts';

export interface FoundRecord {
  id: string;
  /** The index that it is in. */
  index: string;
  // biome-ignore lint/suspicious/noExplicitAny: a document, of whoever wrote it
  source: any;
  sort: unknown[];
}

export interface Wanted {
  /** In the language of simple_query_string, on `message`; all words must be there. */
  query?: string | undefined;
  host?: string | undefined;
  dataset?: string | undefined;
  /** Milliseconds since the epoch. */
  since?: number | undefined;
  until?: number | undefined;
}

export interface Searching {
  transport: Transport;
  /** `ds-*`, with what is not meant by it left out. */
  target: string;
  signal: AbortSignal;
  /** Told where an answer is not whole. */
  warn: (message: string) => void;
}

const PAGE = 1000;
/** What one answer may hold, by the products' default. */
const MOST = 10_000;
const TIMEOUT_S = 10;
/** Beyond what the server gives itself. */
const ANSWER_MS = (TIMEOUT_S + 5) * 1000;

const order = (direction: 'asc' | 'desc') => [
  { '@timestamp': { order: direction, unmapped_type: 'date' } },
  { 'host.name': { order: direction, unmapped_type: 'keyword' } },
  { 'log.file.id': { order: direction, unmapped_type: 'keyword' } },
  // Without one: a number that JSON can carry back, unlike the products' own.
  { 'log.offset': { order: direction, unmapped_type: 'long', missing: -1 } },
];

function queryOf({ query, host, dataset, since, until }: Wanted): object {
  const range = { ...(since !== undefined && { gte: since }), ...(until !== undefined && { lt: until }) };
  const filter: object[] = [{ range: { '@timestamp': { ...range, format: 'epoch_millis' } } }];
  if (host !== undefined) filter.push({ term: { 'host.name': host } });
  if (dataset !== undefined) filter.push({ term: { 'event.dataset': dataset } });
  const must =
    query === undefined
      ? []
      : [{ simple_query_string: { query, fields: ['message'], default_operator: 'and', lenient: true } }];
  return { bool: { filter, must } };
}

/** Oldest first, all of them, a page at a time. */
export async function* oldestFirst(searching: Searching, wanted: Wanted): AsyncGenerator<FoundRecord[]> {
  const query = queryOf(wanted);
  let after: unknown[] | null = null;
  let size = PAGE;
  for (;;) {
    const body: object = { size, query, sort: order('asc'), ...(after && { search_after: after }) };
    const found = await search(searching, body);
    const last = found.length < size;
    const whole = last ? found.length : wholeGroups(found);
    if (whole === 0) {
      // All are equal: only more of them at once gets beyond.
      if (size < MOST) {
        size = MOST;
        continue;
      }
      searching.warn(`more than ${MOST} records have the same time, host and offset: those beyond are not shown`);
    }
    const page = whole === 0 ? found : found.slice(0, whole);
    if (page.length > 0) yield page;
    if (last) return;
    after = page.at(-1)!.sort;
    size = PAGE;
  }
}

/** How many are before the last that differs from the one behind it. */
function wholeGroups(found: readonly FoundRecord[]): number {
  const last = JSON.stringify(found.at(-1)!.sort);
  let end = found.length - 1;
  while (end > 0 && JSON.stringify(found[end - 1]!.sort) === last) end--;
  return end;
}

/** The last so many, oldest first. */
export async function newest(searching: Searching, wanted: Wanted, count: number): Promise<FoundRecord[]> {
  const found = await search(searching, { size: Math.min(count, MOST), query: queryOf(wanted), sort: order('desc') });
  return found.reverse();
}

/** How long what is written at last may be on its way beside what is seen already. */
const LATE_MS = 15_000;

/**
 * What comes, as it comes: each look begins some seconds before the newest that was seen, as streams are written side by
 * side, and leaves out what was given already. `onlyNew`: what is there already is not given.
 */
export async function* following(
  searching: Searching,
  wanted: Wanted,
  wait: () => Promise<boolean>,
  { onlyNew = false } = {},
): AsyncGenerator<FoundRecord[]> {
  // What is there at the first look is not new, and what is late was written before it, too.
  let quiet = onlyNew;
  let from = onlyNew ? Date.now() - LATE_MS : (wanted.since ?? Date.now());
  let newestSeen = from;
  /** By index and id: the time of what was given and may be found again. */
  const given = new Map<string, number>();
  for (;;) {
    const fresh: FoundRecord[] = [];
    const found = await search(searching, {
      size: MOST,
      query: queryOf({ ...wanted, since: from }),
      sort: order('asc'),
    });
    for (const one of found) {
      const key = `${one.index}/${one.id}`;
      if (given.has(key)) continue;
      const time = Number(one.sort[0]);
      given.set(key, time);
      newestSeen = Math.max(newestSeen, time);
      fresh.push(one);
    }
    if (fresh.length > 0 && !quiet) yield fresh;
    const full = found.length === MOST;
    if (full && fresh.length === 0) {
      searching.warn(
        `more than ${MOST} records in ${LATE_MS / 1000} s: some are not shown; narrow it by a query or --host`,
      );
    }
    // Where there is more than an answer holds, what is late is given up for what is new.
    from = Math.max(from, full ? newestSeen : newestSeen - LATE_MS);
    for (const [key, time] of given) if (time < from) given.delete(key);
    const more = full && fresh.length > 0;
    quiet &&= more;
    if (!more && !(await wait())) return;
  }
}

export interface Around {
  before: FoundRecord[];
  line: FoundRecord;
  behind: FoundRecord[];
}

/** The lines around one in its file, by host, file and offset; null: there is none with this id. Throws where it has no place. */
export async function around(searching: Searching, id: string, count: number): Promise<Around | null> {
  const [line] = await search(searching, { size: 1, query: { ids: { values: [id] } }, sort: order('asc') });
  if (!line) return null;
  const host = line.source.host?.name;
  const { file, offset } = line.source.log ?? {};
  if (file?.id === undefined || typeof offset !== 'number') {
    throw new Error(
      `the record ${id} is no line of a file: it has no log.file.id and log.offset, so nothing is around it`,
    );
  }
  const besides = (range: object, direction: 'asc' | 'desc') =>
    search(searching, {
      size: Math.min(count, MOST),
      query: {
        bool: {
          filter: [
            { term: { 'host.name': host } },
            { term: { 'log.file.id': file.id } },
            { range: { 'log.offset': range } },
          ],
        },
      },
      sort: [{ 'log.offset': { order: direction, unmapped_type: 'long', missing: -1 } }],
    });
  const before = await besides({ lt: offset }, 'desc');
  return { before: before.reverse(), line, behind: await besides({ gt: offset }, 'asc') };
}

async function search({ transport, target, signal, warn }: Searching, body: object): Promise<FoundRecord[]> {
  const path = `/${target}/_search?ignore_unavailable=true`;
  const limited = { timeout: `${TIMEOUT_S}s`, track_total_hits: false, ...body };
  const what = 'cannot search';
  const { body: answer } = await transport.json('POST', path, limited, { signal, timeout: ANSWER_MS, what });
  const { timed_out, _shards, hits } = answer as Json;
  if (timed_out) warn(`not all was searched in ${TIMEOUT_S} s: narrow it by --since, --host or a query`);
  if (_shards.failed > 0) {
    const why = _shards.failures?.[0]?.reason;
    warn(
      `${_shards.failed} of ${_shards.total} shards did not answer: ${why?.reason ?? why?.type ?? 'no reason is given'}`,
    );
  }
  if (_shards.total === 0) throw new NoStreams();
  return (hits.hits as Json[]).map(({ _id, _index, _source, sort }) => ({
    id: _id,
    index: _index,
    source: _source,
    sort,
  }));
}

export class NoStreams extends Error {}
