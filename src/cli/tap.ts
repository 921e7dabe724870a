/** `runnel tap`: prints records as they leave, live, and says on stderr how many the agent did not show. */
import { createInterface } from 'node:readline';
import { type AgentAddress, askFirst, bodyOf } from '../admin/client.ts';
import { aborted } from '../core/abort.ts';
import { complain, lineOf } from './output.ts';
import { type AgentChoice, silence, targetsFor } from './status.ts';

export interface Shown {
  topic: string;
  source: string;
  key: string;
  value: unknown;
  headers?: Record<string, string>;
}

/** What the agent says beside the records. */
type TapNotice = { skipped: number } | { unmatched: Unmatched };
interface Unmatched {
  seconds: number;
  streams: string[];
  others: boolean;
}

/** Ends when the agent does. Resolves to the exit code: 1 when no agent answers, 2 when the configuration cannot be used. */
export async function tap(pattern: string | undefined, options: AgentChoice & { json?: boolean }): Promise<number> {
  const targets = (await targetsFor(options))?.filter((t) => 'socketPath' in t || options.admin !== undefined);
  if (!targets) return 2;
  try {
    for await (const { line, said } of tapped(targets, pattern)) {
      if ('skipped' in said) {
        process.stderr.write(`skipped ${said.skipped} records: more than can be shown\n`);
      } else if ('unmatched' in said) complain(unmatchedText(said.unmatched, pattern));
      else process.stdout.write(lineOf(options.json ? line : valueText(said)));
    }
    process.stderr.write('the agent has stopped\n');
    return 0;
  } catch (error) {
    complain(`runnel: ${error instanceof NotShown ? error.message : silence(error, options)}`);
    return 1;
  }
}

/** The agent answers, and shows nothing: it says why. */
class NotShown extends Error {}

/**
 * What the agent shows of records that match, until it stops or the signal aborts; throws a sentence when it does not
 * show any.
 */
export async function* tapped(
  targets: readonly AgentAddress[],
  pattern: string | undefined,
  signal?: AbortSignal,
): AsyncGenerator<{ line: string; said: Shown | TapNotice }> {
  const query = pattern === undefined ? '' : `?match=${encodeURIComponent(pattern)}`;
  const response = await askFirst(targets, `/tap${query}`);
  try {
    if (response.statusCode !== 200) throw new NotShown((await bodyOf(response)).trim());
    const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY });
    if (signal) void aborted(signal).then(() => lines.close());
    for await (const line of lines) {
      yield { line, said: JSON.parse(line) as Shown | TapNotice };
    }
  } finally {
    response.destroy();
  }
}

function unmatchedText({ seconds, streams, others }: Unmatched, pattern: string | undefined): string {
  if (streams.length === 0) return `nothing was sent in ${seconds} s: listening goes on`;
  const seen = `${streams.join(', ')}${others ? ' and others' : ''}`;
  return `nothing matched ${pattern} in ${seconds} s; streams seen: ${seen}`;
}

/** The record's value alone. */
export function valueText({ value }: Shown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
