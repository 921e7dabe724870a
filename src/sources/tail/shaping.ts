/** What the lines of one `logs` entry pass, wherever they are read: masks and steps, and the metrics that are made of them. */
import type { Account } from '../../core/account.ts';
import type { Output, Step } from '../../core/pipeline.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { Masking } from '../../lines/masking.ts';
import { type Processing, processingOf } from '../../transforms/process.ts';
import { Containers } from './containers/containers.ts';
import type { TailContext } from './context.ts';
import { routingOf } from './file/topics.ts';
import { LineMetrics, type LineMetricsOptions } from './metrics.ts';
import type { LogConfig } from './options.ts';
import type { Positions } from './positions/positions.ts';

export interface ShapingOptions {
  input: LogConfig;
  host: string;
  tags: Record<string, string>;
  partition_by: 'host' | 'file';
  positions: Positions;
  account: Account;
  data_dir: string;
  kernel: Kernel;
  /** Null: its steps make none. */
  metrics: Omit<LineMetricsOptions, 'name' | 'host' | 'labels'> | null;
  /** So many lines held what a rule of alerts looks for. */
  watched?: (rule: string, lines: number) => void;
  /** Of hashes in place of secrets. */
  mask_key: Buffer | null;
}

export class Shaping {
  readonly context: TailContext;
  readonly masking: Masking | undefined;
  readonly processing: Processing | undefined;
  readonly #metrics: LineMetrics | null;

  constructor(options: ShapingOptions) {
    const { input, host, tags, partition_by, positions, account, data_dir, kernel } = options;
    this.masking = Masking.of(input.name, input.masks, kernel, options.mask_key);
    const processing = this.#processingOf(options);
    this.processing = processing;
    const origin = { host, tags, kafka: { partition_by } };
    const leaving = new Set<never>();
    const routing = routingOf(input, processing);
    const containers = input.container ? new Containers(input.container) : undefined;
    this.context = { input, origin, positions, account, data_dir, processing, leaving, routing, containers };
    const labels = { ...tags, ...input.tags };
    const tallies = processing?.tallies ?? [];
    this.#metrics = options.metrics && new LineMetrics(tallies, { ...options.metrics, name: input.name, host, labels });
  }

  get steps(): readonly Step[] {
    return this.processing?.steps ?? [];
  }

  /** `lines` reads them until its signal aborts; their metrics go out meanwhile, and at the end. */
  async run(
    output: Output,
    stopped: AbortSignal,
    lines: (output: Output, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    if (!this.#metrics) return lines(output, stopped);
    const over = new AbortController();
    const signal = AbortSignal.any([stopped, over.signal]);
    const metrics = this.#metrics.run(output, signal).finally(() => over.abort(new Error('metrics are not sent')));
    metrics.catch(() => undefined); // it is looked at below
    try {
      await lines(output, signal);
    } finally {
      over.abort(new Error('nothing is read any more'));
      await metrics;
      await this.#metrics.end(output);
    }
  }

  /** Nothing of it is on its way any more. */
  close(): void {
    this.processing?.close();
    this.masking?.close();
  }

  #processingOf({ input, kernel, watched }: ShapingOptions): Processing | undefined {
    try {
      return processingOf(input.process, kernel, input.topic, undefined, this.masking, watched);
    } catch (error) {
      this.masking?.close();
      throw error;
    }
  }
}
