/**
 * With `exactly_once` no file is read at the start before Kafka has said how far each was committed. Until then a source of
 * its own follows the files of an input, from where data_dir has them, and sends nothing: rules see what it looks at. What
 * it knows of files ends with it, but for how far they were looked at.
 */
import { pause } from '../../../core/abort.ts';
import { Account } from '../../../core/account.ts';
import type { Output } from '../../../core/pipeline.ts';
import { log } from '../../../log.ts';
import type { TrackedFile } from '../file/file.ts';
import type { Prefix } from '../file/inode.ts';
import { FORMAT } from '../positions/journal.ts';
import { type Journal, Positions } from '../positions/positions.ts';
import { hasBefore } from '../positions/recognise.ts';
import type { Matches } from '../positions/unclaimed.ts';
import { type TailOptions, type TailSource, tailSource } from '../tail.ts';

/** Where Kafka says it at once there is nothing to look at. */
const SOON_MS = 500;

/** How far a file was looked at, and what lies before that. */
interface Foreseen {
  readonly to: number;
  readonly edge: number;
  readonly marker: Prefix;
}

export class Foresight {
  readonly #inputs: readonly string[];
  readonly #matches: Matches;
  #source: TailSource | null = null;
  /** By inode. */
  readonly #files = new Map<string, Foreseen>();

  /** `inputs`, `matches`: those that are configured, and which files each names. */
  constructor(inputs: readonly string[], matches: Matches) {
    this.#inputs = inputs;
    this.#matches = matches;
  }

  /** While it looks: what of the files it has seen. */
  get ahead(): TailSource['ahead'] {
    return this.#source?.ahead ?? null;
  }

  /** Until the signal aborts. `options`: of the source that will read the files. */
  async look(options: TailOptions, signal: AbortSignal): Promise<void> {
    if (!(await pause(SOON_MS, signal))) return;
    const { input, account } = options;
    const positions = this.#copyOf(options.positions, input.name);
    // Nobody is to be deleted, and nothing is lost here.
    const alone = {
      input: { ...input, delete_after: null },
      account: new Account(`${account.input} ahead`),
      positions,
    };
    const source = tailSource({
      ...options,
      ...alone,
      processing: undefined,
      routing: undefined,
      elsewhere: () => undefined,
    });
    this.#source = source;
    try {
      await source.run(nowhere(signal), signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn(`rules of alerts do not see lines of ${input.name} before Kafka is there: ${(error as Error).message}`);
    } finally {
      for (const { file, ...seen } of source.ahead?.places() ?? []) this.#files.set(file.key, seen);
      this.#source = null;
      await positions.close();
    }
  }

  /** The file is open, and about to be read to be sent: what was looked at does not count again, if that is what it holds. */
  take({ key, fd, stream }: TrackedFile): void {
    const seen = this.#files.get(key);
    if (!seen || fd === null) return;
    this.#files.delete(key);
    if (hasBefore(fd, seen.to, seen.marker)) Object.assign(stream.watched, { to: seen.to, edge: seen.edge });
  }

  #copyOf(positions: Positions, input: string): Positions {
    const all = positions.all().map((g) => [g.number, { ...g, ages: undefined }] as const);
    const copy = Positions.over(unwritten(), new Map(all), this.#inputs, this.#matches);
    if (positions.started(input)) copy.setStarted(input);
    return copy;
  }
}

/** Takes nothing. */
function nowhere(signal: AbortSignal): Output {
  const never = async () => {
    await pause(2 ** 31 - 1, signal);
    throw signal.reason;
  };
  return { take: never, push: never, discard: () => undefined };
}

function unwritten(): Journal {
  const nothing = async () => undefined;
  const file = { path: 'no journal', size: 0, stale: false, format: FORMAT, lost: false };
  return { ...file, append: nothing, replace: nothing, sync: nothing, close: nothing };
}
