/**
 * One input whose lines go to several topics, from its files to what is acknowledged: tail, pipeline, lanes and journal as
 * in the agent, and topics that acknowledge when they are told to.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { aborted } from '../../src/core/abort.ts';
import { Account } from '../../src/core/account.ts';
import type { Block, Outlet, Settled } from '../../src/core/block.ts';
import { Lane } from '../../src/core/lane.ts';
import { Ledgers } from '../../src/core/ledger.ts';
import { Pipeline } from '../../src/core/pipeline.ts';
import { Pool } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { compress } from '../../src/records/codecs.ts';
import { records } from '../../src/records/record-batch.ts';
import { routingOf } from '../../src/sources/tail/file/topics.ts';
import { Positions } from '../../src/sources/tail/positions/positions.ts';
import { type TailSource, tailSource } from '../../src/sources/tail/tail.ts';
import { type Processing, processingOf } from '../../src/transforms/process.ts';
import type { TailInput } from './tail-input.ts';

export interface Sent {
  topic: string;
  /** Of the file: path, and id. */
  path: string;
  id: string;
  offset: number;
  length: number;
  skipped: number;
  value: string;
}

/** A topic with one partition. */
class Topic implements Outlet {
  readonly name: string;
  readonly sent: Sent[] = [];
  /** True: it acknowledges nothing. */
  stuck = false;
  readonly #waiting: Settled[] = [];

  constructor(name: string) {
    this.name = name;
  }

  async put(block: Block, settled: Settled): Promise<void> {
    for (const { headers, value } of records(Buffer.from(block.body))) {
      this.sent.push(headers.length > 0 ? this.#raw(headers, `${value}`) : this.#json(`${value}`));
    }
    this.#waiting.push(settled);
  }

  #raw(headers: [string, Buffer][], value: string): Sent {
    const said = Object.fromEntries(headers.map(([name, text]) => [name, text.toString()]));
    const { path, file: id, offset, length, skipped = 0 } = said as Record<string, string>;
    const numbers = { offset: Number(offset), length: Number(length), skipped: Number(skipped) };
    return { topic: this.name, path: path!, id: id!, ...numbers, value };
  }

  /** Of fields the line is put together again. */
  #json(text: string): Sent {
    const { log, message, number, kind, pad } = JSON.parse(text);
    const { file, offset, length, skipped = 0 } = log;
    return { topic: this.name, ...file, offset, length, skipped, value: message ?? `${number} ${kind} ${pad}` };
  }

  acknowledge(count: number): void {
    if (!this.stuck) for (const settled of this.#waiting.splice(0, count)) settled();
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async drained(): Promise<void> {}
}

export interface LifeOptions {
  input: TailInput;
  data: string;
  /** Topics whose lanes are not known: they are not there. */
  missing?: ReadonlySet<string>;
  blockBytes?: number;
}

/** From a start to a stop, or a kill. */
export class Life {
  readonly topics = new Map<string, Topic>();
  readonly account = new Account('logs.test');
  readonly processing: Processing;
  readonly source: TailSource;
  readonly #ledgers = new Ledgers();
  readonly #lanes = new Map<string, Lane>();
  readonly #pool = new Pool(48 << 20);
  readonly #kernel = new Kernel(this.#pool.memory, this.#pool.arenas);
  readonly #pipeline: Pipeline;
  readonly #positions: Positions;
  readonly #stop = new AbortController();
  readonly #o: LifeOptions;
  #running: Promise<void> = Promise.resolve();
  failure: Error | null = null;

  private constructor(options: LifeOptions, positions: Positions) {
    this.#o = options;
    this.#positions = positions;
    const { input, data } = options;
    const kernel = this.#kernel;
    this.processing = processingOf(input.process, kernel, input.topic)!;
    const { signal } = this.#stop;
    this.#pipeline = new Pipeline({
      pool: this.#pool,
      ledgers: this.#ledgers,
      laneOf: ({ topic }) =>
        options.missing?.has(topic) ? aborted(signal).then(() => this.#lane(topic)) : this.#lane(topic),
      observers: [],
    });
    this.source = tailSource({
      ...{ input, host: 'web-1', tags: {}, partition_by: 'host', positions, data_dir: data, kernel },
      ...{
        account: this.account,
        processing: this.processing,
        mostLines: this.processing.fields?.most,
        routing: routingOf(input, this.processing),
        round: 2,
      },
    });
  }

  static async begin(options: LifeOptions): Promise<Life> {
    const { input, data } = options;
    mkdirSync(data, { recursive: true });
    const life = new Life(options, await Positions.open(data, [input.name]));
    life.#running = life.source.run(life.#pipeline, life.#stop.signal).catch((error: Error) => {
      if (!life.#stop.signal.aborted) life.failure = error;
    });
    return life;
  }

  topic(name: string): Topic {
    let topic = this.topics.get(name);
    if (!topic) {
      topic = new Topic(name);
      this.topics.set(name, topic);
    }
    return topic;
  }

  #lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (!lane) {
      const share = this.#pool.share(name);
      lane = new Lane({
        ...{
          topic: name,
          share,
          pool: this.#pool,
          kernel: this.#kernel,
          ledgers: this.#ledgers,
          outlet: this.topic(name),
        },
        ...{ compress, codec: 'none', level: 1, linger: 2, blockBytes: this.#o.blockBytes ?? 4000 },
        ...{ singleKey: false, final: true, mayStall: true, stallAfter: 40 },
      });
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  get sent(): Sent[] {
    return [...this.topics.values()].flatMap(({ sent }) => sent);
  }

  get committed(): ReadonlyMap<string, number> {
    return new Map([...this.source.listing(1000)].map(({ path, committed }) => [path, committed]));
  }

  /** What the books say is received and neither forwarded nor filtered; and what is on its way. */
  get unaccounted(): { missing: number; onItsWay: number } {
    const { received, forwarded, filtered } = this.account;
    let onItsWay = 0;
    for (const { weight } of this.#pipeline.pending()) onItsWay += weight;
    for (const lane of this.#lanes.values()) for (const { weight } of lane.pending()) onItsWay += weight;
    return { missing: received - forwarded - filtered, onItsWay };
  }

  /** Nothing more is read, and all that was is acknowledged and stored. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'));
    await this.#running;
    const lanes = [...this.#lanes.values()].map((lane) => lane.passed());
    while (await Promise.race([Promise.all(lanes).then(() => false), new Promise((go) => setTimeout(go, 2, true))])) {
      for (const topic of this.topics.values()) {
        topic.stuck = false;
        topic.acknowledge(1000);
      }
    }
    const { missing, onItsWay } = this.unaccounted;
    assert.equal(missing, onItsWay, 'the books balance');
    await this.#positions.close();
  }

  /** As by kill -9: what is on disk at this moment goes on in `data`. */
  async kill(data: string): Promise<void> {
    mkdirSync(data, { recursive: true });
    copyFileSync(join(this.#o.data, 'positions'), join(data, 'positions'));
    const { missing, onItsWay } = this.unaccounted;
    assert.equal(missing, onItsWay, 'the books balance');
    this.#stop.abort(new Error('killed'));
    for (const topic of this.topics.values()) topic.stuck = true;
    await this.#running;
    await this.#positions.close();
  }
}
