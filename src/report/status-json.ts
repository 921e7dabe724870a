/** The status as JSON, in pieces: that of very many files is neither made nor held in one. */
import type { LiveStatus } from './shape.ts';

/** So many files make a piece: a millisecond or two. */
const TOGETHER = 500;

export function* statusJson(status: LiveStatus): Generator<string> {
  let text = '';
  for (const [key, value] of Object.entries(status)) {
    text += `${text === '' ? '{' : ','}${JSON.stringify(key)}:`;
    if (!Array.isArray(value) || !value.some(hasFiles)) {
      text += JSON.stringify(value);
      continue;
    }
    text += '[';
    for (const [i, item] of value.entries()) {
      if (i > 0) text += ',';
      const { files, ...rest } = item as { files: Iterable<unknown> };
      text += `${JSON.stringify(rest).slice(0, -1)},"files":[`;
      let count = 0;
      for (const file of files) {
        text += `${count > 0 ? ',' : ''}${JSON.stringify(file)}`;
        if (++count % TOGETHER !== 0) continue;
        yield text;
        text = '';
      }
      text += ']}';
    }
    text += ']';
  }
  yield `${text}}\n`;
}

function hasFiles(item: unknown): boolean {
  return typeof item === 'object' && item !== null && 'files' in item;
}
