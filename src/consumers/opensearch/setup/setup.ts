/** `--setup`: templates and streams, made before anything is written. */
import type { ConsumerHost, ConsumerSpec } from '../../kind.ts';
import type { OpenSearchOptions } from '../options.ts';

export async function setUp({ path }: ConsumerSpec<OpenSearchOptions>, host: ConsumerHost): Promise<string[]> {
  throw new Error(host.says(path, 'cannot be set up yet'));
}
