/** What of a stream is on the medium: how far its chain is, and how far it is sealed. */
import { ZEROS } from '../../audit/record.ts';
import { randomBytes } from '../../builtin.ts';

export interface StreamState {
  readonly name: string;
  /** 16 hex digits. */
  readonly id: string;
  /** Of the last event; 0: none came yet. */
  sequence: number;
  /** Its hash, hex. */
  head: string;
  sealed: SealedState;
  /** Lines of files go there: the configuration names it. */
  files?: boolean;
}

/** How far a stream is sealed. */
export interface SealedState {
  to: number;
  /** When it was sealed last, or began, milliseconds since the epoch. */
  time: number;
  /** Hash of the last seal, hex. */
  previous: string;
  /** The key of the next one, hex; null: there was none yet. */
  key: string | null;
}

export function newStream(name: string, id: string = randomBytes(8).toString('hex')): StreamState {
  return {
    name,
    id,
    sequence: 0,
    head: ZEROS,
    sealed: { to: 0, time: Date.now(), previous: ZEROS, key: null },
  };
}
