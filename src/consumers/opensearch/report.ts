/** How the status of this consumer is shown as figures. */
import type { Figures, Sample } from '../../core/figures.ts';
import type { OpenSearchStatus } from './open.ts';

type Said = readonly { id: string; status: OpenSearchStatus }[];

export function figures(said: Said, to: Figures): void {
  const of = (value: (status: OpenSearchStatus) => number | undefined): Sample[] =>
    said.map(({ id, status }) => [value(status) ?? 0, id]);
  const consumer = ['consumer'];
  const counter = (name: string, help: string, value: (status: OpenSearchStatus) => number | undefined) =>
    to.counter(`sink_opensearch_${name}`, help, consumer, of(value));
  counter('requests', 'Bulk requests sent.', ({ requests }) => requests);
  counter('request_bytes', 'Bytes of bulk requests, as they are sent.', ({ bytes }) => bytes);
  counter('retried', 'Documents that were sent again.', ({ retried }) => retried);
  counter('looked_up', 'Documents that were looked for before they were sent.', ({ looked_up }) => looked_up);
  counter('removed', 'Newer copies of documents that were deleted.', ({ removed }) => removed);
  counter('rolled_over', 'Streams that this process rolled over.', ({ upkeep }) => upkeep?.rolled_over);
  counter('deleted_indices', 'Indices that retention deleted.', ({ upkeep }) => upkeep?.deleted);
  to.gauge(
    'sink_opensearch_buffered_bytes',
    'Memory of bulk requests in use.',
    consumer,
    of(({ buffered_bytes }) => buffered_bytes),
  );
  const node = ['consumer', 'url'];
  const nodes = said.flatMap(({ id, status }) =>
    status.nodes.map(({ url, error }): Sample => [error ? 0 : 1, id, url]),
  );
  to.gauge('sink_opensearch_node_up', '1 while the node answers.', node, nodes);
  const stream = ['consumer', 'stream'];
  const limits = said.flatMap(({ id, status }) =>
    (status.streams ?? []).map(({ stream, limit }): Sample => [limit, id, stream]),
  );
  to.gauge('sink_opensearch_in_flight_limit', 'Requests at a time that a stream gets.', stream, limits);
}
