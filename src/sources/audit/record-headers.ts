/** Headers of a stream's records from one sender, encoded once: only the number differs. */
import { twentyDigits, writeTwentyDigits } from '../../audit/record.ts';
import { encodedHeaders } from '../../records/record-batch.ts';

const DIGITS = 20;

export class RecordHeaders {
  readonly stream: string;
  readonly #bytes: Buffer;
  readonly #sequenceAt: number;

  constructor(stream: string, peer: string, producer: string | null = null) {
    this.stream = stream;
    const before: [string, string][] = [
      ['stream', stream],
      ['sequence', twentyDigits(0)],
    ];
    const after: [string, string][] =
      producer === null
        ? [['peer', peer]]
        : [
            ['peer', peer],
            ['producer', producer],
          ];
    this.#sequenceAt = encodedHeaders(before).length - DIGITS;
    this.#bytes = encodedHeaders([...before, ...after]);
  }

  /** Those of the record of this number; the next call writes over them. */
  of(sequence: number): Buffer {
    writeTwentyDigits(this.#bytes, this.#sequenceAt, sequence);
    return this.#bytes;
  }
}
