/** `textfile`: files in Prometheus's text format that jobs leave, as node_exporter reads them. */
import { basename, dirname, join } from 'node:path';
import { wildcards } from '../../config/wildcards.ts';
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from '../../mounts/fs.ts';
import { CRITICAL, type CustomCheck, FINE, type Verdict } from './custom.ts';
import { readExposition } from './exposition.ts';
import type { CustomCheckConfig } from './options.ts';
import { failureOf } from './request.ts';

const MOST_FILES = 1000;
const MOST_BYTES = 16 << 20;

export function textfileCheck({ path, max_bytes = MOST_BYTES }: CustomCheckConfig): CustomCheck {
  const directory = dirname(path!);
  const isNamed = wildcards([basename(path!)]);
  return {
    async run(to, signal): Promise<Verdict> {
      const wrong: string[] = [];
      const names = readdirSync(directory)
        .filter((name) => !name.startsWith('.') && isNamed(name))
        .sort();
      for (const name of names.slice(0, MOST_FILES)) {
        signal.throwIfAborted();
        const file = join(directory, name);
        const mark = to.mark();
        try {
          const { text, written } = readWhole(file, max_bytes);
          if (text !== '' && !text.endsWith('\n'))
            throw new Error('the last line has no end: write it beside, then rename it');
          await readExposition(text, to, { nameOf: (metric) => metric }, signal);
          to.fact('textfile.mtime', written, { file }, 's');
        } catch (error) {
          signal.throwIfAborted();
          to.undo(mark);
          wrong.push(`${file}: ${failureOf(error)}`);
        }
      }
      if (names.length > MOST_FILES) wrong.push(`${path} is ${names.length} files: at most ${MOST_FILES} are read`);
      return wrong.length === 0 ? FINE : { state: CRITICAL, message: wrong.slice(0, 3).join('; ') };
    },
  };
}

function readWhole(file: string, most: number): { text: string; written: number } {
  // Of a FIFO nobody has to write.
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('is no file');
    if (stat.size > most) throw new Error(`has ${stat.size} bytes: at most ${most} are read (max_bytes)`);
    const bytes = Buffer.alloc(stat.size);
    const got = readSync(fd, bytes, 0, bytes.length, 0);
    return { text: bytes.toString('utf8', 0, got), written: stat.mtimeMs / 1000 };
  } finally {
    closeSync(fd);
  }
}
