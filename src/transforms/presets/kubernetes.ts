import type { Preset } from './preset.ts';

/** /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log */
const PODS =
  '/pods/(?<kubernetes.namespace>[^_/]+)_(?<kubernetes.pod.name>[^_/]+)_(?<kubernetes.pod.uid>[^/]+)/(?<kubernetes.container.name>[^/]+)/';
/** /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log */
const CONTAINERS = String.raw`/containers/(?<kubernetes.pod.name>[^_/]+)_(?<kubernetes.namespace>[^_/]+)_(?<kubernetes.container.name>[^/]+)-(?<container.id>[0-9a-f]{64})\.log`;

export const kubernetes: Preset = {
  about: 'Namespace, pod and container from the path of the file (/var/log/pods, /var/log/containers).',
  steps: [
    { parse: [PODS, CONTAINERS].map((pattern) => ({ regex: { pattern, field: 'log.file.path', search: true } })) },
  ],
};
