/**
 * Which fields records have at a step, as far as the configuration tells. Each verb says what it reads and makes, in the
 * order of the steps; a field that cannot be there is refused with the one that was probably meant.
 *
 *   {parse: combined}   make       http.response.status_code, url.original, ...
 *   {parse: json}       makeAny    whatever the line has
 *   {rename: {a: b}}    rename     from here on a is gone
 */
import { nearest } from '../config/errors.ts';

/** What a record has before the first step. */
const LINE = 'message';

/** Looked at from the last to the first: the first that knows the name decides. */
type Event =
  | { kind: 'made'; name: string; by: string | null }
  /** It was refused: once is enough. */
  | { kind: 'told'; name: string }
  /** All names below the prefix, '' all. */
  | { kind: 'any'; prefix: string }
  /** What has become of those that `is` says yes to. */
  | { kind: 'gone'; is: (name: string) => boolean; why: string };

type Refuse = (path: readonly (string | number)[], message: string) => void;

export class FieldNames {
  /** Before the first step a record has its line, and what its source knows of it. */
  readonly #events: Event[] = [{ kind: 'made', name: LINE, by: null }];
  readonly #before: number;
  readonly #refuse: Refuse;
  /** A field was read or made. */
  used = false;
  /** The step needs tables in the memory of the input's program, with fields or without. */
  tables = false;
  /** The preset whose steps it is about: they stand nowhere. */
  within: string | null = null;
  /** Where the verb's options stand, and how its step is called. */
  #path: readonly (string | number)[] = [];
  #step = '';

  constructor(refuse: Refuse, known: readonly string[] = []) {
    for (const name of known) {
      if (name.endsWith('.')) this.#events.push({ kind: 'any', prefix: name });
      else this.#events.push({ kind: 'made', name, by: null });
    }
    this.#before = known.length === 0 ? 1 : 0;
    this.#refuse = refuse;
  }

  /** From here on it is about the step whose options stand at `path`. */
  at(path: readonly (string | number)[], step: string): void {
    this.#path = path;
    this.#step = step;
    this.used = false;
    this.tables = false;
  }

  /** The step needs the field; `path`: where it names it in its options. */
  read(name: string, ...path: (string | number)[]): void {
    this.used = true;
    const fate = this.#fateOf(name);
    if (fate === true) return;
    if (this.within === null) this.#refuse([...this.#path, ...path], fate);
    else this.#refuse(this.#path.slice(0, 1), `(${this.within}) needs ${name}, which ${fate}`);
    this.#events.push({ kind: 'told', name });
  }

  /** The step gives records these fields; `by`: what does, in words, and has no others: `combined`. */
  make(names: readonly string[], by: string | null = null): void {
    this.used = true;
    for (const name of names) this.#events.push({ kind: 'made', name, by });
  }

  /** The step gives records fields that only the line knows, all below `prefix` where there is one. */
  makeAny(prefix = ''): void {
    this.used = true;
    this.#events.push({ kind: 'any', prefix });
  }

  rename(old: string, next: string, ...path: (string | number)[]): void {
    this.read(old, ...path);
    this.#gone((name) => isWithin(name, old), `is called ${next} since ${this.#step}`);
    this.make([next]);
    // It may have been an object.
    this.#events.push({ kind: 'any', prefix: `${next}.` });
  }

  /** `is`: whether a name is among those that go. */
  remove(is: (name: string) => boolean): void {
    this.used = true;
    this.#gone(is, `was removed by ${this.#step}`);
  }

  /** The line is not among the fields any more: it became others, as the step says next. */
  takeLine(): void {
    this.#gone((name) => name === LINE, `was the line, of which ${this.#step} has made fields: it is called line`);
  }

  only(is: (name: string) => boolean): void {
    this.used = true;
    this.#gone((name) => !is(name), `is not among what ${this.#step} keeps`);
  }

  #gone(is: (name: string) => boolean, why: string): void {
    this.#events.push({ kind: 'gone', is, why });
  }

  /** True: it may be there. Else what is wrong. */
  #fateOf(name: string): true | string {
    for (const event of this.#events.toReversed()) {
      if ((event.kind === 'made' || event.kind === 'told') && event.name === name) return true;
      if (event.kind === 'any' && name.startsWith(event.prefix)) return true;
      if (event.kind === 'gone' && event.is(name)) return event.why;
    }
    if (this.#events.length === this.#before)
      return 'is a field, and no step before this one makes any: begin with one that parses';
    const made = this.#events.filter((event) => event.kind === 'made');
    const near = this.#meant(name, new Set(made.map((event) => event.name)));
    const by = (made.find((event) => event.name === near && event.by) ?? made.findLast(({ by }) => by))?.by;
    const hint = near ? `, did you mean ${near}?` : '';
    return by ? `is not there: ${by} has no ${name}${hint}` : `is not there: no step before this one makes it${hint}`;
  }

  #meant(name: string, made: ReadonlySet<string>): string | null {
    const below = this.#events.findLast((event) => event.kind === 'any');
    const there = [...made].filter((known) => this.#fateOf(known) === true);
    return meant(name, there) ?? (below && this.#fateOf(below.prefix + name) === true ? below.prefix + name : null);
  }
}

function isWithin(name: string, of: string): boolean {
  return name === of || name.startsWith(`${of}.`);
}

/** Of names in several parts people remember one: `status` is http.response.status_code, `method` http.request.method. */
function meant(name: string, known: readonly string[]): string | null {
  const last = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  const has = (is: (part: string) => boolean) => known.find((one) => one.split('.').some(is));
  return (
    has((part) => part === last) ??
    has((part) => part.split('_').includes(last)) ??
    has((part) => isShortFor(last, part)) ??
    nearest(name, known) ??
    // In a short word two letters make another one.
    (last.length > 4 ? has((part) => nearest(last, [part]) !== null) : null) ??
    null
  );
}

/** As `msg` is for message: its letters, in their order, from the first. */
function isShortFor(word: string, part: string): boolean {
  if (word.length < 2 || word.length >= part.length || word[0] !== part[0]) return false;
  let at = 0;
  for (const letter of part) if (letter === word[at]) at++;
  return at === word.length;
}
