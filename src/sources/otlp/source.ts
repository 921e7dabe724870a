/** What applications send over OTLP: listens until it is stopped. */
import { aborted } from '../../core/abort.ts';
import type { Stream } from '../../core/batch.ts';
import type { InputHost, OpenInput } from '../../core/input.ts';
import type { Output } from '../../core/pipeline.ts';
import type { Listeners } from '../../http/listeners.ts';
import { valueEnvelope } from '../../records/envelope.ts';
import { OtlpIntake, type SignalLane } from './intake.ts';
import type { OtlpInput } from './kind.ts';
import { otlpListeners } from './listeners.ts';
import type { Signal } from './options.ts';
import type { SpanMetrics } from './red/span-metrics.ts';
import { NOTHING, type OtlpSaid } from './report.ts';
import { OtlpReader } from './request/reader.ts';

export class OtlpSource implements OpenInput {
  readonly ready: Promise<void>;
  readonly #o: OtlpInput;
  readonly #host: InputHost;
  readonly #first: boolean;
  readonly #opened = Promise.withResolvers<void>();
  #intake: OtlpIntake | null = null;
  #listeners: Listeners | null = null;
  #metrics: SpanMetrics | null = null;

  /** `first`: an address that cannot be bound ends the start; later it is tried again. */
  constructor(options: OtlpInput, host: InputHost, first: boolean) {
    this.#o = options;
    this.#host = host;
    this.#first = first;
    this.ready = this.#opened.promise;
    this.ready.catch(() => undefined);
  }

  async run(output: Output, signal: AbortSignal): Promise<void> {
    const { config, datadog, host, tags, traces } = this.#o;
    let listeners: Listeners;
    let metrics: SpanMetrics | null;
    try {
      const reader = new OtlpReader({ maxRequest: config.max_request, host, labels: tags, traces });
      metrics = this.#spanMetrics(reader);
      this.#metrics = metrics;
      const lanes = new Map<Signal, SignalLane>();
      for (const name of config.signals) lanes.set(name, await this.#lane(name));
      this.#intake = new OtlpIntake({ reader, lanes, hold: config.hold, tap: this.#host.tap });
      listeners = await otlpListeners(config, datadog, this.#intake);
      this.#listeners = listeners;
      await listeners.bind(!this.#first, signal);
      this.#opened.resolve();
    } catch (error) {
      await this.#listeners?.close();
      this.#opened.reject(error);
      throw error;
    }
    await Promise.all([metrics?.run(output, signal), aborted(signal)]);
    await listeners.close();
    // What came until now is in the last window.
    await metrics?.end(output);
  }

  /** Calls, errors and durations of spans; null: they are off. */
  #spanMetrics(reader: OtlpReader): SpanMetrics | null {
    const { metrics, host, tags } = this.#o;
    const account = this.#host.account('traces.metrics');
    const nextWindowId = () => this.#host.nextWindowId();
    const { measured } = this.#host;
    return reader.spanMetrics({ ...metrics, host, labels: tags, account, nextWindowId, measured });
  }

  async #lane(signal: Signal): Promise<SignalLane> {
    const { topics, host } = this.#o;
    const topic = topics[signal];
    const account = this.#host.account(`otlp.${signal}`);
    const envelope = valueEnvelope(host);
    const stream: Stream = {
      name: `otlp.${signal}`,
      topic,
      key: host,
      account,
      replayable: false,
      envelope: () => envelope,
    };
    return { lane: await this.#host.durable(topic), stream, account };
  }

  problems(): string[] {
    return this.#listeners?.problems() ?? [];
  }

  /** What was received is in the lanes. */
  inFlight(): number {
    return 0;
  }

  status(): OtlpSaid['otlp'] {
    const intake = this.#intake;
    if (!intake) return NOTHING.otlp;
    const { taken, sampled, sampledAway, invalid, sanitized, cut, split, held } = intake;
    return {
      listeners: this.#listeners?.status() ?? [],
      spans: taken.traces,
      data_points: taken.metrics,
      log_records: taken.logs,
      sampled_away: sampledAway,
      sampled: [...sampled].map(([rule, spans]) => ({ rule, spans })),
      invalid,
      sanitized,
      cut,
      split,
      held,
      slowest: [...(this.#metrics?.slowest ?? [])],
    };
  }
}
