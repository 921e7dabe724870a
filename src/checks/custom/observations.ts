/** Observations of one run of a check, put together as histograms: exact, as there are few of them. */
import { Arena, Region } from '../../aggregate/arena.ts';
import { Sketches } from '../../aggregate/sketch.ts';
import type { Collector, SeriesLabels } from './collector.ts';

const MEMORY = 4 << 20;

interface Observed {
  name: string;
  unit: string;
  attributes: SeriesLabels;
}

export function observe(to: Collector) {
  const series = new Map<string, number>();
  const observed: Observed[] = [];
  let sketches: Sketches | null = null;
  return {
    add(name: string, value: number, attributes: SeriesLabels, unit: string): void {
      if (!to.takes(value)) return;
      const key = JSON.stringify([name, unit, Object.entries(attributes).sort()]);
      let number = series.get(key);
      if (number === undefined) {
        number = observed.push({ name, unit, attributes }) - 1;
        series.set(key, number);
      }
      sketches ??= new Sketches(new Region(new Arena(MEMORY)), to.most);
      if (!sketches.add(number, value, 1, false)) to.truncated++;
    },
    end(): void {
      for (const [number, { name, unit, attributes }] of observed.entries()) {
        const sketch = sketches?.look(number);
        if (!sketch) continue;
        const { count, sum, min, max } = sketch;
        const quantiles = { p50: sketch.quantile(0.5), p95: sketch.quantile(0.95), p99: sketch.quantile(0.99) };
        const fields = { count, sum, min, max, avg: sum / count, ...quantiles };
        to.distribution(name, { ...fields, sketch: sketch.encode().toString('base64') }, attributes, unit);
      }
    },
  };
}
