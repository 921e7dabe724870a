/**
 * What paths say of containers, as the kubelet and Docker lay them out:
 *
 *   /var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log
 *   /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log            a link to the former
 *   /var/lib/docker/containers/ID/ID-json.log
 *
 * No name in Kubernetes has an underscore. By whatever directory they are mounted: the last names decide.
 */
import type { ContainerFacts } from './facts.ts';

const NAME = '[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?';
const POD = new RegExp(
  `/(${NAME})_(${NAME})_([A-Za-z0-9-]{1,64})/(${NAME})/(\\d+)\\.log(?:\\.[0-9.-]+)?(?:\\.gz|\\.tmp)?$`,
);
const LINK = new RegExp(`/(${NAME})_(${NAME})_(${NAME})-([0-9a-f]{64})\\.log$`);
const DOCKER = /\/([0-9a-f]{64})\/\1-json\.log(?:\.\d+)?(?:\.gz)?$/;

/** Null: it is no path of a container. */
export function factsOfPath(path: string): ContainerFacts | null {
  const pod = POD.exec(path);
  if (pod) {
    const [, namespace, name, uid, container, restarts] = pod;
    return { name: container, pod: { namespace, name, uid, container, restarts: Number(restarts) } };
  }
  const link = LINK.exec(path);
  if (link) {
    const [, name, namespace, container, id] = link;
    return { id, name: container, pod: { namespace, name, container } };
  }
  const docker = DOCKER.exec(path);
  return docker && { id: docker[1], runtime: 'docker' };
}

/** Where Docker says what it knows of the container with this log; null: it is none of Docker's. */
export function dockerConfigOf(path: string): string | null {
  return DOCKER.test(path) ? `${path.slice(0, path.lastIndexOf('/'))}/config.v2.json` : null;
}
