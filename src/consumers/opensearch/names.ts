/** Names of data streams: `<prefix>-1` to `<prefix>-N`. Both products refuse the same characters, and so does this. */
import { type Leaf, leaf, Wrong } from '../../config/option.ts';

const PREFIX = /^[a-z0-9][a-z0-9._-]*$/;
/** An index of the stream is named `.ds-<name>-<date>-<number>`, of 255 bytes at most. */
const LONGEST = 200;

export function streamPrefix(example: string): Leaf<string> {
  const json = { type: 'string', pattern: PREFIX.source, maxLength: LONGEST };
  return leaf({ label: 'name of an index', json, example }, (value) => {
    if (/[A-Z]/.test(value)) throw new Wrong(`must be in lower case: write ${value.toLowerCase().slice(0, 80)}`);
    if (!PREFIX.test(value))
      throw new Wrong("must begin with a letter or a digit and have only those, '.', '_' and '-', not {}");
    if (value.length > LONGEST) throw new Wrong(`must have at most ${LONGEST} characters`);
    return value;
  });
}

/** In the order of their numbers. */
export function streamNames({ stream_prefix, streams }: { stream_prefix: string; streams: number }): string[] {
  return Array.from({ length: streams }, (_, i) => `${stream_prefix}-${i + 1}`);
}
