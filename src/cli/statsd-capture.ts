/** `runnel statsd capture`: packets as they come to the running agent, into a file (sources/statsd/captured.ts). */
import { closeSync, openSync, writeSync } from 'node:fs';
import { askFirst, bodyOf } from '../admin/client.ts';
import { formatSize } from '../core/units.ts';
import { LEFT_OUT, MAGIC, readRecord } from '../sources/statsd/captured.ts';
import { complain } from './output.ts';
import { type AgentChoice, silence, targetsFor } from './status.ts';

export interface CaptureOptions extends AgentChoice {
  seconds: string;
  output: string;
  maxSize: string;
}

const UNITS: Record<string, number> = { KiB: 1 << 10, MiB: 1 << 20, GiB: 1 << 30 };

/** Resolves to the exit code: 1 when no agent answers or the file cannot be written, 2 for wrong usage. */
export async function captureStatsd(options: CaptureOptions): Promise<number> {
  const seconds = /^\d{1,5}$/.test(options.seconds) ? Number(options.seconds) : 0;
  const size = /^(\d{1,6})(KiB|MiB|GiB)$/.exec(options.maxSize);
  if (seconds < 1 || !size) {
    complain('runnel: --seconds is a number from 1 on, and --max-size a size such as 64MiB');
    return 2;
  }
  const targets = (await targetsFor(options))?.filter((t) => 'socketPath' in t || options.admin !== undefined);
  if (!targets) return 2;
  try {
    const response = await askFirst(targets, '/capture?input=statsd');
    if (response.statusCode !== 200) {
      complain(`runnel: ${(await bodyOf(response)).trim()}`);
      return 1;
    }
    const timer = setTimeout(() => response.destroy(), seconds * 1000);
    const file = new CaptureFile(options.output, Number(size[1]) * UNITS[size[2]!]!);
    let early = false;
    try {
      for await (const chunk of response) if (!file.write(chunk as Buffer)) break;
      early = !file.full;
    } catch (error) {
      // It was ended here, by the time.
      if (!response.destroyed) throw error;
    } finally {
      clearTimeout(timer);
      response.destroy();
      file.close();
    }
    const why = file.full ? `: --max-size ${options.maxSize} is reached` : early ? ': the agent gives no more' : '';
    const left = file.leftOut > 0 ? `, ${file.leftOut} were left out: more than could be written` : '';
    complain(`${file.packets} packets, ${formatSize(file.bytes)} in ${options.output}${left}${why}`);
    return early && file.packets === 0 ? 1 : 0;
  } catch (error) {
    complain(`runnel: ${silence(error, options)}`);
    return 1;
  }
}

/** Whole records only. */
class CaptureFile {
  packets = 0;
  leftOut = 0;
  bytes = 0;
  full = false;
  readonly #fd: number;
  readonly #most: number;
  #rest = Buffer.alloc(0);

  constructor(path: string, most: number) {
    this.#fd = openSync(path, 'w', 0o600);
    this.#most = most;
    this.bytes = writeSync(this.#fd, MAGIC);
  }

  /** False: it is full. */
  write(chunk: Buffer): boolean {
    const all = Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (let read = readRecord(all, at); read; read = readRecord(all, at)) {
      if (this.bytes + read.next > this.#most) {
        this.full = true;
        break;
      }
      if (read.record.kind === LEFT_OUT) this.leftOut += read.record.bytes.readUInt32LE(0);
      else this.packets++;
      at = read.next;
    }
    for (let done = 0; done < at; ) done += writeSync(this.#fd, all, done, at - done);
    this.bytes += at;
    this.#rest = Buffer.from(all.subarray(at));
    return !this.full;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
