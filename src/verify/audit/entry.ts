/** Records as they come from Kafka or from an export: one object that is used again for each. */
import type { Following } from './following.ts';

export interface AuditEntry {
  readonly partition: number;
  readonly offset: number;
  /** Text; '' where there is none. */
  readonly key: string;
  /** Where in `bytes` the value lies; both -1: there is none. */
  readonly bytes: Buffer;
  readonly value: number;
  readonly valueEnd: number;
  /** As text; null where a header has no value. */
  headers(): Record<string, string | null>;
  /** Where it is, for people. */
  readonly place: string;
}

export interface AuditSource {
  /** For people. */
  readonly name: string;
  /** Its beginning is not there any more. Known when it was read. */
  readonly deleted: boolean;
  /**
   * Hands out all records in order, the same each time, but those that `following` takes; `between` some of them it waits
   * for. Throws UnreadableError.
   */
  read(
    each: (entry: AuditEntry) => void,
    more?: { between?: () => Promise<void>; following?: Following },
  ): Promise<void>;
}
