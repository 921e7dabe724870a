/** `http`: what a URL answers, how fast, and for how long its certificate is good. */
import { CRITICAL, type CustomCheck, FINE, type Verdict } from './custom.ts';
import type { CustomCheckConfig } from './options.ts';
import { answerOf, daysOfRefused, failureOf, withoutQuery } from './request.ts';

/** Of the body, where a text is looked for in it. */
const MOST_BYTES = 1 << 20;

export function httpCheck(config: CustomCheckConfig): CustomCheck {
  const { expect } = config;
  const place = withoutQuery(config.url!);
  return {
    async run(to, signal): Promise<Verdict> {
      const began = performance.now();
      const most = expect?.body === undefined ? 0 : MOST_BYTES;
      const answer = await answerOf(config, most, signal).catch((error: Error) => {
        if (signal.aborted) throw signal.reason;
        return error;
      });
      if (answer instanceof Error) {
        const isOver = (answer as NodeJS.ErrnoException).code === 'CERT_HAS_EXPIRED';
        const days = isOver ? await daysOfRefused(config, signal) : null;
        if (days !== null) to.gauge('tls.certificate.days_left', days, {}, 'd');
        return { state: CRITICAL, message: `${place}: ${failureOf(answer)}` };
      }
      const { status, body, certificateDays } = answer;
      to.gauge('http.check.duration', (performance.now() - began) / 1000, {}, 's');
      to.gauge('http.check.status_code', status, {});
      if (certificateDays !== null) to.gauge('tls.certificate.days_left', certificateDays, {}, 'd');
      const wanted = expect?.status ?? [];
      const right = wanted.length > 0 ? wanted.includes(status) : status >= 200 && status < 400;
      if (!right) return { state: CRITICAL, message: `${place} answers ${status}` };
      if (expect?.body !== undefined && !body.includes(expect.body))
        return { state: CRITICAL, message: `${place}: the answer does not hold ${JSON.stringify(expect.body)}` };
      return FINE;
    },
  };
}
