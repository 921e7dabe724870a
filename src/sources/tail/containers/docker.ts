/**
 * What Docker knows of a container: `config.v2.json` beside its log. Of that:
 *
 *   {"ID","Name":"/web","Image":"sha256:...","Config":{"Image":"nginx:1.27","Labels":{...}}}
 *
 * Where the kubelet has made the container, labels say of which pod it is.
 */
import { readTextSync, statSync } from '../../../mounts/fs.ts';
import type { ContainerFacts } from './facts.ts';

/** A few KB as a rule: it has the environment, and labels. */
const MOST_BYTES = 1 << 20;
const OF_POD = 'io.kubernetes.';

/** Null: it cannot be read, or is something else. */
export function readDockerConfig(path: string): ContainerFacts | null {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.size > MOST_BYTES) return null;
    return factsOfDocker(JSON.parse(readTextSync(path)));
  } catch {
    // It is being written, is gone, or is not for us to read: the path says who it is.
    return null;
  }
}

export function factsOfDocker(said: unknown): ContainerFacts | null {
  const { ID, Name, Config } = saidObject(said);
  const { Image, Labels } = saidObject(Config);
  const id = saidText(ID);
  if (id === undefined) return null;
  const labels = saidObject(Labels) as Record<string, string>;
  const ofPod = (name: string) => saidText(labels[`${OF_POD}${name}`]);
  const container = ofPod('container.name');
  const names = { namespace: ofPod('pod.namespace'), name: ofPod('pod.name'), uid: ofPod('pod.uid') };
  const pod = container === undefined ? undefined : { ...names, container };
  const name = container ?? saidText(Name)?.replace(/^\//, '');
  return { id, name, runtime: 'docker', image: saidText(Image), labels, pod };
}

export function saidObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

export function saidText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
