/** The tail source in a process of its own, so that it can be killed: `node agent.ts LOG`; see protocol.ts. */

import { once } from 'node:events';
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Account } from '../../src/core/account.ts';
import type { Batch } from '../../src/core/batch.ts';
import type { LossReason } from '../../src/core/losses.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import type { FileStream } from '../../src/sources/tail/file/stream.ts';
import { Positions } from '../../src/sources/tail/positions/positions.ts';
import { type TailSource, tailSource } from '../../src/sources/tail/tail.ts';
import { recordsOf, TestOutput } from '../support/output.ts';
import { tailInput } from '../support/tail-input.ts';
import { type Answer, MAX_LINE, type Request } from './protocol.ts';

/** Batches that may be on their way while what is sent to is away. */
const WINDOW = 4;

const fd = openSync(process.argv[2]!, 'a');
const say = (text: string) => writeSync(fd, text, null, 'latin1');

class CountedAccount extends Account {
  override drop(reason: LossReason, records: number, bytes = 0): void {
    super.drop(reason, records, bytes);
    say(`L ${reason} ${bytes}\n`);
  }
}

class Agent extends TestOutput {
  readonly #settleMs: number;
  readonly #abort = new AbortController();
  readonly #positions: Positions;
  readonly #source: TailSource;
  readonly #running: Promise<void>;
  readonly #told = new Set<string>();
  /** What has arrived and is not settled: `[stream, position, when]`. */
  readonly #unsettled: [FileStream, number, number][] = [];
  #settling: Promise<void> | null = null;
  /** What cannot arrive. */
  #held: (() => void)[] = [];
  #changed = Promise.withResolvers<void>();
  #pushes = 0;
  #away: boolean;

  constructor(positions: Positions, request: Request & { do: 'start' }, away: boolean) {
    super((batch) => this.#tell(batch));
    const { include, settle_ms, rotate_wait, data } = request;
    this.#positions = positions;
    this.#settleMs = settle_ms;
    this.#away = away;
    this.#source = tailSource({
      input: tailInput({ include: [include], max_line: MAX_LINE, rotate_wait, forget_after: null }),
      host: 'web-1',
      tags: {},
      partition_by: 'host',
      positions,
      data_dir: data,
      kernel: new Kernel(this.pool.memory),
      account: new CountedAccount('logs.test'),
    });
    say('B\n');
    this.#running = this.#source.run(this, this.#abort.signal);
  }

  files(): Answer {
    return [...this.#source.listing(Number.POSITIVE_INFINITY)].map(({ id, size }) => ({ id, size }));
  }

  set away(away: boolean) {
    this.#away = away;
    if (away) return;
    for (const arrive of this.#held) arrive();
    this.#held = [];
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#wake();
    await this.#running;
    // While what is sent to is away, what is on its way is given up: it was not settled, so it is read again.
    await this.#settling;
    await this.#positions.close();
    say('E\n');
  }

  override async take(stream: FileStream, signal: AbortSignal): Promise<Batch> {
    while (this.#held.length >= WINDOW && !signal.aborted) {
      await Promise.race([this.#changed.promise, once(signal, 'abort')]);
    }
    signal.throwIfAborted();
    return super.take(stream, signal);
  }

  #tell(batch: Batch): void {
    const { slot, end, from, count } = batch;
    const stream = batch.stream as FileStream;
    const { id } = stream.generation;
    let text = '';
    if (!this.#told.has(id)) text += `I ${id} ${stream.generation.path}\n`;
    this.#told.add(id);
    for (const record of recordsOf(batch, 'latin1')) {
      text += `R ${id} ${record.offset} ${record.length} ${record.text}\n`;
    }
    const middle = from + slot.source[count >> 1]!;
    const arrive = () => {
      say(text);
      const due = performance.now() + this.#settleMs;
      // Blocks do not end where batches do.
      if (this.#pushes++ % 2 === 0 && middle > from) this.#unsettled.push([stream, middle, due]);
      this.#unsettled.push([stream, end, due]);
      this.#settling ??= this.#settle();
    };
    if (this.#away) this.#held.push(arrive);
    else arrive();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #settle(): Promise<void> {
    for (let next = this.#unsettled.shift(); next; next = this.#unsettled.shift()) {
      const [stream, position, due] = next;
      const wait = due - performance.now();
      if (wait > 0) await sleep(wait);
      stream.settled(position, 0);
      await this.#positions.written();
      say(`S ${stream.generation.id} ${position}\n`);
    }
    this.#settling = null;
  }
}

let agent: Agent | null = null;
let away = false;

process.on('message', async (request: Request) => {
  if (request.do === 'start') {
    agent = new Agent(await Positions.open(request.data, ['test']), request, away);
    process.send!([]);
  } else if (request.do === 'stop') {
    await agent!.stop();
    agent = null;
    process.send!([]);
  } else if (request.do === 'files') process.send!(agent!.files());
  else {
    away = request.do === 'outage';
    if (agent) agent.away = away;
  }
});
// Its end is the end of the one that started it, too.
process.on('disconnect', () => process.exit());
