/**
 * A configuration as it may be given to others: what the schema calls secret is `***`, and so is whatever may be one by its
 * name where the schema leaves people free; `${NAME}` and `${file:PATH}` stay as they are written, comments are left out.
 */
import { dirname } from 'node:path';
import type { Env } from './config.ts';
import type { Fault } from './errors.ts';
import { AS_IT_IS, yamlOf } from './foreign.ts';
import { filesOf, readText } from './load.ts';
import type { Fields, Section } from './option.ts';
import { type Shape, shapeOf } from './shape.ts';
import { type Substitute, Substitution } from './substitute.ts';
import { readTree, type ScalarTree, type Tree, type Yaml } from './tree.ts';

export interface MaskedFile {
  path: string;
  /** YAML; null: it cannot be read. */
  text: string | null;
}

export interface MaskedConfig {
  files: MaskedFile[];
  /** Texts that must be shown nowhere: what was masked, and what `${...}` brings in its place. */
  secrets: Set<string>;
}

export const MASKED = '***';
/** Shorter ones are in everything. */
const SHORTEST_SECRET = 4;
/** Where a secret comes from is none. */
const PLACEHOLDER = /^\$\{(?:[A-Za-z_]\w*|file:[^{}:]*)\}$/;
/** Names of what people keep secret, where it is not where they keep it. */
const SECRET_NAME = /pass(?!ive)|secret|token|credential|api_?key|auth|cookie|signature|private/i;
const KEPT_ELSEWHERE = /_(file|path|url|mechanism)$/i;

/** Never rejects for what is wrong with the files. */
export async function maskedConfig(path: string, schema: Section<Fields>, env: Env): Promise<MaskedConfig> {
  const yaml = await import('yaml');
  const shape = shapeOf(schema);
  const secrets = new Set<string>();
  const substitution = new Substitution(env, dirname(path));
  const files: MaskedFile[] = [];
  for (const file of filesOf(path)) {
    const text = await readText(file, false, []);
    const written = text === null ? null : treeOf(yaml, text, file, AS_IT_IS);
    if (text === null || written === null) {
      files.push({ path: file, text: null });
      continue;
    }
    const shown = new Masking(secrets).of(written, { shape, key: '', secret: false });
    files.push({ path: file, text: await yamlOf(shown) });
    const brought = treeOf(yaml, text, file, substitution);
    if (brought) new Masking(secrets).of(brought, { shape, key: '', secret: false });
  }
  return { files, secrets };
}

/** What of a text may be a secret by its form alone, masked: in URLs, after Bearer, behind names, tokens that are known. */
export function maskForms(text: string): string {
  return text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, `$1${MASKED}@`)
    .replace(/(\bhttps?:\/\/[^\s?"'<>]+\?)[^\s"'<>]+/gi, `$1${MASKED}`)
    .replace(/\b(bearer|basic) +[\w+/=.~-]{6,}/gi, `$1 ${MASKED}`)
    .replace(/\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*/g, MASKED)
    .replace(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, MASKED)
    .replace(
      /\b([\w.-]*(?:password|passwd|secret|token|api_?key))(["']?\s*[=:]\s*["']?)(?!\*\*\*|(?:null|true|false|-?\d+(?:\.\d+)?)[,}\]]|\$\{|[{[])[^\s"',;&}]+/gi,
      `$1$2${MASKED}`,
    )
    .replace(/(\$\{[A-Za-z_]\w*:-)[^}]*(?=\})/g, `$1${MASKED}`);
}

/** Null: it is no YAML. Of what is wrong else the rest is read. */
function treeOf(yaml: Yaml, text: string, file: string, substitute: Substitute): Tree | null {
  const faults: Fault[] = [];
  const tree = readTree(yaml, text, file, substitute, faults);
  return tree.kind === 'empty' && faults.length > 0 ? null : tree;
}

interface At {
  /** Undefined: a grammar's own business, or what the schema does not know. */
  shape: Shape | undefined;
  /** The name that it stands behind. */
  key: string;
  secret: boolean;
}

class Masking {
  readonly #secrets: Set<string>;

  constructor(secrets: Set<string>) {
    this.#secrets = secrets;
  }

  of(tree: Tree, { shape, key, secret: within }: At): unknown {
    const secret = within || shape?.secret === 'whole' || isMisplaced(tree, shape);
    switch (tree.kind) {
      case 'empty':
        return null;
      case 'scalar':
        return this.#scalar(tree, secret || (shape?.kind === 'list' && shape.item.secret === 'whole'));
      case 'list':
        return tree.items.map((item, i) => {
          const isSecret = secret || (shape?.secret === 'arguments' && i > 0);
          return this.of(item, { shape: shape?.kind === 'list' ? shape.item : shape, key, secret: isSecret });
        });
      case 'map': {
        const entries = [...tree.entries].map(([name, { value }]) => {
          const { shape: inner, free } = below(shape?.kind === 'list' ? shape.item : shape, name);
          const unknown = !free && inner === undefined;
          const named = free && SECRET_NAME.test(name) && !KEPT_ELSEWHERE.test(name);
          return [maskForms(name), this.of(value, { shape: inner, key: name, secret: secret || unknown || named })];
        });
        return Object.fromEntries(entries);
      }
    }
  }

  #scalar({ text, value }: ScalarTree, secret: boolean): unknown {
    if (!secret) return typeof value === 'string' ? maskForms(value) : value;
    if (PLACEHOLDER.test(text)) return text;
    if (typeof value === 'boolean') return value;
    for (const part of [text, text.slice(text.indexOf('=') + 1)]) {
      if (part.length >= SHORTEST_SECRET && !part.startsWith('-')) this.#secrets.add(part);
    }
    return MASKED;
  }
}

/** Something of another form than the schema wants: nobody knows what it is. */
function isMisplaced(tree: Tree, shape: Shape | undefined): boolean {
  if (shape?.kind === 'map') return tree.kind === 'list' || (tree.kind === 'scalar' && typeof tree.value !== 'boolean');
  return shape?.kind === 'leaf' && (tree.kind === 'map' || tree.kind === 'list');
}

/** `free`: its names are people's own. */
function below(shape: Shape | undefined, key: string): { shape: Shape | undefined; free: boolean } {
  switch (shape?.kind) {
    case 'map':
      return { shape: shape.fields.get(key)?.shape, free: false };
    case 'choice':
      return { shape: (shape.fields.get(key) ?? shape.beside.get(key))?.shape, free: false };
    case 'dictionary':
      return { shape: shape.value, free: true };
    case 'leaf':
      return { shape: undefined, free: false };
    default:
      return { shape, free: true };
  }
}
