/** Records as parcels, for durable lanes. */
import type { Parcel } from '../../src/core/durable-lane.ts';
import { frameRecord } from '../../src/records/record-batch.ts';

/** Each of these is one item; what has no value of its own has its key for it. */
export function parcelOf(records: readonly { key: string; value?: string }[]): Parcel {
  let i = 0;
  return {
    pack(delta, room) {
      if (i === records.length) return null;
      const framed: Buffer[] = [];
      let bytes = 0;
      for (; i < records.length; i++) {
        const { key, value = key } = records[i]!;
        const record = frameRecord({ offsetDelta: delta + framed.length, key, value });
        if (bytes + record.length > room) break;
        framed.push(record);
        bytes += record.length;
      }
      return { count: framed.length, items: framed.length, bytes: Buffer.concat(framed) };
    },
  };
}
