/**
 * What a bulk request's items were answered: `{"errors":true,"items":[{"create":{"status":400,"error":{...}}}, ...]}`.
 *
 * Of each item only what is branched on is asked for (`filter_path`), which makes 26 bytes of 191. The status must not be
 * left out: items of which nothing is left lose their places.
 *
 *   201                 written
 *   409                 it is there already
 *   403                 the index takes nothing now (a block, as when a disk is full): wait
 *   400 of the index    it cannot be made (no more shards allowed), or is closed: wait, it is not the document's fault
 *   404, 429            not now: again
 *   5xx                 no shard that takes it, or its node was lost in the midst of it: nothing is known
 *   any other           this document is refused, and will be
 */

const FIELDS = [
  'errors',
  'items.*.status',
  'items.*.error.type',
  'items.*.error.reason',
  'items.*.error.caused_by.reason',
];
const FILTER = FIELDS.join(',');
/** With where each item was written. */
const CAREFUL = [...FIELDS, 'items.*._index', 'items.*._id'].join(',');

/** As the answers begin where no item has failed; other fields may stand before. */
const NO_ERRORS = Buffer.from('"errors":false');
const HEAD_BYTES = 200;

export interface BulkItem {
  status: number;
  _index?: string;
  _id?: string;
  error?: { type?: string; reason?: string; caused_by?: { reason?: string } };
}

export type ItemOutcome = 'written' | 'present' | 'blocked' | 'again' | 'refused';

/** How long the server waits for a shard to be there: less than its answer is waited for. */
const SHARD_WAIT = '30s';

export function bulkTarget(stream: string, careful: boolean): string {
  return `/${encodeURIComponent(stream)}/_bulk?timeout=${SHARD_WAIT}&filter_path=${careful ? CAREFUL : FILTER}`;
}

/** `all`: each item was written. Null: it is no answer to so many items, so nothing is known. */
export function readAnswer(body: Buffer, count: number, careful: boolean): 'all' | BulkItem[] | null {
  if (!careful && body.subarray(0, HEAD_BYTES).indexOf(NO_ERRORS) >= 0) return 'all';
  let items: unknown;
  try {
    items = JSON.parse(body.toString()).items;
  } catch {
    return null; // cut, or a proxy's page
  }
  if (!Array.isArray(items) || items.length !== count) return null;
  const answers = items.map((item) => item?.create as BulkItem | undefined);
  return answers.every((answer) => Number.isInteger(answer?.status)) ? (answers as BulkItem[]) : null;
}

/** Of the index, though they come with a status of documents. */
const OF_INDEX = ['validation_exception', 'index_closed_exception'];

export function outcomeOf({ status, error }: BulkItem): ItemOutcome {
  if (status === 201 || status === 200) return 'written';
  if (status === 409) return 'present';
  if (status === 403 || (status === 400 && OF_INDEX.includes(error?.type ?? ''))) return 'blocked';
  if (status === 401 || status === 404 || status === 429 || status >= 500) return 'again';
  return 'refused';
}

/** One line of what the server says of a document. */
export function refusalReason({ error }: BulkItem): { type: string; reason: string } {
  const texts = [error?.reason, error?.caused_by?.reason].filter((text) => typeof text === 'string');
  const reason = texts.join(': ').replace(/\s+/g, ' ').slice(0, 500);
  const type = typeof error?.type === 'string' ? error.type : 'refused';
  return { type, reason: reason === '' ? type : `${type}: ${reason}` };
}

/** Whether it may have been carried out all the same: by a primary whose node was lost before it answered. */
export function isUnknown({ status }: BulkItem): boolean {
  return status >= 500;
}

/** Whether it was too much at once; a block that comes with the same status is not. */
export function isBusy({ status, error }: BulkItem): boolean {
  return status === 429 && error?.type !== 'cluster_block_exception';
}
