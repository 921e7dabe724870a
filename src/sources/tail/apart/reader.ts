/**
 * One part, in the process that reads it: a tail source whose output, positions and account are the agent's. What it asks
 * of files may hang, and nothing but this process waits for it.
 */

import { Account } from '../../../core/account.ts';
import { Batch, type Stream } from '../../../core/batch.ts';
import type { LossReason } from '../../../core/losses.ts';
import type { Output } from '../../../core/pipeline.ts';
import { Pool } from '../../../core/pool.ts';
import { Kernel } from '../../../kernel/kernel.ts';
import { Masking } from '../../../lines/masking.ts';
import type { FileStream } from '../file/stream.ts';
import { FORMAT, readJournal } from '../positions/journal.ts';
import { type Journal, Positions } from '../positions/positions.ts';
import { type TailSource, tailSource } from '../tail.ts';
import type { End, Opening, ToAgent } from './messages.ts';
import { packed } from './tables.ts';

/** As few slots as a pool can have: two batches are under way. */
const POOL_BYTES = 1 << 20;
const STATUS_MS = 500;
const MOST_FILES = 1000;

type Tell = (message: ToAgent) => void;

export class Reader implements Output {
  readonly #part: number;
  readonly #tell: Tell;
  readonly #pool = new Pool(POOL_BYTES);
  readonly #account: Account;
  readonly #source: TailSource;
  readonly #masking: Masking | undefined;
  readonly #positions: Positions;
  readonly #roots: Set<string>;
  readonly #stop = new AbortController();
  /** By id: what is in flight. */
  readonly #streams = new Map<string, FileStream>();
  #taken: () => void = () => undefined;
  #said = '';

  constructor(opening: Opening, tell: Tell) {
    const { part, input, mask_key, mostLines, inputs, journal, roots, host, tags, partition_by, data_dir } = opening;
    this.#part = part;
    this.#tell = tell;
    this.#account = new ToldAccount(input.name, (reason, records, bytes) =>
      tell({ kind: 'lost', part, reason, records, bytes }),
    );
    // What it was given is its input's, whatever had it before.
    const mine = (name: string) => name === input.name;
    this.#positions = Positions.over(journalOf(part, tell), readJournal(journal).files, inputs, mine);
    this.#roots = new Set(roots);
    const kernel = new Kernel(this.#pool.memory, this.#pool.arenas);
    this.#masking = Masking.of(input.name, input.masks, kernel, mask_key && Buffer.from(mask_key));
    this.#source = tailSource({
      input,
      masking: this.#masking,
      mostLines,
      host,
      tags,
      partition_by,
      data_dir,
      positions: this.#positions,
      kernel,
      account: this.#account,
      roots: this.#roots,
      elsewhere: (path, mount) => tell({ kind: 'elsewhere', part, path, mount }),
    });
  }

  async run(): Promise<void> {
    const timer = setInterval(() => this.#say(), STATUS_MS);
    let error: string | null = null;
    try {
      await this.#source.run(this, this.#stop.signal, () => this.#say());
    } catch (failure) {
      error = this.#stop.signal.aborted ? null : (failure as Error).message;
    }
    clearInterval(timer);
    await this.#positions.close();
    this.#say();
    this.#tell({ kind: 'closed', part: this.#part, error });
  }

  /** Looks there, too, and nowhere else. */
  look(roots: string[]): void {
    this.#roots.clear();
    for (const root of roots) this.#roots.add(root);
    this.#source.again();
  }

  taken(): void {
    this.#taken();
  }

  settled(id: string, position: number): void {
    const stream = this.#streams.get(id);
    // What was filtered is the agent's to know.
    stream?.settled(position, 0);
    if (stream?.sentLast === undefined) this.#streams.delete(id);
  }

  close(): void {
    this.#stop.abort(new Error('the agent stops'));
  }

  async take(stream: Stream, signal?: AbortSignal): Promise<Batch> {
    const share = this.#pool.share(this.#account.input);
    return new Batch(await this.#pool.take(share, 'batch', signal), share, stream);
  }

  async push(batch: Batch): Promise<void> {
    const { from, count, time, also } = batch;
    const end = this.#endOf(batch.stream as FileStream);
    const other = also ? this.#endOf(also.stream as FileStream) : null;
    const taken = new Promise<void>((resolve) => {
      this.#taken = resolve;
    });
    this.#tell({ kind: 'batch', part: this.#part, ...end, from, count, time, also: other, ...packed(batch) });
    await taken;
    this.discard(batch);
  }

  discard({ share, slot }: Batch): void {
    this.#pool.give(share, 'batch', slot);
  }

  #endOf(stream: FileStream): End {
    const { id } = stream.generation;
    this.#streams.set(id, stream);
    return { id, ...stream.sentLast! };
  }

  /** Where nothing has changed nothing is said. */
  #say(): void {
    const { files_total, lines, unreadable, left_out, reread_bytes, deleted, lag } = this.#source;
    const { truncated, replaced, malformed } = this.#account;
    const counts = { files_total, truncated, replaced, malformed, unreadable, reread_bytes, deleted };
    const masked = this.#masking?.counts ?? {};
    const said = [
      ...Object.values(counts),
      ...Object.values(masked),
      ...Object.values(left_out),
      lines,
      lag.lag_bytes,
    ].join();
    if (said === this.#said) return;
    this.#said = said;
    const files = [...this.#source.listing(MOST_FILES)];
    this.#tell({ kind: 'status', part: this.#part, status: { ...counts, ...lag, masked, left_out, files } });
  }
}

class ToldAccount extends Account {
  readonly #told: (reason: LossReason, records: number, bytes: number) => void;

  constructor(input: string, told: (reason: LossReason, records: number, bytes: number) => void) {
    super(input);
    this.#told = told;
  }

  override drop(reason: LossReason, records: number, bytes = 0): void {
    super.drop(reason, records, bytes);
    this.#told(reason, records, bytes);
  }
}

/** What it is appended goes to the agent, in order with the batches: it writes it down before it sends those. */
function journalOf(part: number, tell: Tell): Journal {
  const append = async (bytes: Buffer) => tell({ kind: 'entries', part, bytes });
  const nothing = async () => undefined;
  return {
    path: 'the journal',
    size: 0,
    stale: false,
    format: FORMAT,
    lost: false,
    append,
    replace: append,
    sync: nothing,
    close: nothing,
  };
}
