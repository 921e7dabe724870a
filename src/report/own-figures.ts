/** The agent's own figures to a StatsD server, where one is configured; another one from the next change on. */
import { isDeepStrictEqual } from 'node:util';
import type { CommonConfig } from '../config/config.ts';
import type { AnyKind } from '../core/input.ts';
import type { LiveStatus } from './shape.ts';
import type { Telemetry } from './telemetry.ts';

interface Target {
  statsd: string;
  tags: Record<string, string>;
}

export class OwnFigures {
  readonly #status: () => LiveStatus;
  readonly #kinds: readonly AnyKind[];
  #target: Target | null = null;
  #telemetry: Telemetry | null = null;

  constructor(status: () => LiveStatus, kinds: readonly AnyKind[]) {
    this.#status = status;
    this.#kinds = kinds;
  }

  /** True: they go elsewhere now, or with other tags. */
  async change({ telemetry: { statsd }, tags }: CommonConfig): Promise<boolean> {
    const target = statsd === undefined ? null : { statsd: `udp://${statsd}`, tags };
    if (isDeepStrictEqual(target, this.#target)) return false;
    void this.#telemetry?.close();
    this.#telemetry = null;
    this.#target = target;
    if (!target) return true;
    const { startTelemetry } = await import('./telemetry.ts');
    this.#telemetry = startTelemetry({ ...target, status: this.#status, kinds: this.#kinds });
    return true;
  }

  /** Sends the last ones. */
  async close(): Promise<void> {
    await this.#telemetry?.close();
  }
}
