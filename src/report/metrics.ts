/** GET /metrics: the figures in Prometheus' text format. Loaded at the first scrape. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { AnyKind } from '../core/input.ts';
import { figuresOf } from './figures.ts';
import type { LiveStatus } from './shape.ts';

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** A registry of its own for each scrape: two at once do not mix, and series that are gone are gone. */
export function metricsText(status: LiveStatus, kinds?: readonly AnyKind[]): Promise<string> {
  const registry = new Registry();
  for (const { name, kind, help, labels, samples } of figuresOf(status, kinds)) {
    // Without labels prom-client would say 0 where nothing is known.
    if (samples.length === 0 && labels.length === 0) continue;
    const options = { name: `runnel_${name}`, help, labelNames: [...labels], registers: [registry] };
    if (kind === 'gauge') {
      const gauge = new Gauge(options);
      for (const sample of samples) gauge.set(sample.labels, sample.value);
    } else {
      const counter = new Counter(options);
      for (const sample of samples) counter.inc(sample.labels, sample.value);
    }
  }
  return registry.metrics();
}
