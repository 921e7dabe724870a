/** Who an alert is: the hash of its labels, the same that Alertmanager shows. */

/** FNV-1a's offset in two halves; its prime is 2^40 + PRIME. */
const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
const PRIME = 0x1b3;
const HALF = 2 ** 32;
const BETWEEN = 0xff;

/** 64-bit FNV-1a of the sorted labels, each `name 0xff value 0xff`; 16 hex digits. Empty values are no labels. */
export function fingerprintOf(labels: Readonly<Record<string, string>>): string {
  let [high, low] = [OFFSET_HIGH, OFFSET_LOW];
  const add = (byte: number) => {
    const mixed = (low ^ byte) >>> 0;
    const product = mixed * PRIME;
    high = (high * PRIME + Math.floor(product / HALF) + ((mixed << 8) >>> 0)) % HALF;
    low = product % HALF;
  };
  for (const name of Object.keys(labels).sort()) {
    if (labels[name] === '') continue;
    for (const text of [name, labels[name]!]) {
      for (const byte of Buffer.from(text)) add(byte);
      add(BETWEEN);
    }
  }
  return [high, low].map((half) => half.toString(16).padStart(8, '0')).join('');
}

/** Prometheus's label names: letters, digits and `_`, not beginning with a digit, and at least one of them. */
export function labelName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d|$)/, '_');
}
