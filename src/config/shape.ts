/**
 * A schema seen from outside, without valibot's wrappings: what the loader, the sample, the reference page and the
 * JSON Schema walk over.
 */
import * as v from 'valibot';
import type { ChoiceInfo, LeafInfo } from './option.ts';

export type Shape = Kind & {
  /** See `secret`. */
  secret?: 'whole' | 'arguments' | undefined;
};

type Kind =
  | { kind: 'leaf'; info: LeafInfo }
  /**
   * `orFalse`: may also be true or false. `off`: what that is called. `write`: see `section`. `unless`: with this key it need
   * not have what is required.
   */
  | {
      kind: 'map';
      fields: Map<string, Field>;
      orFalse: boolean;
      off?: string;
      write?: string | undefined;
      unless?: string;
    }
  /** A map with exactly one of the keys, and of those beside it what is wanted; or a name. */
  | { kind: 'choice'; fields: Map<string, Field>; beside: Map<string, Field>; info: ChoiceInfo }
  /** Anything: what it is made of is its own business. */
  | { kind: 'grammar'; info: LeafInfo }
  | { kind: 'dictionary'; value: Shape; example: string }
  /**
   * `commas`: what is between commas is an item. `single`: a map in its place is its one item. `none`: where it is empty
   * there is none.
   */
  | { kind: 'list'; item: Shape; commas: boolean; single: boolean; none: boolean };

export interface Field {
  shape: Shape;
  text: string;
  /** As written in a file; undefined where there is none. */
  fallback: unknown;
  required: boolean;
  /** It is for another setting than the default one. */
  alternative: boolean;
  /** What others call it. */
  elsewhere: readonly string[];
}

// biome-ignore lint/suspicious/noExplicitAny: valibot's schemas have no common type that shows their parts
type Any = any;

export function shapeOf(schema: unknown): Shape {
  const { secret } = v.getMetadata(schema as Any) as Any;
  return secret === undefined ? kindOf(schema) : { ...kindOf(schema), secret };
}

function kindOf(schema: unknown): Shape {
  const s = schema as Any;
  switch (s.type) {
    case 'optional':
      return shapeOf(s.wrapped);
    case 'lazy': {
      const { single, off, variant } = v.getMetadata(s) as Any;
      if (variant) return variantOf(variant);
      if (single) return { kind: 'list', item: shapeOf(single.item), commas: false, single: true, none: false };
      const inner = shapeOf(s.getter({}));
      return inner.kind === 'map' ? { ...inner, orFalse: true, off } : inner;
    }
    case 'array': {
      const { commas, none } = v.getMetadata(s);
      return { kind: 'list', item: shapeOf(s.item), commas: commas === true, single: false, none: none === true };
    }
    case 'record':
      return { kind: 'dictionary', value: shapeOf(s.value), example: (v.getMetadata(s) as Any).example };
    case 'object': {
      const fields = new Map<string, Field>();
      for (const [key, entry] of Object.entries<Any>(s.entries)) {
        fields.set(key, {
          shape: shapeOf(entry),
          text: v.getDescription(entry) ?? '',
          fallback: entry.type === 'optional' ? entry.default : undefined,
          required: entry.type !== 'optional',
          alternative: v.getMetadata(entry).alternative === true,
          elsewhere: (v.getMetadata(entry).elsewhere as readonly string[] | undefined) ?? [],
        });
      }
      const { choice: info, write } = v.getMetadata(s) as { choice?: ChoiceInfo; write?: string };
      if (!info) return { kind: 'map', fields, orFalse: false, write };
      const beside = new Map([...fields].filter(([key]) => key in info.beside));
      for (const key of beside.keys()) fields.delete(key);
      return { kind: 'choice', fields, beside, info };
    }
    default:
      if ('grammar' in v.getMetadata(s)) return { kind: 'grammar', info: (v.getMetadata(s) as Any).grammar };
      return { kind: 'leaf', info: (v.getMetadata(s) as { info: LeafInfo }).info };
  }
}

/** That of the usual one. What it must have need not be there with a key whose own section has a default for it. */
function variantOf({ usual, others }: { usual: unknown; others: Record<string, unknown> }): Shape {
  const shape = shapeOf(usual) as Shape & { kind: 'map' };
  const needed = [...shape.fields].filter(([, { required }]) => required).map(([key]) => key);
  const unless = Object.keys(others).find((key) => {
    const { fields } = shapeOf(others[key]) as Shape & { kind: 'map' };
    return needed.every((one) => !fields.get(one)?.required);
  });
  return unless === undefined ? shape : { ...shape, unless };
}

/** What may stand at a path, in words; undefined where it leads nowhere. */
export function labelAt(shape: Shape, path: readonly (string | number)[]): string | undefined {
  let at: Shape | undefined = shape;
  for (const step of path) {
    if (at?.kind === 'list') at = at.item;
    else if (at?.kind === 'dictionary') at = at.value;
    else if (at?.kind === 'choice') at = (at.fields.get(String(step)) ?? at.beside.get(String(step)))?.shape;
    else if (at?.kind === 'map') at = at.fields.get(String(step))?.shape;
  }
  if (at?.kind === 'map') return at.orFalse ? `true, ${at.off ?? 'false'} or a map` : 'a map';
  return at?.kind === 'leaf' || at?.kind === 'grammar' ? at.info.label : undefined;
}
