/** Where in a module an error is: `file:line: what`. */
import { execFile } from 'node:child_process';
import { isSea } from 'node:sea';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readTextSync } from '../../mounts/fs.ts';

const CHECK_MS = 5000;
/** Before what a parser says: `/etc/runnel/checks/queue.js:3`. */
const PARSED = /^(?<file>\S.*):(?<line>\d+)$/;
const CALLED = /:(\d+)(?::\d+)?\)?$/;

/** `last`: the URL of what was loaded last, when it happened. */
export async function faultOf(error: unknown, path: string, last: string | null): Promise<string> {
  if (!(error instanceof Error)) return `${path}: throws ${String(error)}`;
  const place = placeIn(error, path) ?? (error instanceof SyntaxError ? await placeOfSyntax(path, last) : null);
  return `${place ?? path}: ${error.message}`;
}

/** Where the stack knows. */
function placeIn(error: Error, path: string): string | null {
  const lines = (error.stack ?? '').split('\n');
  const { file, line } = (error instanceof SyntaxError && PARSED.exec(lines[0]!)?.groups) || {};
  if (file !== undefined) return `${file.startsWith('file:') ? fileURLToPath(file) : file}:${line}`;
  const url = pathToFileURL(path).href;
  const called = CALLED.exec(lines.find((text) => text.includes(url) || text.includes(path))?.trim() ?? '');
  return called ? `${path}:${called[1]}` : null;
}

/** Of a module's syntax the error itself has no place; Node says it where it only checks: of the module, or of what it imports. */
async function placeOfSyntax(path: string, last: string | null): Promise<string | null> {
  // That is the agent, and not Node.
  if (isSea()) return null;
  for (const file of new Set([path, last?.startsWith('file:') ? fileURLToPath(last) : path])) {
    const line = await wrongLine(file);
    if (line !== null) return `${file}:${line}`;
  }
  return null;
}

function wrongLine(file: string): Promise<string | null> {
  return new Promise((resolve) => {
    const how = { timeout: CHECK_MS, killSignal: 'SIGKILL', env: {} } as const;
    const child = execFile(process.execPath, ['--check', '--input-type=module', '-'], how, (_, __, said) =>
      resolve(/^\[stdin\]:(\d+)$/m.exec(said)?.[1] ?? null),
    );
    child.on('error', () => resolve(null));
    // It may have ended.
    child.stdin?.on('error', () => undefined).end(written(file));
  });
}

function written(file: string): string {
  try {
    return readTextSync(file);
  } catch {
    // It is gone since, or on a mount that may hang.
    return '';
  }
}
