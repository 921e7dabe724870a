/**
 * `runnel explain log PATH LINE`: the record that a line of a file would become, without a running agent. LINE is what the
 * line says: encoding_in does not change it. With `format` or `multiline` it may be several lines, and make several records.
 */
import { type ConfigChoice, configFor } from './locate.ts';
import { complain, printJson } from './output.ts';
import { inputOf, trial } from './trial.ts';

/** What TypeScript does not know of yet. */
const { parse, rawJSON } = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source: string }) => unknown): never;
  rawJSON(text: string): unknown;
};

/** A document whose numbers are printed as they are in Kafka: 1.0, and such that are too large for JavaScript's. */
function asWritten(document: string): Record<string, unknown> {
  return parse(document, (_, value, { source }) => (typeof value === 'number' ? rawJSON(source) : value));
}

/** Prints `{"input","topic","key","steps","value"[,"headers"]}`, value null where a step has dropped it; exit 1 when no input reads this path. */
export async function explainLog(path: string, line: string, choice: ConfigChoice): Promise<number> {
  const config = await configFor(choice);
  if (config === null) return 2;
  const input = inputOf(config, path);
  const told = typeof input === 'string' ? input : await trial(config, input, path, [line], asWritten);
  if (typeof told === 'string') {
    complain(`runnel: ${told}`);
    return 1;
  }
  for (const one of told) printJson(`${JSON.stringify(one)}\n`);
  return 0;
}
