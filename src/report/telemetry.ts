/** The agent's own figures to a StatsD server, every ten seconds: counters as their increase, gauges as they are. */
import { StatsD } from 'hot-shots';
import type { AnyKind } from '../core/input.ts';
import { log } from '../log.ts';
import { figuresOf } from './figures.ts';
import type { LiveStatus } from './shape.ts';

const INTERVAL_MS = 10_000;

export interface TelemetryOptions {
  /** `udp://host:port`. */
  statsd: string;
  tags: Record<string, string>;
  status: () => LiveStatus;
  kinds?: readonly AnyKind[];
  interval_ms?: number;
}

export interface Telemetry {
  close(): Promise<void>;
}

export function startTelemetry(options: TelemetryOptions): Telemetry {
  const { hostname, port } = new URL(options.statsd);
  const client = new StatsD({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || 8125),
    prefix: 'runnel.',
    globalTags: options.tags,
    // A name is looked up once a minute, not once a packet.
    cacheDns: true,
    cacheDnsTtl: 60_000,
    errorHandler: (error) =>
      log.warnOnce('telemetry', `cannot send own figures to ${options.statsd}: ${error.message}`),
  });
  const before = new Map<string, number>();

  function send(): void {
    for (const figure of figuresOf(options.status(), options.kinds)) {
      for (const { labels, value } of figure.samples) {
        if (figure.kind === 'gauge') {
          client.gauge(figure.name, value, labels);
          continue;
        }
        const series = `${figure.name} ${JSON.stringify(labels)}`;
        const increase = value - (before.get(series) ?? 0);
        before.set(series, value);
        if (increase > 0) client.increment(figure.name, increase, labels);
      }
    }
  }

  const timer = setInterval(send, options.interval_ms ?? INTERVAL_MS).unref();
  return {
    /** Sends the last figures. */
    close() {
      clearInterval(timer);
      send();
      return new Promise((resolve) => client.close(() => resolve()));
    },
  };
}
