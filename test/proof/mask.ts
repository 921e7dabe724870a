/** Lines of secrets, and of what is nearly one: the kernel masks them as the twin does. */
import assert from 'node:assert/strict';
import { ALL_RULES, MaskLab, maskedByTwin, maskLine } from '../support/mask-twin.ts';
import { random } from '../support/regex-fuzz.ts';

const AT_ONCE = 500;

export async function proveMask(seed: number, lines: number): Promise<string> {
  const lab = await MaskLab.make();
  const rules = ALL_RULES.filter(({ rule }) => rule !== 'iban' && rule !== 'private_key');
  const below = random(seed);
  const number = () => below(1 << 30) / (1 << 30);
  let secrets = 0;
  for (let done = 0; done < lines; done += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, () => maskLine(number));
    for (const [i, masked] of lab.mask(rules, batch).entries()) {
      assert.equal(masked, maskedByTwin(batch[i]!), `seed ${seed}: ${batch[i]!}`);
      if (masked !== batch[i]) secrets++;
    }
  }
  return `${lines} lines, ${secrets} of them with secrets, seed ${seed}: all masked as the twin masks them`;
}
