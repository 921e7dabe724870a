/** `container` of a `logs` entry: what is told of the container that wrote a file. */
import {
  alternative,
  leaf,
  list,
  option,
  optional,
  orFalse,
  section,
  type Values,
  Wrong,
} from '../../../config/option.ts';
import { path, url, yesNo } from '../../../config/types.ts';

/** Names of labels: as Docker and Kubernetes allow them, but what would break a field's name. */
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?$/;
const MOST_LABELS = 20;

function label() {
  const info = { label: 'label', json: { type: 'string', pattern: LABEL.source }, example: 'app.kubernetes.io/name' };
  return leaf(info, (text) => {
    if (!LABEL.test(text)) throw new Wrong('must be the name of a label, for example app.kubernetes.io/name');
    return text;
  });
}

export const containerOption = alternative(
  orFalse({
    labels: option(
      list(label()),
      [],
      `Labels of the container (Docker) or pod (Kubernetes) that records have as container.labels.NAME, kubernetes.labels.NAME; a dot in a name becomes _. At most ${MOST_LABELS}.`,
    ),
    kubelet: optional(
      section(
        {
          url: option(
            url('https://127.0.0.1:10250'),
            'https://127.0.0.1:10250',
            "This node's kubelet, which is asked for /pods: once for pods that are not known, never for a line.",
          ),
          token_file: option(
            path('/var/run/secrets/kubernetes.io/serviceaccount/token'),
            '/var/run/secrets/kubernetes.io/serviceaccount/token',
            'The token that is sent; read anew each time. It needs nodes/proxy or nodes/pods. Sent over https only.',
          ),
          ca_file: optional(
            path('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt'),
            "Who has signed the kubelet's certificate, in PEM. Default: whom Node knows.",
          ),
          insecure: option(yesNo(), 'false', 'true: whoever answers there is believed, whatever the certificate is.'),
        },
        'kubelet: {} for that of this node',
      ),
      "Asks the kubelet for what paths do not say: the container's id and image, labels of its pod, the node. Without it, and while it does not answer, records have what is known from paths and from Docker's files.",
    ),
  }),
  "true: records of containers say which wrote them, in fields of ECS: container.id, name, runtime, image.name and kubernetes.namespace, pod.name, pod.uid, container.name, node.name. Known from the path (/var/log/pods, /var/log/containers), Docker's config.v2.json beside the file, and the kubelet. Looked up once a file.",
);

export type ContainerConfig = Exclude<NonNullable<Values<typeof containerOption>>, false>;
export type KubeletConfig = NonNullable<ContainerConfig['kubelet']>;
