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

/** Series whose attributes are kept in mind; beyond, it is begun anew. */
const MOST_SERIES = 40_000;

interface KnownSeries {
  series: string;
  attributes: Readonly<Record<string, string>>;
}

export class PointReader {
  /** By the text of their attributes, which are written in one order whenever they are sent. */
  readonly #known = new Map<string, KnownSeries>();

  /** The points of those records whose name is wanted. What has a time of its own is in no window. */
  points(documents: MetricDocuments, wants: (name: string) => boolean): MetricPoint[] {
    const points: MetricPoint[] = [];
    const take = (document: string) => {
      const point = this.#point(document, wants);
      if (point) points.push(point);
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

  /** What stands behind the attributes is not read, nor are they, where they are known. */
  #point(document: string, wants: (name: string) => boolean): MetricPoint | null {
    const at = document.indexOf(ATTRIBUTES);
    const behind = document.indexOf(BEHIND, at);
    let known = this.#known.get(document.slice(at, behind));
    const metric = JSON.parse(`${document.slice(0, known ? at - 1 : behind + 1)}}`) as MetricDocument;
    if (!wants(metric.name) || metric.interval === 0) return null;
    known ??= this.#remember(document.slice(at, behind), metric.attributes);
    return pointOf(metric, known);
  }

  #remember(text: string, attributes: MetricDocument['attributes']): KnownSeries {
    const texts: Record<string, string> = {};
    for (const key in attributes) texts[key] = [attributes[key]!].flat().join(',');
    // A copy: a part of a document would keep all of it.
    const series = Buffer.from(text).toString();
    const known = { series, attributes: texts };
    if (this.#known.size >= MOST_SERIES) this.#known.clear();
    this.#known.set(series, known);
    return known;
  }
}

/** The first name is the metric's: only times and a number stand before it. */
function mayBeWanted(text: string, from: number, wants: (name: string) => boolean): boolean {
  const at = text.indexOf(NAME, from) + NAME.length;
  const name = text.slice(at, text.indexOf('"', at));
  // What is not written in ASCII is looked at whole.
  return /[^\x20-\x5b\x5d-\x7e]/.test(name) || wants(name);
}

function pointOf(
  { name, type, value, count, sum, min, max, sketch }: MetricDocument,
  known: KnownSeries,
): MetricPoint | null {
  const common = { name, type, attributes: known.attributes, series: known.series };
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
