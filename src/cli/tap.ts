/** `runnel tap`: prints records as they leave, live, and says on stderr how many the agent did not show. */
import { createInterface } from 'node:readline';
import { askFirst, bodyOf } from '../admin/client.ts';
import { complain, lineOf } from './output.ts';
import { type AgentChoice, silence, targetsFor } from './status.ts';

interface Shown {
  topic: string;
  source: string;
  key: string;
  value: unknown;
  headers?: Record<string, string>;
}

/** What the agent says beside the records. */
type Said = { skipped: number } | { unmatched: Unmatched };
interface Unmatched {
  seconds: number;
  streams: string[];
  others: boolean;
}

/** Ends when the agent does. Resolves to the exit code: 1 when no agent answers, 2 when the configuration cannot be used. */
export async function tap(pattern: string | undefined, options: AgentChoice & { json?: boolean }): Promise<number> {
  const targets = (await targetsFor(options))?.filter((t) => 'socketPath' in t || options.admin !== undefined);
  if (!targets) return 2;
  const query = pattern === undefined ? '' : `?match=${encodeURIComponent(pattern)}`;
  try {
    const response = await askFirst(targets, `/tap${query}`);
    if (response.statusCode !== 200) {
      complain(`runnel: ${(await bodyOf(response)).trim()}`);
      return 1;
    }
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      const record = JSON.parse(line) as Shown | Said;
      if ('skipped' in record) {
        process.stderr.write(`skipped ${record.skipped} records: more than can be shown\n`);
      } else if ('unmatched' in record) complain(unmatchedText(record.unmatched, pattern));
      else process.stdout.write(lineOf(options.json ? line : textOf(record)));
    }
    process.stderr.write('the agent has stopped\n');
    return 0;
  } catch (error) {
    complain(`runnel: ${silence(error, options)}`);
    return 1;
  }
}

function unmatchedText({ seconds, streams, others }: Unmatched, pattern: string | undefined): string {
  if (streams.length === 0) return `nothing was sent in ${seconds} s: listening goes on`;
  const seen = `${streams.join(', ')}${others ? ' and others' : ''}`;
  return `nothing matched ${pattern} in ${seconds} s; streams seen: ${seen}`;
}

/** The record's value alone. */
function textOf({ value }: Shown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
