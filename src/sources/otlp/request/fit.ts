/** Items that are larger than a Kafka record: spans and log records are cut, metrics become several. */
import { setImmediate } from 'node:timers/promises';
import type { OtlpKernel } from '../../../kernel/otlp.ts';
import type { Signal } from '../options.ts';
import { cutItem } from './cut.ts';
import { tooWide } from './reasons.ts';
import { type MetricPart, metricParts } from './split.ts';

interface Fitted {
  /** A sentence: what stands around an item leaves no room for it. */
  wide: string | null;
  cut: number;
  split: number;
  /** Points that are left out. */
  left: number;
}

export const FITS: Readonly<Fitted> = { wide: null, cut: 0, split: 0, left: 0 };

/** Of a record, for what stands in a scope. */
const LEAST_ROOM = 64 * 1024;

/** Of the request that the kernel has taken apart. */
export async function fitItems(kernel: OtlpKernel, signal: Signal, longest: number): Promise<Fitted> {
  const fitted = { ...FITS };
  for (let i = kernel.findLong(0, longest); i < kernel.items; i = kernel.findLong(i + 1, longest)) {
    const room = longest - kernel.aroundItem(i);
    if (room < LEAST_ROOM) return { ...fitted, wide: tooWide(longest - room, longest - LEAST_ROOM) };
    if (signal === 'metrics') {
      fitted.left += await split(kernel, i, room);
      fitted.split++;
    } else {
      const item = kernel.itemAt(i);
      const shorter = await cutItem(signal, item, room);
      item.set(shorter);
      kernel.shorten(i, shorter.length);
      fitted.cut++;
    }
    await setImmediate();
  }
  return fitted;
}

/** Gives how many points of the metric are left out. */
async function split(kernel: OtlpKernel, i: number, room: number): Promise<number> {
  let left = kernel.weightOf(i);
  let first: MetricPart | null = null;
  for await (const part of metricParts(kernel.itemAt(i), room)) {
    if (first && !kernel.addItem(i, part.bytes, part.points)) break;
    first ??= part;
    left -= part.points;
  }
  if (first) {
    // Not before all others are made of what stands there.
    kernel.itemAt(i).set(first.bytes);
    kernel.shorten(i, first.bytes.length);
    kernel.weigh(i, first.points);
  } else kernel.leaveOut(i);
  return left;
}
