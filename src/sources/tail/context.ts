/** What the parts of an input's tail share. */
import type { Account } from '../../core/account.ts';
import type { EnvelopeOptions } from '../../lines/envelope.ts';
import type { Processing } from '../../transforms/process.ts';
import type { Containers } from './containers/containers.ts';
import type { FileStream } from './file/stream.ts';
import type { Routing } from './file/topics.ts';
import type { LogConfig } from './options.ts';
import type { Positions } from './positions/positions.ts';

/** What all files of an input share. */
export interface TailContext {
  input: LogConfig;
  origin: EnvelopeOptions;
  positions: Positions;
  account: Account;
  /** What its lines pass before they are packed. */
  processing: Processing | undefined;
  /** Streams that no tracked file goes on with, and of which something is in flight. */
  leaving: Set<FileStream>;
  /** What is told of the containers that write its files; undefined: nothing is. */
  containers?: Containers | undefined;
  /** Null: they go to one topic. Undefined: where they go is known by another process. */
  routing?: Routing | null | undefined;
  /** What is the agent's own in it is not read. */
  data_dir: string;
}
