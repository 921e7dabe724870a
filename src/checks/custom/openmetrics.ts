/** `openmetrics`: what a program exposes for Prometheus. Counters become increases, histograms keep their buckets. */

import { wildcards } from '../../config/wildcards.ts';
import { CRITICAL, type CustomCheck, FINE, type Verdict } from './custom.ts';
import { readExposition } from './exposition.ts';
import type { CustomCheckConfig } from './options.ts';
import { answerOf, failureOf } from './request.ts';

const MOST_BYTES = 16 << 20;

export function openmetricsCheck(config: CustomCheckConfig): CustomCheck {
  const { url, allow = [], deny = [], rename = {}, max_bytes = MOST_BYTES } = config;
  const [allowed, denied] = [wildcards(allow), wildcards(deny)];
  /** By name: asked once. It is emptied where an endpoint makes up names without end. */
  const names = new Map<string, string | null>();
  const nameOf = (name: string): string | null => {
    let found = names.get(name);
    if (found === undefined) {
      const left = denied(name) || (allow.length > 0 && !allowed(name));
      found = left ? null : (rename[name] ?? name);
      if (names.size >= config.max_series) names.clear();
      names.set(name, found);
    }
    return found;
  };
  return {
    async run(to, signal): Promise<Verdict> {
      let message: string | null = null;
      try {
        const { status, body, cut } = await answerOf(config, max_bytes, signal);
        if (status !== 200) message = `answers ${status}`;
        else if (cut) message = `answers more than ${max_bytes} bytes (max_bytes)`;
        else await readExposition(body, to, { nameOf });
      } catch (error) {
        to.gauge('up', 0, {});
        if (signal.aborted) throw signal.reason;
        message = failureOf(error);
      }
      if (message === null) to.gauge('up', 1, {});
      return message === null ? FINE : { state: CRITICAL, message: `${url}: ${message}` };
    },
  };
}
