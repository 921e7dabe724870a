/** A kind of which there is one input, with nothing that it shares. */
import type { OpenInput, OpenKind } from './input.ts';

/** `open`: the input, which loads what it is made of. `status`: the kind's part, of what the input says; null: it is not open. */
export function soleInput<One, Said>(
  open: (options: One, first: boolean) => Promise<OpenInput>,
  status: (said: Said | null) => object,
): OpenKind<One> {
  return {
    open: ({ options }, { first }) => open(options, first),
    problems: () => [],
    status: ([said]) => status((said as Said | undefined) ?? null),
    close: async () => undefined,
  };
}
