/** A mail an evaluation and rule; nodemailer speaks SMTP and encodes what stands in headers. The one door of nodemailer. */
import { abortable } from '../../core/abort.ts';
import type { EmailConfig } from '../receiver.ts';
import { type Channel, linesOf, MOST_TOLD, titleOf } from './channel.ts';
import { idempotencyKeyOf } from './webhook.ts';

export async function email({ url, from, to }: EmailConfig, timeout: number): Promise<Channel> {
  const { createTransport } = await import('nodemailer');
  const times = { connectionTimeout: timeout, greetingTimeout: timeout, socketTimeout: timeout };
  return {
    async tell(notification, signal) {
      signal.throwIfAborted();
      const { host, alerts } = { host: notification.alerts[0]?.host ?? '', ...notification };
      const transport = createTransport({ url, ...times, disableFileAccess: true, disableUrlAccess: true });
      try {
        const sent = transport.sendMail({
          from,
          to: [...to],
          subject: titleOf(notification).slice(0, 200).toWellFormed(),
          text: `${linesOf(alerts, MOST_TOLD).join('\n')}\n`,
          // The same when it is sent again.
          messageId: `<${idempotencyKeyOf(notification)}@${host.replace(/[^a-zA-Z0-9.-]/g, '-') || 'runnel'}>`,
          headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
        });
        await abortable(sent, signal);
        return { done: true };
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const { responseCode = 0, command, message } = error as Error & { responseCode?: number; command?: string };
        const said = message.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 200);
        // 5xx is for good, but for a login that somebody may put right.
        const refused = responseCode >= 500 && responseCode !== 530 && responseCode !== 535 && responseCode !== 554;
        if (refused) return { done: 'refused', error: said };
        return { done: false, error: said, unknown: responseCode === 0 && command !== 'CONN' };
      } finally {
        transport.close();
      }
    },
  };
}
