/** What the lines of an input pass before rules of alerts count them, in the memory where they are looked at. */
import { Format } from '../../../lines/format.ts';
import { Masking } from '../../../lines/masking.ts';
import { type Processing, processingOf } from '../../../transforms/process.ts';
import { WATCH_LINES } from '../../../transforms/watch.ts';
import type { LogConfig } from '../options.ts';
import type { AheadRoom } from './room.ts';

export interface AheadLinesOptions {
  input: LogConfig;
  room: AheadRoom;
  /** As of what is sent: records end where those end. */
  mostLines: number | undefined;
  mask_key: Buffer | null;
  watched: (rule: string, lines: number) => void;
}

export class AheadLines {
  readonly format: Format;
  readonly #masking: Masking | undefined;
  readonly #processing: Processing;

  constructor({ input, room, mostLines, mask_key, watched }: AheadLinesOptions) {
    const { kernel } = room;
    const steps = input.process.filter(({ verb }) => verb === WATCH_LINES);
    this.#masking = Masking.of(input.name, input.masks, kernel, mask_key);
    this.#processing = processingOf(steps, kernel, input.topic, undefined, undefined, watched)!;
    this.format = new Format(input, kernel, mostLines, this.#masking);
  }

  get steps(): Processing['steps'] {
    return this.#processing.steps;
  }

  close(): void {
    this.#processing.close();
    this.#masking?.close();
  }
}
