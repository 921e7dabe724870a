/**
 * An event that leaves nothing to interpret, found so by one look at its bytes (plain-event.as.ts):
 *
 *   {"@timestamp":"2026-12-01T07:00:00.000Z","event":{"id":"7f3c-1",...},...}
 *
 * It is meant to take what clients send, and to be unsure of all else, as of a name with a backslash or a dot, of many names
 * in one object, of half a surrogate pair's escape: that is read by sources/audit/event.ts, which knows what it means and
 * what is wrong with it. So nothing is refused here; and what is found plain would be taken there, too, with the same id.
 */
import { readFileSync } from 'node:fs';
import { copyInto } from '../core/copy.ts';

/** Where in the bytes what is said of it stands: [from, to). */
export interface PlainEvent {
  idFrom: number;
  idTo: number;
  /** Its `service.name`; 0, 0: none. */
  serviceFrom: number;
  serviceTo: number;
}

/** Those that are larger are not looked at. */
const MOST_BYTES = 256 << 10;
const FOUND_AT = 2048;
const NAMES_AT = 4096;
const TEXT_AT = 65_536;
const PAGE = 65_536;

interface Exports {
  useTables(foundAt: number, namesAt: number): void;
  isPlain(from: number, to: number): number;
}

interface Kernel {
  exports: Exports;
  text: Uint8Array;
  found: Int32Array;
}

let kernel: Kernel | undefined;

/** What of these bytes, which are UTF-8, is plain; null: not all. */
export function plainEvent(event: Uint8Array): PlainEvent | null {
  if (event.length > MOST_BYTES) return null;
  kernel ??= open();
  const { exports, text, found } = kernel;
  copyInto(text, 0, event);
  if (exports.isPlain(TEXT_AT, TEXT_AT + event.length) === 0) return null;
  const [idFrom, idTo, serviceFrom, serviceTo] = [found[0]!, found[1]!, found[2]!, found[3]!];
  const service = serviceTo === 0 ? 0 : TEXT_AT;
  return {
    idFrom: idFrom - TEXT_AT,
    idTo: idTo - TEXT_AT,
    serviceFrom: serviceFrom - service,
    serviceTo: serviceTo - service,
  };
}

function open(): Kernel {
  const pages = (TEXT_AT + MOST_BYTES) / PAGE + 1;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const module = new WebAssembly.Module(readFileSync(new URL('./plain-event.wasm', import.meta.url)));
  const exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports;
  exports.useTables(FOUND_AT, NAMES_AT);
  return {
    exports,
    text: new Uint8Array(memory.buffer, TEXT_AT, MOST_BYTES),
    found: new Int32Array(memory.buffer, FOUND_AT, 4),
  };
}
