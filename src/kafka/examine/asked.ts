/** What is asked of Kafka, and what it may object. */
import type { CommonConfig } from '../../config/config.ts';
import type { Path } from '../../config/errors.ts';

/** What stands in the way, or may. */
export interface Objection {
  level: 'error' | 'warning';
  /** The option that it is about. */
  about: Path;
  /** Behind the option's name. */
  message: string;
}

/** A topic that the agent will write to, and where that is configured. */
export interface ExaminedTopic {
  topic: string;
  path: Path;
  /** The agent reads it, too, and keeps the last record of each key only. */
  positions?: boolean;
}

export interface Examined {
  kafka: CommonConfig['kafka'];
  topics: readonly ExaminedTopic[];
  /** Transactions that it will send in; one stands for those that have the same reason. */
  transactions: readonly ExaminedTransactions[];
}

export interface ExaminedTransactions {
  /** The transactional id; of agents that have not run yet, that of nobody. */
  id: string;
  /** The option because of which there are any. */
  path: Path;
  /** The same in a word. */
  reason: string;
}

/** To whom a right would be given. */
export function whoAsks({ sasl, tls }: CommonConfig['kafka']): string {
  if (sasl?.username !== undefined) return `User:${sasl.username}`;
  return tls?.cert_file === undefined || sasl ? 'this agent' : 'the user of its certificate';
}
