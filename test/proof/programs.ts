/** Random programs of steps: a batch of lines comes to what each line does by itself. */
import { compareProgram, RandomPrograms } from '../support/programs.ts';

export async function provePrograms(seed: number, programs: number): Promise<string> {
  const random = new RandomPrograms(seed);
  let records = 0;
  for (let i = 0; i < programs; i++) records += await compareProgram(random.program(), random.lines(1500));
  return `programs: ${programs} of seed ${seed}, ${records} records of batches and of single lines: no difference`;
}
