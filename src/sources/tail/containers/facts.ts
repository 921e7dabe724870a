/** What is known of the container that writes a file, and the fields that a record has of it. */

export interface ContainerFacts {
  id?: string | undefined;
  name?: string | undefined;
  /** `docker`, `containerd`, `cri-o`. */
  runtime?: string | undefined;
  image?: string | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  pod?: PodFacts | undefined;
}

export interface PodFacts {
  namespace?: string | undefined;
  name?: string | undefined;
  uid?: string | undefined;
  /** What the pod calls its container. */
  container?: string | undefined;
  /** How often that was started before. */
  restarts?: number | undefined;
  node?: string | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
}

/** A field, and where its text is found. */
interface ContainerField {
  readonly name: string;
  of(facts: ContainerFacts): string | undefined;
}

const FIELDS: readonly ContainerField[] = [
  { name: 'container.id', of: (facts) => facts.id },
  { name: 'container.name', of: (facts) => facts.name },
  { name: 'container.runtime', of: (facts) => facts.runtime },
  { name: 'container.image.name', of: (facts) => facts.image },
  { name: 'kubernetes.namespace', of: ({ pod }) => pod?.namespace },
  { name: 'kubernetes.pod.name', of: ({ pod }) => pod?.name },
  { name: 'kubernetes.pod.uid', of: ({ pod }) => pod?.uid },
  { name: 'kubernetes.container.name', of: ({ pod }) => pod?.container },
  { name: 'kubernetes.node.name', of: ({ pod }) => pod?.node },
];

/** Fields that steps may name; labels are those that are asked for. */
export const CONTAINER_FIELDS: readonly string[] = [
  ...FIELDS.map(({ name }) => name),
  'container.labels.',
  'kubernetes.labels.',
];

/** Bytes of one text, and of all of a record: it is in each record of the file. */
const [MOST_OF_TEXT, MOST_OF_ALL] = [512, 4096];

/** The names of all fields with these labels, in the order of `textsOf`. */
export function namesWith(labels: readonly string[]): string[] {
  return fieldsWith(labels).map(({ name }) => name);
}

/** The text of each field; null: it is not known, or there is no room for it beside those before it. */
export function textsOf(facts: ContainerFacts, labels: readonly string[]): (string | null)[] {
  let left = MOST_OF_ALL;
  return fieldsWith(labels).map((field) => {
    const text = field.of(facts);
    if (text === undefined || text === '') return null;
    const kept = cutTo(text, MOST_OF_TEXT);
    left -= Buffer.byteLength(kept) + field.name.length;
    return left < 0 ? null : kept;
  });
}

function fieldsWith(labels: readonly string[]): ContainerField[] {
  const unique = [...new Map(labels.map((label) => [partOf(label), label]))];
  return [
    ...FIELDS,
    ...unique.map(([part, label]) => ({
      name: `container.labels.${part}`,
      of: (facts: ContainerFacts) => ownText(facts.labels, label),
    })),
    ...unique.map(([part, label]) => ({
      name: `kubernetes.labels.${part}`,
      of: ({ pod }: ContainerFacts) => ownText(pod?.labels, label),
    })),
  ];
}

function ownText(labels: Readonly<Record<string, string>> | undefined, label: string): string | undefined {
  const text: unknown = labels && Object.hasOwn(labels, label) ? labels[label] : undefined;
  return typeof text === 'string' ? text : undefined;
}

/** `app` and `app.kubernetes.io/name` may stand side by side. */
function partOf(label: string): string {
  return label.replaceAll('.', '_');
}

/** Not within a character. */
function cutTo(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text.toWellFormed();
  let end = Math.min(text.length, bytes);
  while (Buffer.byteLength(text.slice(0, end)) > bytes) end--;
  return text
    .slice(0, end)
    .replace(/[\ud800-\udbff]$/, '')
    .toWellFormed();
}
