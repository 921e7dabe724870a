/** Opens the consumer: reads, and writes in bulk. */
import type { ConsumerHost, ConsumerSpec, OpenConsumer } from '../kind.ts';
import type { OpenSearchOptions } from './options.ts';

export async function openOpenSearch(
  { path }: ConsumerSpec<OpenSearchOptions>,
  host: ConsumerHost,
): Promise<OpenConsumer> {
  throw new Error(host.says(path, 'cannot be written to yet'));
}
