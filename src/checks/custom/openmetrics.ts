/** `openmetrics`: what a program exposes for Prometheus. Counters become increases, histograms keep their buckets. */

import { wildcards } from '../../config/wildcards.ts';
import { CRITICAL, type CustomCheck, FINE, type Verdict } from './custom.ts';
import { readExposition } from './exposition.ts';
import { KnownSeriesList } from './known-series.ts';
import type { CustomCheckConfig } from './options.ts';
import { answerOf, failureOf, WrongAnswer, withoutQuery } from './request.ts';

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
      found = left ? null : Object.hasOwn(rename, name) ? rename[name]! : name;
      if (names.size >= config.max_series) names.clear();
      names.set(name, found);
    }
    return found;
  };
  // A histogram is many series there, and one here.
  const known = new KnownSeriesList(config.max_series * 4);
  return {
    async run(to, signal): Promise<Verdict> {
      try {
        const { status, body, cut, type } = await answerOf(config, max_bytes, signal);
        if (status !== 200) throw new WrongAnswer(`answers ${status}`);
        if (cut) throw new WrongAnswer(`answers more than ${max_bytes} bytes (max_bytes)`);
        if (type.startsWith('application/openmetrics-text') && !/^# EOF\s*$/m.test(body.slice(-100)))
          throw new WrongAnswer('the answer is cut: OpenMetrics ends with # EOF');
        await readExposition(body, to, { nameOf }, signal, known);
        to.fact('up', 1);
        return FINE;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        to.discard();
        to.fact('up', 0);
        return { state: CRITICAL, message: `${withoutQuery(url!)}: ${failureOf(error)}` };
      }
    },
  };
}
