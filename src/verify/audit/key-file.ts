/**
 * Public keys that are pinned, as a file has them: what `runnel audit key` prints (JSON, with validity), 64 hex digits a
 * line (# begins a comment), or PEM.
 */
import { createPublicKey } from '../../builtin.ts';

const HEX = /^[0-9a-f]{64}$/;
const RAW_BYTES = 32;
const PEM = /-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----/g;

/** 64 hex digits each. Throws a sentence without the file's name. */
export function pinnedKeys(text: string): string[] {
  const found = text.trimStart().startsWith('{')
    ? ofJson(text)
    : text.includes('-----BEGIN')
      ? ofPem(text)
      : ofLines(text);
  if (found.length === 0) throw new Error('holds no key');
  return found;
}

function ofJson(text: string): string[] {
  let parsed: { keys?: unknown };
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Error(`is no JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(parsed.keys)) throw new Error('has no list `keys`, as runnel audit key prints it');
  return parsed.keys.map((one: { key?: unknown } | string) => hexOf(typeof one === 'string' ? one : one?.key));
}

function ofLines(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  return lines.filter((line) => line !== '').map(hexOf);
}

function ofPem(text: string): string[] {
  return (text.match(PEM) ?? []).map((pem) => {
    let key: ReturnType<typeof createPublicKey>;
    try {
      key = createPublicKey(pem);
    } catch (error) {
      throw new Error(`holds a key that cannot be read: ${(error as Error).message}`);
    }
    if (key.asymmetricKeyType !== 'ed25519')
      throw new Error(`holds a key of ${key.asymmetricKeyType}: it has to be Ed25519`);
    return key.export({ format: 'der', type: 'spki' }).subarray(-RAW_BYTES).toString('hex');
  });
}

function hexOf(text: unknown): string {
  const hex = typeof text === 'string' ? text.toLowerCase() : '';
  if (!HEX.test(hex)) throw new Error(`holds ${JSON.stringify(text)}, which is no key: one has 64 hex digits`);
  return hex;
}
