/**
 * How a record with fields is written:
 *
 *   {"@timestamp":"...","message":...,  members of the line, fields by name,  "conflict":{...},
 *    "event":{"dataset":..., ...},"log":{..., "file":{...},"offset":1,"length":2},"host":{...},"labels":{...}}
 *
 * `"file":{...}` up to the numbers' end, and all behind that, is the same text for all records of a stream that have the
 * same numbers: by that verify knows them. Items stand with the set of cells that they are for; of a known set those that
 * are left become a template whose texts between two values are one (kernel/as/process/emit.as.ts).
 */
import type { Conditions, TemplateStep } from '../../kernel/process/emit.ts';
import type { JsonEnvelope } from '../../records/envelope.ts';
import type { FieldNode, FieldTree } from './tree.ts';

export type TemplateItem = TemplateStep & Conditions;

export interface TemplateOptions {
  tree: FieldTree;
  /** The cell of `@timestamp`: milliseconds. */
  time: number;
  /** Cells of other runs: a bit each. */
  more: bigint;
  envelope: Pick<JsonEnvelope, 'dataset' | 'host' | 'labels'>;
}

const ALWAYS: Conditions = { any: 0n, and: 0n, none: 0n };

export function templateOf(o: TemplateOptions): TemplateItem[] {
  const { root } = o.tree;
  const own = (name: string) => root.children.get(name);
  const timed = { ...ALWAYS, any: bit(o.time) };
  const items: TemplateItem[] = [
    item('text', '{"@timestamp":"'),
    item('stamp', '', o.time, timed),
    item('read', '', 0, { ...ALWAYS, none: bit(o.time) }),
    item('text', '"'),
    ...member(o.tree.at('message'), o),
    ...runsOf(root, o),
  ];
  for (const child of root.children.values()) {
    if (child.path !== 'message' && !SPECIAL.has(child.path)) items.push(...member(child, o));
  }
  items.push(...conflicts(o));
  items.push(item('text', `,"event":{"dataset":${o.envelope.dataset}`));
  items.push(...within(own('event'), o));
  items.push(item('read', ',"created":"', 0, timed), item('text', '"', 0, timed));
  items.push(item('text', '},"log":{'), ...within(own('log'), o));
  items.push(item('file', ',"file":'), item('numbers', ''), item('text', tail(o.envelope)));
  return items;
}

/** A record whose parse failed: as it would be without steps, with `error.type`. */
export function unparsedTemplate(envelope: TemplateOptions['envelope']): TemplateStep[] {
  return [
    item('read', '{"@timestamp":"'),
    item('line', '","message":'),
    item('file', `,"error":{"type":"parse"},"event":{"dataset":${envelope.dataset}},"log":{"file":`),
    item('numbers', ''),
    item('text', tail(envelope)),
  ];
}

/** The template for records with this set of cells, whose values mostly are what is `expected` of them. */
export function variantOf(
  items: readonly TemplateItem[],
  set: bigint,
  expected: (cell: number) => 'string' | 'plain' | 'value',
): TemplateStep[] {
  const steps: TemplateStep[] = [];
  let text = '';
  /** Where the text of an object begins that may turn out to be empty. */
  let opened: { steps: number; text: string } | null = null;
  for (const one of items) {
    if (!holds(one, set)) continue;
    if (one.kind === 'open') opened = { steps: steps.length, text };
    if (one.kind === 'close') {
      if (opened?.steps === steps.length && text.endsWith('{')) text = opened.text;
      else text += '}';
      continue;
    }
    text += text.endsWith('{') && one.text.startsWith(',') ? one.text.slice(1) : one.text;
    if (one.kind === 'text' || one.kind === 'open') continue;
    const kind = one.kind === 'value' ? expected(one.cell) : one.kind;
    const quote = kind === 'string' ? '"' : '';
    steps.push({ kind, text: text + quote, cell: one.cell });
    text = quote;
  }
  steps.push({ kind: 'text', text, cell: 0 });
  return withSame(steps);
}

/** What is of the stream and of the batch stands together, at the end, before the numbers. */
function withSame(steps: readonly TemplateStep[]): TemplateStep[] {
  const to = steps.findIndex(({ kind }) => kind === 'file');
  const from = to - (steps[to - 1]?.kind === 'read' ? 1 : 0);
  const { text } = steps[from]!;
  const same = { kind: 'same', text, cell: to + 1 - from } as const;
  return [...steps.slice(0, from), same, { ...steps[from]!, text: '' }, ...steps.slice(from + 1)];
}

function holds({ any, and, none }: Conditions, set: bigint): boolean {
  return (any === 0n || (set & any) !== 0n) && (and === 0n || (set & and) !== 0n) && (set & none) === 0n;
}

/** Their leaves, or what they have of the line, stand elsewhere. */
const SPECIAL = new Set(['@timestamp', 'host', 'labels', 'conflict', 'log', 'event']);

/** A field, or an object of some. */
function member(node: FieldNode, o: TemplateOptions): TemplateItem[] {
  const key = `,${JSON.stringify(node.name)}:`;
  const any = contentOf(node);
  const items: TemplateItem[] = [];
  if (any !== 0n) {
    const there = { ...ALWAYS, any };
    items.push(item('text', `${key}{`, 0, there), ...within(node, o), item('text', '}', 0, there));
  }
  // Where it is both, the field stands under `conflict`.
  if (node.leaf !== null) items.push(item('value', key, node.leaf, { ...ALWAYS, any: bit(node.leaf), none: any }));
  return items;
}

/** The members of an object. */
function within(node: FieldNode | undefined, o: TemplateOptions): TemplateItem[] {
  if (!node) return [];
  const children = [...node.children.values()].filter(({ path }) => path !== 'event.dataset');
  return [...runsOf(node, o), ...children.flatMap((child) => member(child, o))];
}

function runsOf({ rest, number }: FieldNode, { more }: TemplateOptions): TemplateItem[] {
  if (rest === null) return [];
  const there = { ...ALWAYS, any: bit(rest) };
  const first = item('rest', ',', rest, there);
  return more === 0n ? [first] : [first, item('runs', '', number, { ...there, and: more })];
}

/** What of the line has the name of something else. */
function conflicts(o: TemplateOptions): TemplateItem[] {
  const items: TemplateItem[] = [];
  const { root, nodes } = o.tree;
  const own = (name: string) => root.children.get(name);
  const rest = o.tree.conflicts;
  if (rest !== null) items.push(item('rest', ',', rest, { ...ALWAYS, any: bit(rest) }));
  for (const name of ['@timestamp', 'host', 'labels', 'conflict', 'log', 'event']) {
    const leaf = own(name)?.leaf ?? null;
    if (leaf !== null) items.push(item('value', `,"${name}":`, leaf, { ...ALWAYS, any: bit(leaf) }));
  }
  const event = own('event');
  const dataset = event?.children.get('dataset')?.leaf ?? null;
  if (dataset !== null) {
    // Beside an event that is no object it keeps its dotted name.
    const whole = event!.leaf === null ? 0n : bit(event!.leaf);
    const there = { ...ALWAYS, any: bit(dataset), none: whole };
    items.push(item('value', ',"event":{"dataset":', dataset, there), item('text', '}', 0, there));
    if (whole !== 0n) items.push(item('value', ',"event.dataset":', dataset, { ...there, and: whole, none: 0n }));
  }
  for (const node of nodes) {
    if (node.path === '' || SPECIAL.has(node.path) || node.leaf === null) continue;
    const and = contentOf(node);
    if (and !== 0n)
      items.push(item('value', `,${JSON.stringify(node.path)}:`, node.leaf, { any: bit(node.leaf), and, none: 0n }));
  }
  return items.length === 0 ? [] : [item('open', ',"conflict":{'), ...items, item('close', '}')];
}

/** The cells of what an object holds. */
function contentOf(node: FieldNode): bigint {
  let set = node.rest === null ? 0n : bit(node.rest);
  for (const child of node.children.values()) {
    if (child.leaf !== null) set |= bit(child.leaf);
    set |= contentOf(child);
  }
  return set;
}

function tail({ host, labels }: TemplateOptions['envelope']): string {
  return `},"host":${host}${labels ? `,"labels":${labels}` : ''}}`;
}

function bit(cell: number): bigint {
  return 1n << BigInt(cell);
}

function item(kind: TemplateStep['kind'], text: string, cell = 0, conditions = ALWAYS): TemplateItem {
  return { kind, text, cell, ...conditions };
}
