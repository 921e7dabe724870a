/** One listener as the main thread sees it: its worker, its counters, and its documents on the way into the pipeline. */

import { isIP } from 'node:net';
import { Worker } from 'node:worker_threads';
import { emit } from '../../aggregate/emit.ts';
import type { MetricOrigin } from '../../aggregate/record.ts';
import type { Stream } from '../../core/batch.ts';
import type { LossReason } from '../../core/losses.ts';
import type { Output } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import { datagramsAvailable } from '../../native.ts';
import { parseUdpAddress, type UdpAddress } from './address.ts';
import { LossesSaid } from './losses-said.ts';
import {
  BYTES,
  COARSER,
  CONTEXTS,
  CONTROLS,
  COUNTERS,
  type FromWorker,
  KERNEL_DROPS,
  LINES,
  type ListenerOptions,
  MESSAGES,
  OVERFLOWED,
  PACKETS,
  REJECTED,
  REPLACED,
  SAMPLES,
  STOP,
  type ToWorker,
} from './protocol.ts';
import { QuietSocket } from './quiet.ts';

export interface ListenerSettings {
  /** `udp://host:port` */
  address: string;
  receiveBuffer: number;
  interval: number;
  maxContexts: number;
  /** Bytes for sketches and sets. */
  memory: number;
  percentiles: readonly number[];
  origin: MetricOrigin;
  stream: Stream;
  nextWindowId: () => string;
  onError: (error: Error) => void;
  native: boolean;
}

export interface ListenerStatus {
  address: string;
  packets: number;
  lines: number;
  bytes: number;
  rejected: number;
  kernel_drops: number;
  error: string | null;
}

export class Listener {
  /** Null when it is bound, or why it is not. */
  readonly bound: Promise<Error | null>;
  readonly #settings: ListenerSettings;
  readonly #settle: (error: Error | null) => void;
  readonly #control = new Int32Array(new SharedArrayBuffer(CONTROLS * 4));
  readonly #counters = new Float64Array(new SharedArrayBuffer(COUNTERS * 8));
  #address: string;
  #error: string | null = null;
  #listening = false;
  /** When it was bound, by `performance.now()`. */
  #since = performance.now();
  /** Of the worker's counters, what the account knows already. */
  #samples = 0;
  #replaced = 0;
  #kernelDrops = 0;
  #settled = 0;
  readonly #lost = new LossesSaid();

  constructor(settings: ListenerSettings) {
    this.#settings = settings;
    this.#address = settings.address;
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    this.bound = promise;
    this.#settle = resolve;
  }

  get contexts(): number {
    return this.#counters[CONTEXTS]!;
  }

  /** Samples that were added to a series of their name alone. */
  get overflowed(): number {
    return this.#counters[OVERFLOWED]!;
  }

  /** Sketches and sets that were kept coarser for want of memory. */
  get coarser(): number {
    return this.#counters[COARSER]!;
  }

  /**
   * Receives until the signal aborts, and resolves when everything received is pushed; at once where it cannot be bound.
   * Rejects when it stops before that.
   */
  async run(output: Output, signal: AbortSignal): Promise<void> {
    let quiet: QuietSocket | null = null;
    try {
      const { receiveBuffer, native } = this.#settings;
      const { host, port } = await located(this.#settings.address);
      if (native && datagramsAvailable()) {
        quiet = await QuietSocket.bind(host, port, receiveBuffer);
        this.#bound(quiet.port, quiet.receiveBuffer);
        // No thread before something has come.
        if (!(await quiet.hears(signal))) return;
      }
      await this.#work(this.#start(host, port, quiet), quiet, output, signal);
    } catch (error) {
      const failure = this.#fail(error as Error);
      if (!this.#listening) return;
      if (!signal.aborted) throw failure;
      log.warn(`statsd: ${failure.message}`);
    } finally {
      quiet?.close();
    }
  }

  /** Until the worker has ended; rejects where that was not its task. */
  async #work(worker: Worker, quiet: QuietSocket | null, output: Output, signal: AbortSignal): Promise<void> {
    const stop = () => {
      Atomics.store(this.#control, STOP, 1);
      Atomics.notify(this.#control, STOP);
      this.#say(worker, { type: 'stop' });
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    let emitting = Promise.resolve();
    let done = false;
    let why = '';
    worker.on('message', (message: FromWorker) => {
      this.#count();
      if (message.type === 'piece') emitting = emitting.then(() => this.#emit(output, worker, message));
      else if (message.type === 'ready') this.#say(worker, { type: 'take', datagrams: quiet!.handOver() });
      else if (message.type === 'read') quiet!.close();
      else if (message.type === 'done') done = true;
      else this.#heard(worker, message);
    });
    worker.on('error', (error) => {
      why = (error as Error).message;
    });
    const code = await new Promise<number>((resolve) => worker.once('exit', resolve));
    await emitting;
    signal.removeEventListener('abort', stop);
    this.#count();
    if (done || this.#error !== null) return;
    // A worker that died takes its windows with it.
    const lost = this.inFlight();
    if (lost > 0) this.#drop('listener_failed', lost);
    throw new Error(
      `its thread has ended (${why || `exit code ${code}`}); ${lost} samples that it held are lost (listener_failed)`,
    );
  }

  status(): ListenerStatus {
    this.#count();
    const counters = this.#counters;
    return {
      address: this.#address,
      packets: counters[PACKETS]!,
      lines: counters[LINES]!,
      bytes: counters[BYTES]!,
      rejected: counters[REJECTED]!,
      kernel_drops: counters[KERNEL_DROPS]!,
      error: this.#error,
    };
  }

  inFlight(): number {
    this.#count();
    return this.#samples - this.#settled;
  }

  #start(host: string, port: number, quiet: QuietSocket | null): Worker {
    const { address, stream, onError, nextWindowId, native, ...rest } = this.#settings;
    const workerData: ListenerOptions = {
      ...rest,
      fd: quiet?.fd ?? null,
      copy: quiet?.lend() ?? null,
      host,
      port,
      since: performance.timeOrigin + this.#since,
      control: this.#control.buffer as SharedArrayBuffer,
      counters: this.#counters.buffer as SharedArrayBuffer,
    };
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    // Documents are gone as soon as they are made: a small young generation keeps the thread small.
    return new Worker(new URL(file, import.meta.url), { workerData, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
  }

  #bound(port: number, granted: number): void {
    const { address, receiveBuffer } = this.#settings;
    this.#listening = true;
    this.#since = performance.now();
    this.#address = address.replace(/:0$/, `:${port}`);
    // Linux counts its own overhead and grants twice what was asked.
    if (granted < receiveBuffer) {
      log.warn(
        `${this.#address}: the receive buffer is ${granted} bytes instead of ${receiveBuffer}; bursts may be lost: sysctl -w net.core.rmem_max=${receiveBuffer}`,
      );
    }
    this.#settle(null);
  }

  #heard(worker: Worker, message: Exclude<FromWorker, { type: 'piece' | 'ready' | 'read' | 'done' }>): void {
    const { nextWindowId, stream } = this.#settings;
    if (message.type === 'listening') this.#bound(message.port, message.receiveBuffer);
    else if (message.type === 'failed') this.#fail(new Error(message.message));
    else if (message.type === 'losses') {
      for (const loss of message.losses) {
        stream.account.received += loss.samples;
        stream.account.drop(loss.reason, loss.samples);
        this.#lost.say(this.#address, loss);
      }
    } else if (message.type === 'window') this.#say(worker, { type: 'id', id: nextWindowId() });
  }

  async #emit(output: Output, worker: Worker, piece: Extract<FromWorker, { type: 'piece' }>): Promise<void> {
    // From the push on the pipeline counts a batch.
    const counting: Output = {
      take: (stream, signal) => output.take(stream, signal),
      discard: (batch) => output.discard(batch),
      push: (batch) => {
        this.#settled += batch.weight;
        return output.push(batch);
      },
    };
    const before = this.#settled;
    try {
      // Without the signal: what was received is pushed even when the agent is stopping.
      await emit(counting, this.#settings.stream, piece.documents, piece.weights);
    } catch (error) {
      const weight = piece.weights.reduce((sum, w) => sum + w, 0);
      this.#drop('output_failed', before + weight - this.#settled);
      this.#settings.onError(new Error(`statsd: cannot hand over a window: ${(error as Error).message}`));
    }
    if (!piece.last) this.#say(worker, { type: 'next' });
  }

  #say(worker: Worker, message: ToWorker): void {
    worker.postMessage(message);
    Atomics.add(this.#control, MESSAGES, 1);
    Atomics.notify(this.#control, MESSAGES);
  }

  /** Takes the worker's counters into the account. */
  #count(): void {
    const { account } = this.#settings.stream;
    const samples = this.#counters[SAMPLES]!;
    const replaced = this.#counters[REPLACED]!;
    const drops = this.#counters[KERNEL_DROPS]!;
    account.received += samples - this.#samples;
    account.replaced += replaced - this.#replaced;
    // Datagrams that the kernel dropped were never received: the loss is shown, it is not part of the sum.
    if (drops > this.#kernelDrops) {
      account.drop('kernel_drop', 0);
      log.warnOnce(
        `kernel_drop ${this.#address}`,
        `${this.#address}: ${drops} datagrams were lost, the receive buffer was full: raise statsd.receive_buffer and net.core.rmem_max`,
      );
    }
    if (this.coarser > 0) {
      log.warnOnce(
        `coarser ${this.#address}`,
        `${this.#address}: ${this.coarser} histograms and sets were kept coarser, statsd.memory is used up: raise it, or send fewer series`,
      );
    }
    if (this.overflowed > 0) {
      log.warnOnce(
        `overflowed ${this.#address}`,
        `${this.#address}: ${this.overflowed} samples count for their name alone (runnel.overflow), there are more series than statsd.max_contexts and statsd.memory allow`,
      );
    }
    this.#samples = samples;
    this.#replaced = replaced;
    this.#kernelDrops = drops;
  }

  #drop(reason: LossReason, samples: number): void {
    this.#settled += samples;
    this.#settings.stream.account.drop(reason, samples);
  }

  /** Is in the status from now on; returned as a sentence that names the address. */
  #fail({ message }: Error): Error {
    this.#error = this.#listening ? message : `cannot listen on ${this.#address}: ${message}`;
    const said = new Error(this.#listening ? `${this.#address}: ${message}` : this.#error);
    this.#settle(said);
    return said;
  }
}

/** Where the address leads, as an IP address. */
async function located(address: string): Promise<UdpAddress> {
  const { host, port } = parseUdpAddress(address);
  if (isIP(host)) return { host, port };
  const { lookup } = await import('node:dns/promises');
  return { host: (await lookup(host, { order: 'ipv4first' })).address, port };
}
