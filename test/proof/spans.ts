/** OTLP requests with faults beside protobufjs: many times those of the tests. */
import { fuzzRequests } from '../support/otlp-fuzz.ts';

/** Says what was compared. */
export async function proveSpans(seed: number, count: number): Promise<string> {
  const { taken, refused, mended, stricter } = await fuzzRequests({ seed, count });
  return (
    `OTLP: ${count} requests with faults (seed ${seed}): ${taken} taken (${mended} with text that was mended), ${refused} refused, ` +
    `${stricter} of them stricter than protobufjs and as strict as Go: no other difference`
  );
}
