/** Who an alert is: the hash of its labels, the same that Alertmanager shows. */

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const MASK = (1n << 64n) - 1n;
const BETWEEN = 0xff;

/** 64-bit FNV-1a of the sorted labels, each `name 0xff value 0xff`; 16 hex digits. Empty values are no labels. */
export function fingerprintOf(labels: Readonly<Record<string, string>>): string {
  let hash = OFFSET;
  const add = (byte: number) => {
    hash = ((hash ^ BigInt(byte)) * PRIME) & MASK;
  };
  for (const name of Object.keys(labels).sort()) {
    if (labels[name] === '') continue;
    for (const text of [name, labels[name]!]) {
      for (const byte of Buffer.from(text)) add(byte);
      add(BETWEEN);
    }
  }
  return hash.toString(16).padStart(16, '0');
}

/** Prometheus's label names: letters, digits and `_`, not beginning with a digit. */
export function labelName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d)/, '_');
}
