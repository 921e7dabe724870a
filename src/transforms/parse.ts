/**
 * `parse`: a line becomes fields, by the first of some formats that it is of.
 *
 *   parse: json        parse: {json: {into: app}}        parse: [json, logfmt, none]
 *
 * A line that is of none goes out as it is, with error.type. A field that is of none stays, and the record has an error.type
 * if it had none.
 */
import { choice, listOrOne, made, optional, valuesOf } from '../config/option.ts';
import { type Batch, routesIn } from '../core/batch.ts';
import { select } from '../core/select.ts';
import { log } from '../log.ts';
import { BatchText } from './batch-text.ts';
import { FORMATS } from './parse/all.ts';
import type { AnyFormat, CommonOptions, ParseContext } from './parse/format.ts';
import { ParseOnce } from './parse/once.ts';
import type { Verb } from './verb.ts';

/** A format as it was read. */
interface Chosen {
  readonly format: AnyFormat;
  readonly options: CommonOptions;
}

const ERROR = 'parse';
const PATH = 'log.file.path';
const EXAMPLE = '{json: {into: app}}';

/** What becomes of a line that is of none. */
function isTopic(fate: string): boolean {
  return fate !== 'pass' && fate !== 'drop';
}

export const parse: Verb<readonly Chosen[]> = {
  name: 'parse',
  parses: true,
  option: optional(
    formatsOption(),
    'The format of the lines, whose fields they become: one, or a list of which the first that a line is of is taken. A line that is of none goes out as it is, with error.type: parse, and is counted (failed); steps about fields leave it alone.',
  ),
  fields(chosen, names) {
    if (chosen.every(({ format, options }) => options.field === undefined && !format.keepsLine)) names.takeLine();
    for (const [i, { format, options }] of chosen.entries()) {
      const at = [i, format.name];
      if (options.field !== undefined && options.field !== PATH) names.read(options.field, ...at, 'field');
      format.fields(options, names, at);
      if (options.keep_message) names.make(['event.original']);
      if (options.field !== undefined) names.make(['error.type']);
    }
  },
  topics(chosen) {
    const on_failure = chosen.at(-1)?.options.on_failure ?? 'pass';
    return isTopic(on_failure) ? [on_failure] : [];
  },
  step(chosen, context) {
    const { program, kernel } = context;
    const parsers = chosen.map((one) => new Parser(one, context));
    const { on_failure, field } = chosen.at(-1)!.options;
    const resets = chosen[0]!.format.resets === true && chosen.every(({ options }) => options.field === undefined);
    const error = field === undefined && !program.supplied ? null : new ErrorType(context);
    const route = isTopic(on_failure) ? context.route(on_failure) : null;
    const names = [...new Set(chosen.map(({ format }) => format.name))].join(', ');
    return (batch, only) => {
      const { texts } = program;
      const { count } = batch;
      const fresh = program.rowsOf(batch, !resets || only !== null);
      let left = texts.choose(count, only);
      for (const parser of parsers) {
        if (left === 0) return;
        parser.parse(batch, fresh);
        left = texts.left(count);
      }
      if (left === 0) return;
      context.failed(left);
      const what = field === undefined ? 'lines' : `texts in ${field}`;
      const where = route === null ? 'out' : `to ${on_failure}`;
      const then = on_failure === 'drop' ? 'they are dropped' : `they go ${where} as they are, with error.type: parse`;
      log.warnOnce(
        `parse ${batch.stream.key} ${batch.stream.name}`,
        `${batch.stream.name} has ${what} that are not ${names}: ${then}, and counted (failed)`,
      );
      if (on_failure === 'drop') {
        const found = Uint8Array.from(texts.todo.subarray(0, count), (todo) => Number(todo !== 0));
        select(batch, kernel, found, 0);
        return;
      }
      if (route !== null) {
        const routes = routesIn(batch);
        for (let i = 0; i < count; i++) if (texts.todo[i] !== 0) routes[i] = route;
      }
      if (error) error.mark(count);
      else texts.fail(count);
    };
  },
};

/** One format, made for one step. */
class Parser {
  readonly #context: ParseContext;
  readonly #field: number | null;
  readonly #ofPath: boolean;
  readonly #parse: ReturnType<AnyFormat['make']>;
  #once: ParseOnce | undefined;
  readonly #path = new BatchText();

  constructor({ format, options }: Chosen, context: ParseContext | Parameters<typeof parse.step>[1]) {
    const { program } = context;
    this.#ofPath = options.field === PATH;
    this.#field = options.field === undefined || this.#ofPath ? null : program.cell(options.field);
    if (options.field !== undefined) program.texts.needOwn();
    this.#context = {
      kernel: context.kernel,
      program,
      arena: program.arena,
      conditional: context.conditional,
      failed: (count) => context.failed(count),
      slow: (count) => context.slow(count),
      gaveUp: (count) => context.gaveUp(count),
      watched: context.watched,
      instead: this.#field ?? program.message,
      original: options.keep_message ? program.ownCell('event.original') : null,
      texts: (_, i) => program.texts.at(i),
    };
    this.#parse = format.make(options, this.#context);
  }

  parse(batch: Batch, fresh: boolean): void {
    const { texts, process } = this.#context.program;
    const { count, slot, stream } = batch;
    if (this.#field !== null) texts.useField(count, this.#field);
    else if (this.#ofPath) {
      const path = this.#path.of(batch, process, stream.name);
      if (path === null) return;
      texts.useOne(count, path.at, path.bytes);
      this.#once ??= new ParseOnce(this.#context.program);
      this.#once.parse(count, () => this.#parse(batch, false));
      return;
    } else texts.useLines(slot);
    this.#parse(batch, fresh && this.#field === null);
  }
}

/** What is put where a field could not be parsed. */
class ErrorType {
  readonly #program: ParseContext['program'];
  readonly #cell: number;
  readonly #text: { at: number; bytes: number };

  constructor({ program }: { program: ParseContext['program'] }) {
    this.#program = program;
    this.#cell = program.cell('error.type');
    this.#text = { at: program.arena.place(Buffer.from(ERROR)), bytes: ERROR.length };
  }

  mark(count: number): void {
    this.#program.texts.mark(count, this.#cell, this.#text);
  }
}

function formatsOption() {
  const words = FORMATS.filter(({ word }) => word !== false).map(({ name }) => name);
  const named = { what: 'format', known: words };
  const withOptions = FORMATS.filter(({ option }) => option !== false);
  const fields = Object.fromEntries(
    withOptions.map(({ name, option, text }) => [name, optional(option as never, text)]),
  );
  return made(listOrOne(choice(fields, { example: EXAMPLE, beside: {}, named })), (written, refuse) => {
    if (written.length === 0) refuse([], 'is an empty list: name a format');
    const chosen = written.flatMap((one) => chosenOf(one as string | Record<string, unknown>) ?? []);
    for (const [i, { format, options }] of chosen.entries()) {
      if (i === chosen.length - 1) continue;
      if (format.name === 'none') refuse([i], 'takes any line: it must be the last of the list');
      else if (options.on_failure !== 'pass') {
        refuse(
          [i, format.name, 'on_failure'],
          'is never so: the next format of the list is tried; write it at the last',
        );
      }
    }
    return chosen;
  });
}

/** Undefined: what was wrong with it is said already. */
function chosenOf(written: string | Record<string, unknown>): Chosen | undefined {
  const has = (name: string) => (typeof written === 'string' ? written === name : written[name] !== undefined);
  const format = FORMATS.find(({ name }) => has(name));
  if (!format) return undefined;
  const options =
    typeof written === 'string' ? (format.option ? valuesOf(format.option, {}) : {}) : written[format.name];
  return { format, options: { keep_message: false, on_failure: 'pass', ...(options as Partial<CommonOptions>) } };
}
