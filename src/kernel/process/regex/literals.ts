/**
 * What a line must hold to match: of a pattern, some literals one of which is in every match. They are looked for first,
 * since that is much faster. Null: there are none that tell enough.
 */
import { NEEDLES_BYTES } from '../../needles.ts';
import type { AST, ParsedPattern } from './parse.ts';

const MOST_LITERALS = 32;
/** Of those that one part of the pattern may be. */
const MOST_EXACT = 16;
const LONGEST = 64;

/** `exact`: all that it may be, if that is little. `needed`: one of these is in whatever it is. */
interface Held {
  exact: readonly string[] | null;
  needed: readonly string[] | null;
}

const ANYTHING: Held = { exact: null, needed: null };
const NOTHING: Held = { exact: [''], needed: null };

export function requiredLiterals({ tree, ignoreCase }: ParsedPattern): Buffer[] | null {
  if (ignoreCase) return null;
  const { exact, needed } = heldBy(tree);
  const best = better(exact, needed);
  return best && score(best) > 0 ? [...new Set(best)].map((text) => Buffer.from(text)) : null;
}

/** The longer the shortest of them, the better; many are not as good as few. */
function score(literals: readonly string[] | null): number {
  if (!literals || literals.length > MOST_LITERALS) return 0;
  const shortest = Math.min(...literals.map((text) => Buffer.byteLength(text)));
  const bytes = literals.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (shortest === 0 || bytes > NEEDLES_BYTES) return 0;
  return Math.min(shortest, 8) * 8 - literals.length;
}

function better(a: readonly string[] | null, b: readonly string[] | null): readonly string[] | null {
  return score(b) > score(a) ? b : a;
}

function heldBy(node: AST.Node): Held {
  switch (node.type) {
    case 'Character':
      return { exact: [String.fromCodePoint(node.value)], needed: null };
    case 'CharacterClass': {
      const { elements } = node;
      if (node.negate || elements.length > 4 || elements.length === 0) return ANYTHING;
      if (!elements.every(({ type }) => type === 'Character')) return ANYTHING;
      return { exact: exactOf(node), needed: null };
    }
    case 'Assertion':
      return NOTHING;
    case 'Quantifier':
      return repeated(node);
    case 'Alternative':
      return sequence(node.elements);
    case 'Pattern':
    case 'Group':
    case 'CapturingGroup':
      return alternatives(node.alternatives.map(heldBy));
  }
  return ANYTHING;
}

function exactOf(node: AST.CharacterClass): string[] {
  return node.elements.flatMap((one) => (one.type === 'Character' ? [String.fromCodePoint(one.value)] : []));
}

function repeated({ element, min, max }: AST.Quantifier): Held {
  if (min === 0) return max === 1 && heldBy(element).exact ? alternatives([heldBy(element), NOTHING]) : ANYTHING;
  const held = heldBy(element);
  if (min === 1 && max === 1) return held;
  if (min === max && max <= 4) return sequence(Array.from({ length: max }, () => element));
  return { exact: null, needed: better(held.exact, held.needed) };
}

function alternatives(parts: readonly Held[]): Held {
  const exact = parts.every((part) => part.exact) ? parts.flatMap(({ exact }) => exact!) : null;
  const needed = parts.map((part) => better(part.exact, part.needed));
  return {
    exact: exact && exact.length <= MOST_LITERALS ? exact : null,
    needed: needed.every((of) => of !== null) ? needed.flat() : null,
  };
}

function sequence(parts: readonly AST.Element[]): Held {
  let exact: readonly string[] = [''];
  let needed: readonly string[] | null = null;
  let whole = true;
  for (const part of parts) {
    const held = heldBy(part);
    const joined: readonly string[] | null =
      held.exact && exact.length * held.exact.length <= MOST_EXACT
        ? exact.flatMap((a) => held.exact!.map((b) => a + b))
        : null;
    if (joined?.every((text) => text.length <= LONGEST)) {
      exact = joined;
      continue;
    }
    whole = false;
    needed = better(better(needed, exact), held.needed);
    exact = held.exact ?? [''];
  }
  needed = better(needed, exact);
  return { exact: whole ? exact : null, needed: whole ? null : needed };
}
