/** Files that hold keys and tokens: whether others may read them. */
import { statSync } from 'node:fs';
import { formatFault, type Path } from '../../config/errors.ts';
import type { Tell } from '../../core/diagnosis.ts';
import type { LocatedConfig } from '../../options.ts';

const HOLDS_SECRET = /(key|token)_file$/;
const BY_EVERYBODY = 0o004;

export function diagnoseSecrets({ config, says }: Pick<LocatedConfig, 'config' | 'says'>, tell: Tell): void {
  for (const { path, file } of secretFiles(config, [])) {
    const mode = modeOf(file);
    if (mode === null || (mode & BY_EVERYBODY) === 0) continue;
    const message = formatFault(says(path, `${file} may be read by every user of this machine`));
    tell({ level: 'warning', about: 'files', message, remedy: `chmod o-rwx ${file}` });
  }
}

function* secretFiles(value: unknown, path: Path): Iterable<{ path: Path; file: string }> {
  if (typeof value !== 'object' || value === null) return;
  const entries = Array.isArray(value) ? value.map((item, i) => [i, item] as const) : Object.entries(value);
  for (const [key, inner] of entries) {
    const at = [...path, key];
    if (typeof inner === 'string' && HOLDS_SECRET.test(String(key))) yield { path: at, file: inner };
    else yield* secretFiles(inner, at);
  }
}

/** Null: it is not there, or may not be looked at; who needs it says so. */
function modeOf(file: string): number | null {
  try {
    return statSync(file, { throwIfNoEntry: false })?.mode ?? null;
  } catch {
    return null;
  }
}
