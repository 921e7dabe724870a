/** Requests that have every field of the schema somewhere, by OpenTelemetry's descriptors: made, not thought of. */
import protobuf from 'protobufjs';
import { type Decoded, REQUEST_TYPES, type Signal } from './otlp-decoder.ts';

export type Random = (below: number) => number;

const TEXTS = [
  '',
  'GET /orders/{id}',
  'service.name',
  'é',
  '日本語',
  '😀',
  'a'.repeat(15),
  'b'.repeat(16),
  'c'.repeat(17),
  'd'.repeat(300),
];
const DEEPEST = 9;

/** As protobufjs takes it. */
export function randomRequest(signal: Signal, random: Random): object {
  return randomMessage(REQUEST_TYPES[signal], random, 0);
}

export function randomMessage(type: protobuf.Type, random: Random, depth: number): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  const chosen = new Map(type.oneofsArray.map((one) => [one, one.fieldsArray[random(one.fieldsArray.length)]]));
  for (const field of type.fieldsArray) {
    field.resolve();
    const isId = /^(traceId|spanId)$/.test(field.name);
    if (field.partOf && chosen.get(field.partOf) !== field) continue;
    if (!isId && random(4) === 0) continue;
    if (depth > DEEPEST && field.resolvedType instanceof protobuf.Type) continue;
    const one = () => randomValue(field, random, depth);
    message[field.name] = field.repeated ? Array.from({ length: random(4) }, one) : one();
  }
  return message;
}

function randomValue(field: protobuf.Field, random: Random, depth: number): unknown {
  const { resolvedType, type, name } = field;
  if (resolvedType instanceof protobuf.Type) return randomMessage(resolvedType, random, depth + 1);
  if (resolvedType instanceof protobuf.Enum) return random(Object.keys(resolvedType.values).length + 2);
  if (type === 'string') return TEXTS[random(TEXTS.length)];
  if (type === 'bytes') {
    const length = name === 'traceId' ? 16 : /[sS]panId$/.test(name) ? 8 : random(40);
    return Buffer.from(Array.from({ length }, () => random(256)));
  }
  if (type === 'bool') return random(2) === 1;
  if (type === 'double') return [0, -1.5, 1e300, 0.1, 12345.678, Number.MAX_SAFE_INTEGER][random(6)];
  if (/64$/.test(type)) return [0, 1, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER][random(6)];
  return [0, 1, 127, 128, 16384, 2 ** 31 - 1][random(6)];
}

/** Each item with what stands around it, as text, in one order: two requests are equal when these are. */
export function itemsOf(decoded: Decoded): string[] {
  const all: string[] = [];
  for (const inResource of Object.values<Decoded>(decoded).flat()) {
    const scopes: Decoded[] = inResource.scopeSpans ?? inResource.scopeMetrics ?? inResource.scopeLogs ?? [];
    const around = [inResource.resource, inResource.schemaUrl];
    for (const scope of scopes) {
      for (const item of scope.spans ?? scope.metrics ?? scope.logRecords ?? [])
        all.push(JSON.stringify([...around, scope.scope, scope.schemaUrl, item]));
    }
  }
  return all.sort();
}
