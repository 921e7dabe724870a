/** Figures in Prometheus' text format. Loaded at the first scrape. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Figure } from '../core/figures.ts';

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** A registry of its own for each scrape: two at once do not mix, and series that are gone are gone. */
export function prometheusText(figures: readonly Figure[]): Promise<string> {
  const registry = new Registry();
  for (const { name, kind, help, labels, samples } of figures) {
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
