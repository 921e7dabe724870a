/**
 * Records that follow the one before them in their stream, as most do: they are read many at a time (kernel/chain.ts).
 * Whatever does not is left where it is, to be looked at alone.
 */
import type { RecordScan } from '../../audit/scan.ts';
import { ChainKernel } from '../../kernel/chain.ts';
import type { Chain } from './chain.ts';

export class Following {
  /** How many were read so. */
  records = 0;
  readonly #kernel: ChainKernel;
  #last: Chain | null = null;
  #partition = -1;

  /** `textBytes`: see `text`. */
  constructor(textBytes: number) {
    this.#kernel = new ChainKernel(textBytes);
  }

  /** Where lines of an export are read to, and batches decompressed. */
  get text(): Buffer {
    return this.#kernel.text;
  }

  /** Behind the last line that was read. */
  get lineEnd(): number {
    return this.#kernel.lineEnd;
  }

  /** This record was read alone, and is the last one of its chain. */
  behind(scan: RecordScan, chain: Chain, partition: number): void {
    if (chain !== this.#last) this.#last?.settle();
    // Where streams take turns it would be in vain.
    const again = chain === this.#last && partition === this.#partition;
    if (again && scan.intact) this.#kernel.expect(scan.stream, scan.sequence, scan.claimed);
    else this.#kernel.forget();
    this.#last = chain;
    this.#partition = partition;
  }

  /** What was read alone was none that others follow. */
  forget(): void {
    this.#last?.settle();
    this.#last = null;
    this.#kernel.forget();
  }

  /** How many of the rows [row, end) of a section follow. */
  rows(partition: number, bytes: Buffer, table: Int32Array, row: number, end: number): number {
    if (partition !== this.#partition) return 0;
    return this.#take(this.#kernel.rows(bytes, table, row, end));
  }

  /** How many of the lines in [from, to) of `text` follow. */
  lines(from: number, to: number): number {
    return this.#take(this.#kernel.lines(from, to, this.#partition));
  }

  #take(count: number): number {
    if (count > 0) this.#last!.follow(count, this.#kernel);
    this.records += count;
    return count;
  }
}
