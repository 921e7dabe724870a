/**
 * Which cluster the brokers are of, and its nodes.
 *
 * An address may come to lead to another cluster while the agent lives: the brokers' volumes were wiped, a name was moved.
 * So each connection says its cluster before it is used for anything else. Where that is another one than before, nothing
 * that is known holds any more: neither nodes nor leaders, nor producer ids (see sequence.ts).
 */
import { log } from '../../log.ts';
import type { Metadata } from '../wire/metadata.ts';
import type { Address } from './connections.ts';

/** Addresses that lead now here, now there are reported this often, milliseconds. */
const SAY_AGAIN = 60_000;
/** They are gone through, in any order, each time one is to be asked something. */
const MOST_NODES = 10_000;

export interface ClusterStatus {
  /** Null: not reached yet, or it does not tell its id. */
  id: string | null;
  /** How often it was another one than before. */
  changes: number;
  /** The one before, and since when (ISO 8601) it is another; null: there was none. */
  before: string | null;
  since: string | null;
}

export class Cluster {
  /** By node id. */
  readonly nodes = new Map<number, Address>();
  #id: string | null = null;
  #controller = -1;
  #changes = 0;
  #before: { id: string; until: Date } | null = null;
  /** The caller says it in its own words. */
  readonly #quiet: boolean;

  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  get id(): string | null {
    return this.#id;
  }

  get controller(): Address | undefined {
    return this.nodes.get(this.#controller);
  }

  get status(): ClusterStatus {
    const [before, since] = [this.#before?.id ?? null, this.#before?.until.toISOString() ?? null];
    return { id: this.#id, changes: this.#changes, before, since };
  }

  /** The broker at this address is of this cluster. True: it is another one than was known until now. */
  recognize(address: string, id: string | null): boolean {
    const before = this.#id;
    if (id === null || id === before) return false;
    this.#id = id;
    if (before === null) return false;
    this.nodes.clear();
    this.#changes++;
    this.#before = { id: before, until: new Date() };
    const what = `${address} is of another Kafka cluster now: ${id}, not ${before}`;
    const cost = 'going on with new producer ids; what was in flight may be in both';
    if (!this.#quiet) log.warnOnce(`cluster ${id}`, `${what}: ${cost}`, SAY_AGAIN);
    return true;
  }

  /** Where its nodes are is to be asked again. */
  forget(): void {
    this.nodes.clear();
    this.#controller = -1;
  }

  /** Throws where that is no cluster's answer. */
  learn({ brokers, controllerId }: Metadata): void {
    if (brokers.length > MOST_NODES) {
      throw new Error(`a cluster of ${brokers.length} brokers is impossible: more than ${MOST_NODES} are not believed`);
    }
    if (brokers.length > 0) this.nodes.clear();
    for (const { nodeId, host, port } of brokers) this.nodes.set(nodeId, { host, port });
    this.#controller = controllerId;
  }
}
