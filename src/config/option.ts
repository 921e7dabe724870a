/**
 * How an option is defined: once, as a valibot schema that carries its text.
 *
 *   linger: option(duration({ max: '1m' }), '50ms', 'How long a block waits for more records.')
 *           ^ what it may be                ^ default, as a user would write it    ^ documentation
 *
 * Check, default, JSON Schema, sample and reference page are read from that. A leaf gets the text as it stands in the
 * file: what it means is the option's business, not YAML's, so `version: 1.10` stays 1.10 and `no` is no boolean.
 */
import * as v from 'valibot';

/** What a leaf says about itself to the documentation and the JSON Schema. */
export interface LeafInfo {
  /** `duration`, `size`, `true or false`, ... */
  label: string;
  json: Record<string, unknown>;
  /** A value to show in the sample where there is no default. */
  example?: string;
  /** Of a grammar: under these keys a number is compared as text, so it must not be written as no program writes it. */
  numbers?: (key: string | undefined) => boolean;
  /** Of a grammar: what to write where nothing stands. */
  empty?: string;
  /** Of a grammar: what is empty is a value, too. */
  nulls?: boolean;
}

/** What is wrong with a value. `{}` in the text stands for the value; a secret is never put in its place. */
export class Wrong extends Error {}

/** What is wrong with a part of a value; `character`: of the text there. */
export class WrongAt extends Wrong {
  readonly path: readonly (string | number)[];
  readonly character: number | undefined;
  constructor(path: readonly (string | number)[], message: string, character?: number) {
    super(message);
    this.path = path;
    this.character = character;
  }
}

/** Ends the path of what is wrong with a part of a text. */
export interface CharacterKey {
  character: number;
}

/** A schema of anything, as far as valibot can tell. */
export type Grammar<T, In = unknown> = v.GenericSchema<In, T>;
/** A scalar as it may be written. */
export type Written = string | number | boolean;
export type Leaf<T> = v.GenericSchema<Written, T>;

/** A scalar. `parse` takes the text and throws Wrong. */
export function leaf<T>(info: LeafInfo, parse: (text: string) => T): Leaf<T> {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(String(dataset.value));
      } catch (error) {
        if (!(error instanceof Wrong)) throw error;
        addIssue({
          message: error.message,
          ...(error instanceof WrongAt && { path: pathOf(error.path, error.character) }),
        });
        return NEVER;
      }
    }),
    v.metadata({ info }),
  ) as unknown as Leaf<T>;
}

/**
 * Maps, lists and scalars after a grammar of their own. `parse` gets them with all scalars as text, and throws Wrong, or
 * WrongAt of a part.
 */
export function grammar<T>(info: LeafInfo, parse: (value: unknown) => T): Grammar<T> {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value);
      } catch (error) {
        if (!(error instanceof Wrong)) throw error;
        addIssue({
          message: error.message,
          ...(error instanceof WrongAt && { path: pathOf(error.path, error.character) }),
        });
        return NEVER;
      }
    }),
    v.metadata({ grammar: info }),
  ) as unknown as Grammar<T>;
}

function pathOf(path: WrongAt['path'], character?: number): [v.IssuePathItem, ...v.IssuePathItem[]] {
  const keys = character === undefined ? path : [...path, { character } satisfies CharacterKey];
  const item = (key: string | number | CharacterKey) => ({
    type: 'unknown',
    origin: 'value',
    input: null,
    key,
    value: null,
  });
  return keys.map(item) as unknown as [v.IssuePathItem, ...v.IssuePathItem[]];
}

/** What a schema makes of values that are right. */
export function valuesOf<S extends v.GenericSchema>(schema: S, values: unknown): Values<S> {
  return v.parse(schema, values);
}

export type Option<S extends v.GenericSchema> = v.OptionalSchema<S, v.InferInput<S>>;
export type Optional<S extends v.GenericSchema> = v.OptionalSchema<S, undefined>;
export type Fields = v.ObjectEntries;
export type Section<E extends Fields> = v.ObjectSchema<E, undefined>;
/** What a schema gives. */
export type Values<S extends v.GenericSchema> = v.InferOutput<S>;

/** An option with a default, written as in the file. */
export function option<S extends v.GenericSchema>(schema: S, fallback: v.InferInput<S>, text: string): Option<S> {
  return v.pipe(v.optional(schema, fallback as never), v.description(text)) as unknown as Option<S>;
}

/** An option that may be left out and then is undefined. */
export function optional<S extends v.GenericSchema>(schema: S, text: string): Optional<S> {
  return v.pipe(v.optional(schema), v.description(text)) as unknown as Optional<S>;
}

/** The same, for another setting than the default one: in the sample, which shows one that works, it is a comment. */
export function alternative<S extends v.GenericSchema>(schema: S, text: string): Optional<S> {
  return v.pipe(v.optional(schema), v.description(text), v.metadata({ alternative: true })) as unknown as Optional<S>;
}

/** What others call this option: whoever writes one of these is told its name here. */
export function calledElsewhere<S extends v.GenericSchema>(names: readonly string[], schema: S): S {
  return v.pipe(schema, v.metadata({ elsewhere: names })) as unknown as S;
}

/** An option that must be there. */
export function required<S extends v.GenericSchema>(schema: S, text: string): S {
  return v.pipe(schema, v.description(text)) as unknown as S;
}

/**
 * A map with known keys. Unknown ones are found before valibot sees the map. `write`: what to write in place of a single
 * value, where that is not plain from the first key: `tls: {} for the system's certificates`.
 */
export function section<E extends Fields>(fields: E, write?: string): Section<E> {
  const object = v.object(fields);
  return write === undefined ? object : (v.pipe(object, v.metadata({ write })) as unknown as Section<E>);
}

/**
 * A section, or another one with the same keys where one of these keys is there; of several the first decides. What the
 * usual one must have need not be there where another one says so.
 */
export function variant<S extends v.GenericSchema>(usual: S, others: Readonly<Record<string, v.GenericSchema>>): S {
  const keyOf = (input: unknown) => {
    return Object.keys(others).find((key) => (input as Record<string, unknown> | null)?.[key] !== undefined);
  };
  const either = v.lazy((input) => (others[keyOf(input) ?? ''] ?? usual) as never);
  return v.pipe(either, v.metadata({ variant: { usual, others } })) as unknown as S;
}

/** What stands beside the one key of a choice, and what a text in its place may be. */
export interface ChoiceInfo<Beside extends Fields = Fields> {
  example: string;
  beside: Beside;
  /** `what`: `preset`. */
  named: { what: string; known: readonly string[] };
  /** What to write for keys that are none, and that people look for. */
  others?: Readonly<Record<string, string>>;
}

/** A map with exactly one of these keys, which are optional as those beside it are; or a name in place of it. */
export function choice<E extends Fields, B extends Fields>(fields: E, info: ChoiceInfo<B>): Grammar<string | object> {
  const map = v.pipe(v.object({ ...info.beside, ...fields }), v.metadata({ choice: info }));
  // What it may be is checked before valibot sees it.
  const word = v.string();
  return v.lazy((input) => (typeof input === 'string' ? word : map) as never) as never;
}

/** What `make` makes of what a schema gives. Several things may be wrong with it, each `refuse`d at its place in that. */
export function made<S extends v.GenericSchema, T>(
  schema: S,
  make: (
    value: v.InferOutput<S>,
    refuse: (path: readonly (string | number)[], message: string, character?: number) => void,
  ) => T,
): v.GenericSchema<v.InferInput<S>, T> {
  return v.pipe(
    schema,
    v.rawTransform<v.InferOutput<S>, T>(({ dataset, addIssue, NEVER }) => {
      let right = true;
      const result = make(dataset.value, (path, message, character) => {
        right = false;
        addIssue({ message, path: pathOf(path, character) });
      });
      return right ? result : NEVER;
    }),
  ) as never;
}

export function list<S extends v.GenericSchema>(item: S): v.ArraySchema<S, undefined> {
  return v.array(item);
}

/** What is here may be a secret: all of it, or of a list all but the first. It is shown to nobody. */
export function secret<S extends v.GenericSchema>(schema: S, of: 'whole' | 'arguments' = 'whole'): S {
  return v.pipe(schema, v.metadata({ secret: of })) as unknown as S;
}

/** A list that says none where nothing stands, too: `http: []`, `http: null`. */
export function listOrNone<S extends v.GenericSchema>(item: S): v.ArraySchema<S, undefined> {
  return v.pipe(v.array(item), v.metadata({ none: true })) as unknown as v.ArraySchema<S, undefined>;
}

/** A list in whose place its one item may stand, also where that is a map. */
export function listOrOne<S extends v.GenericSchema>(item: S): v.GenericSchema<unknown, v.InferOutput<S>[]> {
  const all = v.array(item);
  const one = v.pipe(
    item,
    v.transform((value) => [value]),
  );
  const either = v.lazy((input) => (Array.isArray(input) ? all : one) as never);
  return v.pipe(either, v.metadata({ single: all })) as never;
}

/** A list that may be one text, parted by commas, as other programs have it. */
export function commaList<S extends v.GenericSchema>(item: S): v.ArraySchema<S, undefined> {
  return v.pipe(v.array(item), v.metadata({ commas: true })) as unknown as v.ArraySchema<S, undefined>;
}

/** A map whose keys the user chooses. `example`: one, as it is written. */
export function dictionary<S extends v.GenericSchema>(
  value: S,
  example = '{env: prod}',
): v.GenericSchema<Record<string, v.InferInput<S>>, Record<string, v.InferOutput<S>>> {
  return v.pipe(v.record(v.string(), value), v.metadata({ example })) as unknown as v.GenericSchema<
    Record<string, v.InferInput<S>>,
    Record<string, v.InferOutput<S>>
  >;
}

/** `false`, or a section; `true` is the section with its defaults. `word`: it says the same as `false`, and is shown in its place. */
export function orFalse<E extends Fields>(
  fields: E,
  word = 'false',
): v.GenericSchema<boolean | string | object, false | v.InferOutput<Section<E>>> {
  const whole = section(fields);
  const off = v.pipe(
    v.unknown(),
    v.transform(() => false as const),
  );
  const on = v.pipe(
    v.unknown(),
    v.transform(() => ({})),
    whole as never,
  );
  const bad = leaf<never>({ label: '', json: {} }, () => {
    throw new Wrong(`must be ${word} or a map, not {}`);
  });
  const either = v.lazy((input) => {
    if (input === false || input === 'false' || input === word) return off as never;
    if (input === true || input === 'true') return on as never;
    return (typeof input === 'string' ? bad : whole) as never;
  });
  return v.pipe(either, v.metadata({ off: word })) as never;
}
