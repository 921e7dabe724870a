/** `parse: json`: an object a line. Its members stand at the top of the record, beside the envelope, or under one name. */
import { leaf, optional } from '../../config/option.ts';
import { JsonWalker } from '../../kernel/process/json.ts';
import { madeName } from '../field.ts';
import { NESTED, OWN_IN_LOG, objectsOf, WHOLE } from '../fields/envelope.ts';
import { gatheredBelow, placeNames } from '../fields/names.ts';
import { isObject, SlowJson } from '../fields/slow-json.ts';
import type { Program } from '../program.ts';
import { type CommonOptions, formatOptions, type Parse, type ParseFormat } from './format.ts';

interface JsonOptions extends CommonOptions {
  into?: string | undefined;
}

/** Records that the kernel gave back: of JSON, or of what may be none. */
const [SLOW, UNKNOWN] = [2, 3] as const;
const STILL = 1;

export const json: ParseFormat<JsonOptions> = {
  name: 'json',
  text: 'An object a line.',
  option: formatOptions({
    into: optional(
      leaf({ label: 'field', json: { type: 'string' }, example: 'app' }, (text) => madeName(text, [])),
      'The field that the whole object becomes. Left out, its members stand at the top of the record; what has the name of something of the envelope stands under conflict then.',
    ),
  }) as never,
  resets: true,
  fields({ into }, names) {
    if (into === undefined) return names.makeAny();
    names.make([into], 'json');
    names.makeAny(`${into}.`);
  },
  make({ into = '' }, { program, texts, instead, original, slow: count }): Parse {
    program.pass(into);
    let walker!: JsonWalker;
    let slow: SlowJson | undefined;
    program.onSeal(() => {
      walker = walkerOf(program, into);
    });
    return (batch, fresh) => {
      const { todo, todoAt } = program.texts;
      if (!fresh && program.conflicted) leaveConflicts(program, batch.count);
      const walked = walker.walk(batch.count, todoAt, { fresh, instead, original });
      if (walked.replaced > 0) program.replacedInSteps(walked.replaced);
      if (walked.slow === 0 && (fresh || !program.conflicted)) return;
      if (walked.slow > 0) count(walked.slow);
      slow ??= new SlowJson(program, program.tree.at(into));
      for (let i = 0; i < batch.count; i++) {
        const is = todo[i]!;
        if (is !== SLOW && is !== UNKNOWN) continue;
        todo[i] = STILL;
        const { at, bytes } = texts(batch, i);
        const text = program.process.bytes.subarray(at, at + bytes);
        if (is === UNKNOWN && !isObject(text)) continue;
        if (!slow.parse(text, i, instead, fresh)) continue;
        if (original !== null) program.process.setText(i, original, at, bytes);
        todo[i] = 0;
      }
    };
  },
};

/** Where a row has members of `conflict`, what comes to them is merged with care. */
function leaveConflicts({ tree: { conflicts }, texts: { todo }, process }: Program, count: number): void {
  if (conflicts === null) return;
  for (let i = 0; i < count; i++) if (todo[i] === STILL && process.cellOf(i, conflicts).meta !== 0) todo[i] = UNKNOWN;
}

function walkerOf(program: Program, into: string): JsonWalker {
  const { tree, own, more, process, arena } = program;
  const top = tree.at(into);
  const all = into === '' ? [...OWN_IN_LOG.map((name) => `log.${name}`), ...own] : [];
  return new JsonWalker(process, arena, {
    names: placeNames(tree, top, all, arena),
    more,
    root: top.number,
    gathered: [
      ...gatheredBelow(tree, top).map(({ name, node }) => ({ name, node: node.number, slow: false })),
      ...(into === '' ? [...WHOLE, ...objectsOf(program.named)] : []).map((name) => ({
        name,
        node: top.number,
        slow: true,
      })),
    ],
    nests: tree.nodes.flatMap(({ path, number }) => (NESTED.has(path) ? [number] : [])),
    rests: tree.nodes.map(({ rest }) => rest ?? 0),
    tables: program.jsonTables,
  });
}
