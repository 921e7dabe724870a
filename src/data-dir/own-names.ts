/**
 * Names in data_dir that are the agent's own. What else lies there is somebody else's: it may be read as logs, and who may
 * write it does not matter.
 *
 *   spool, window, dead-letter   records        positions, positions.damaged.*   how far files are settled
 *   cache                        compiled code  lock, agent.json, runnel.sock
 *   audit                        chains and keys
 */
export const AGENTS_DIRECTORIES = ['spool', 'window', 'dead-letter', 'cache', 'audit'];
const FILES = /^(lock|agent\.json|positions|runnel\.sock)($|\.)/;

export function isAgents(name: string): boolean {
  return AGENTS_DIRECTORIES.includes(name) || FILES.test(name);
}
