/** Points out of metric records as they stand in Kafka: of the names that rules mention. */
import { readBins } from '../aggregate/sketch-wire.ts';
import type { Point } from './point.ts';

const NAME = '"name":"';

interface MetricDocument {
  name: string;
  type: Point['type'];
  interval: number;
  value?: number | null;
  count?: number;
  sum?: number | null;
  min?: number | null;
  max?: number | null;
  sketch?: string;
  attributes: Record<string, string | number | string[]>;
}

/** The points of those records whose name is wanted. What has a time of its own is in no window. */
export function* pointsOf(documents: Iterable<string>, wants: (name: string) => boolean): Generator<Point> {
  for (const document of documents) {
    // The first name is the metric's: only times and a number stand before it.
    const from = document.indexOf(NAME) + NAME.length;
    const name = document.slice(from, document.indexOf('"', from));
    if (!name.includes('\\') && !wants(name)) continue;
    const metric = JSON.parse(document) as MetricDocument;
    if (!wants(metric.name) || metric.interval === 0) continue;
    const point = pointOf(metric);
    if (point) yield point;
  }
}

function pointOf({ name, type, value, count, sum, min, max, sketch, attributes }: MetricDocument): Point | null {
  const texts: Record<string, string> = {};
  for (const key in attributes) texts[key] = [attributes[key]!].flat().join(',');
  const common = { name, type, attributes: texts };
  if (type === 'histogram') {
    if (typeof sum !== 'number' || count === undefined || count === 0) return null;
    const bins = sketch === undefined ? null : readBins(Buffer.from(sketch, 'base64'));
    // Where only buckets are known there are no extremes.
    return { ...common, value: sum, count, min: min ?? sum / count, max: max ?? sum / count, bins };
  }
  // Null: it was no number.
  if (typeof value !== 'number') return null;
  return { ...common, value, count: 1, min: value, max: value, bins: null };
}
