/**
 * How the model test and its agent (agent.ts) talk. What the agent does it tells in a file, an event a line, in order,
 * so that nothing that was told is taken back by a kill:
 *
 *   B                                 a source begins
 *   I <id> <path>                     the first records under this id follow
 *   R <id> <offset> <length> <text>   a record has arrived
 *   S <id> <position>                 settled up to here, and in the journal
 *   L <reason> <bytes>                counted as lost
 *   E                                 the source has stopped
 */
export const MAX_LINE = 8192;

/** What the process is asked; it answers `start`, `stop` and `files`. */
export type Request =
  | { do: 'start'; data: string; include: string; settle_ms: number; rotate_wait: number }
  | { do: 'stop' | 'outage' | 'back' | 'files' };
/** The files that the source has found. */
export type Answer = { id: string; size: number }[];
