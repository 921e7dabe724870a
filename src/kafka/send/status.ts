/** What a sender says about itself. */
export interface SenderStatus {
  /** Acknowledged. */
  records: number;
  bytes: number;
  /** Records that were put and are not acknowledged. */
  in_flight: number;
  /** Batches that were sent again. */
  retries: number;
  /** Records that were cut, because alone they were larger than the topic takes. */
  cut: number;
  /** Records that Kafka may have twice, because it forgot what it had. */
  possible_duplicates: number;
  /** Monotonic milliseconds; null before the first. */
  lastAck: number | null;
  throttled_seconds: number;
  /** What stands in the way now. */
  error: string | null;
}

export const NOTHING_SENT: SenderStatus = {
  records: 0,
  bytes: 0,
  in_flight: 0,
  retries: 0,
  cut: 0,
  possible_duplicates: 0,
  lastAck: null,
  throttled_seconds: 0,
  error: null,
};

/** Of two senders one after the other: what stands in the way of the later one is what counts. */
export function added(before: SenderStatus, now: SenderStatus): SenderStatus {
  return {
    records: before.records + now.records,
    bytes: before.bytes + now.bytes,
    in_flight: before.in_flight + now.in_flight,
    retries: before.retries + now.retries,
    cut: before.cut + now.cut,
    possible_duplicates: before.possible_duplicates + now.possible_duplicates,
    lastAck: Math.max(before.lastAck ?? 0, now.lastAck ?? 0) || null,
    throttled_seconds: before.throttled_seconds + now.throttled_seconds,
    error: now.error,
  };
}
