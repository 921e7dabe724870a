/** Points out of metric records as they stand in Kafka: of the names that rules mention. */

import { readBins } from '../aggregate/sketch-wire.ts';
import type { MetricDocuments } from '../core/measured.ts';
import type { MetricPoint } from './point.ts';

const NAME = '"name":"';
const ATTRIBUTES = '"attributes":{';
const BEHIND = '},"host":{';

interface MetricDocument {
  name: string;
  type: MetricPoint['type'];
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
export function pointsOf(documents: MetricDocuments, wants: (name: string) => boolean): MetricPoint[] {
  const points: MetricPoint[] = [];
  const take = (document: string) => {
    const metric = JSON.parse(document) as MetricDocument;
    if (!wants(metric.name) || metric.interval === 0) return;
    const point = pointOf(metric);
    if (point) points.push({ ...point, series: seriesIn(document) });
  };
  if ('bytes' in documents) {
    const { bytes, ends, count } = documents;
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, count === 0 ? 0 : ends[count - 1]!);
    // A character a byte: places are those of the bytes.
    const text = all.toString('latin1');
    for (let i = 0, from = 0; i < count; from = ends[i++]!) {
      if (mayBeWanted(text, from, wants)) take(all.toString('utf8', from, ends[i]!));
    }
  } else for (const document of documents) if (mayBeWanted(document, 0, wants)) take(document);
  return points;
}

/** Attributes are written in one order, whenever they are sent. */
function seriesIn(document: string): string {
  const from = document.indexOf(ATTRIBUTES);
  return document.slice(from, document.indexOf(BEHIND, from));
}

/** The first name is the metric's: only times and a number stand before it. */
function mayBeWanted(text: string, from: number, wants: (name: string) => boolean): boolean {
  const at = text.indexOf(NAME, from) + NAME.length;
  const name = text.slice(at, text.indexOf('"', at));
  // What is not written in ASCII is looked at whole.
  return /[^\x20-\x5b\x5d-\x7e]/.test(name) || wants(name);
}

function pointOf({ name, type, value, count, sum, min, max, sketch, attributes }: MetricDocument): MetricPoint | null {
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
