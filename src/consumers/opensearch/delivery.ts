/**
 * Sends one bulk until each of its items is settled: written, there already, or a dead letter that Kafka has.
 *
 *   lost partitions out -> may we write? -> (suspect: which are there?) -> send -> answer -> what is left, again
 *
 *   answer                                     what is known        then
 *   200, item 201 or 409                       settled
 *   item 400 and the like                      refused for good     dead letter
 *   item 403, 400 of the index                 not written          wait: a read-only index, as when a disk is full
 *   item 404, 429                              not written          again after a pause; 429: fewer at a time
 *   401, 403 of the request, no connection     nothing was written  wait, and say why
 *   413                                        nothing was written  half of it; one alone: dead letter
 *   item 5xx                                   nothing              as the next
 *   429, 5xx of the request, cut, timeout      nothing              look which are there, then the others again
 *   any other                                  a fault of ours      ends the process
 *
 * Invariant: nothing is sent whose earlier sending may have been carried out, without a look before and one after. The
 * look after finds what was written meanwhile: by a request that was late, or before a rollover between look and write.
 */
import { Backoff, pause } from '../../core/abort.ts';
import { log } from '../../log.ts';
import type { ConsumerAccount } from '../account.ts';
import { type BulkItem, type ItemOutcome, isBusy, isUnknown, outcomeOf, refusalReason } from './answer.ts';
import type { Bulk, Settlement } from './bulk.ts';
import type { BulkRequests } from './bulk-request.ts';
import type { DeadLetterTopic } from './dead-letter-topic.ts';
import type { LateCopies } from './late-copies.ts';
import type { Lookup } from './lookup.ts';
import { OrdinaryIndex } from './setup/streams.ts';

/** As both products name the indices of a stream. */
const BACKING = '.ds-';
/** How often it is looked whether a heartbeat was answered, or the partitions are lost. */
const OWNER_LOOK_MS = 50;
const TOO_LARGE = 'request_too_large: larger than http.max_content_length of the server';
const SETTLED: Record<ItemOutcome, Settlement | null> = {
  written: 'written',
  present: 'present',
  refused: 'refused',
  blocked: null,
  again: null,
};

export interface DeliveryOptions {
  requests: BulkRequests;
  lookup: Lookup;
  deadLetters: DeadLetterTopic;
  late: LateCopies;
  account: ConsumerAccount;
  /** Where it is not known in which stream a record is: `ds-*`. */
  allStreams: string;
  /** Whether this process is sure to own its partitions. */
  mayWrite(): boolean;
  /** Positions have moved. */
  settled(): void;
  /** Aborts when nothing is waited for any more: what is not settled then is another process's to write. */
  signal: AbortSignal;
}

interface Refused {
  item: number;
  status: number;
  type: string;
  reason: string;
}

export class BulkDelivery {
  readonly #o: DeliveryOptions;
  readonly counts = { retried: 0, looked_up: 0, removed: 0 };
  /** By stream: why it does not get on. */
  readonly #problems = new Map<string, string>();

  constructor(options: DeliveryOptions) {
    this.#o = options;
  }

  get problems(): string[] {
    return [...new Set(this.#problems.values())];
  }

  /** Resolves when all of it is settled or lost, or the signal aborts. Rejects with what cannot go on for good. */
  async deliver(stream: string, bulk: Bulk, busy: () => void): Promise<void> {
    try {
      await this.#deliver(stream, bulk, busy);
    } catch (error) {
      if (!this.#o.signal.aborted) throw error;
      return;
    }
    this.#problems.delete(stream);
    for (const span of bulk.spans) span.owner.settle(span);
    this.#o.settled();
  }

  async #deliver(stream: string, bulk: Bulk, busy: () => void): Promise<void> {
    const { signal, requests } = this.#o;
    const backoff = new Backoff();
    let unknown = false;
    /** Of what was sent and not answered. */
    let sentBefore: readonly string[] = [];
    const outcomeUnknown = () => {
      if (!unknown) sentBefore = bulk.ids();
      unknown = true;
    };
    /** So many items may be in a request. */
    let most = Number.POSITIVE_INFINITY;
    for (;;) {
      signal.throwIfAborted();
      bulk.dropLost();
      if (bulk.count === 0) {
        this.#o.late.keep(stream, sentBefore);
        return;
      }
      if (!this.#o.mayWrite()) {
        await pause(OWNER_LOOK_MS, signal);
        continue;
      }
      const careful = unknown || bulk.suspect;
      if (careful) {
        const looked = await this.#takeOut(stream, bulk, backoff);
        // It may have taken longer than a heartbeat is good for.
        if (!looked || bulk.count === 0 || !this.#o.mayWrite()) continue;
      }
      const count = Math.min(most, bulk.count);
      const sent = await requests.send(stream, bulk.body(count), count, careful, signal);
      if (sent.kind === 'too large') {
        // What is alone too large goes out of the way of the others.
        most = count === 1 ? Number.POSITIVE_INFINITY : count >>> 1;
        if (count === 1) await this.#refuse(bulk, [{ item: 0, status: 413, type: 'too_large', reason: TOO_LARGE }]);
        continue;
      }
      if (sent.kind === 'answered') {
        const left = await this.#settle(stream, bulk, sent.items, { careful, count, busy });
        if (bulk.count === 0 || left === 'none') continue;
        if (left === 'unknown') outcomeUnknown();
      } else {
        if (sent.kind === 'unknown') outcomeUnknown();
        this.#say(stream, sent.why);
        if (sent.busy) busy();
      }
      this.counts.retried += bulk.count;
      await backoff.wait(signal);
    }
  }

  /** Takes those out that are in the stream already. False: that could not be told now. */
  async #takeOut(stream: string, bulk: Bulk, backoff: Backoff): Promise<boolean> {
    const { lookup, signal } = this.#o;
    try {
      const found = await lookup.find(this.#where(stream, bulk), bulk.ids(), signal);
      this.counts.looked_up += bulk.count;
      if (found.size === 0) return true;
      // They may have been written twice before.
      this.counts.removed += (await lookup.removeNewer(found, signal)).length;
      this.#count(bulk.settle((item) => (found.has(bulk.id(item)) ? 'present' : null)));
      return true;
    } catch (error) {
      await this.#cannotLook(stream, error as Error, backoff);
      return false;
    }
  }

  async #cannotLook(stream: string, error: Error, backoff: Backoff): Promise<void> {
    this.#o.signal.throwIfAborted();
    this.#say(stream, `cannot look up what was written: ${error.message}`);
    await backoff.wait(this.#o.signal);
  }

  #where(stream: string, bulk: Bulk): string {
    return bulk.anywhere ? this.#o.allStreams : stream;
  }

  /** Counts what is settled, and takes it out. What is left of it needs a pause. */
  async #settle(
    stream: string,
    bulk: Bulk,
    items: 'all' | BulkItem[],
    { careful, count, busy }: { careful: boolean; count: number; busy: () => void },
  ): Promise<'none' | 'not written' | 'unknown'> {
    if (items === 'all') {
      this.#count(bulk.settle((item) => (item < count ? 'written' : null)));
      return 'none';
    }
    const outcomes = items.map(outcomeOf);
    const elsewhere = items.find(({ _index }) => _index !== undefined && !_index.startsWith(BACKING));
    if (elsewhere) throw new OrdinaryIndex(elsewhere._index!);
    if (careful) await this.#lookAgain(stream, bulk, outcomes);
    const refused = outcomes.flatMap((outcome, item) => {
      if (outcome !== 'refused') return [];
      return [{ item, status: items[item]!.status, ...refusalReason(items[item]!) }];
    });
    const left = items.find((_, item) => SETTLED[outcomes[item]!] === null);
    if (left) {
      this.#say(stream, `${stream}: ${left.status} ${refusalReason(left).reason}`);
      if (items.some(isBusy)) busy();
    }
    if (refused.length > 0) await this.#keepRefused(bulk, refused);
    this.#count(bulk.settle((item) => (item < count ? SETTLED[outcomes[item]!] : null)));
    if (!left) return 'none';
    return items.some(isUnknown) ? 'unknown' : 'not written';
  }

  /** What was created now and is in an older index, too, was there already. */
  async #lookAgain(stream: string, bulk: Bulk, outcomes: ItemOutcome[]): Promise<void> {
    const { lookup, signal } = this.#o;
    const created = outcomes.flatMap((outcome, item) => (outcome === 'written' ? [bulk.id(item)] : []));
    if (created.length === 0) return;
    const backoff = new Backoff();
    for (;;) {
      try {
        const found = await lookup.find(this.#where(stream, bulk), created, signal);
        const removed = new Set(await lookup.removeNewer(found, signal));
        this.counts.removed += removed.size;
        if (removed.size === 0) return;
        for (const [item] of outcomes.entries()) if (removed.has(bulk.id(item))) outcomes[item] = 'present';
        return;
      } catch (error) {
        await this.#cannotLook(stream, error as Error, backoff);
      }
    }
  }

  async #refuse(bulk: Bulk, refused: Refused[]): Promise<void> {
    await this.#keepRefused(bulk, refused);
    const items = new Set(refused.map(({ item }) => item));
    this.#count(bulk.settle((item) => (items.has(item) ? 'refused' : null)));
  }

  /** Resolves when Kafka has them. */
  async #keepRefused(bulk: Bulk, refused: readonly Refused[]): Promise<void> {
    const letters = refused.map(({ item, status, reason }) => {
      const { partition } = bulk.owner(item);
      return { partition, offset: bulk.offset(item), value: bulk.value(item), status: String(status), reason };
    });
    await this.#o.deadLetters.put(letters, this.#o.signal);
    for (const { item, type } of refused) if (!bulk.owner(item).lost) this.#o.account.deadLetter(type, 1);
  }

  #count({ written, present }: Record<Settlement, number>): void {
    this.#o.account.written += written;
    this.#o.account.present += present;
  }

  #say(stream: string, why: string): void {
    const key = why.replace(/\d+/g, '0');
    log.warnOnce(`opensearch ${stream} ${key}`, `${why}; it is tried again`);
    this.#problems.set(stream, why);
  }
}
