/** JSON lines with faults beside fatal decoding and JSON.parse: many times those of the tests. */
import { checkMutants } from '../support/json-mutants.ts';

/** Says what was compared. */
export function proveJson(lines: number, seed: number): string {
  const { json } = checkMutants({ seed, lines });
  return `JSON: ${lines} lines with faults (seed ${seed}), ${json} of them JSON, each with three programs: no difference`;
}
