/** Slack's incoming webhooks: at most about a message a second, text with `&`, `<` and `>` escaped. */
import type { Severity } from '../rule.ts';
import { type Channel, linesOf, statusOf, titleOf } from './channel.ts';
import { told } from './post.ts';

const COLORS: Record<Severity, string> = { critical: '#a30200', warning: '#daa038', info: '#439fe0' };
const GOOD = '#2eb886';
const MOST_LINES = 20;
/** Slack cuts longer ones. */
const LONGEST = 3000;
const PACE_MS = 1000;

export function slack(url: string, timeout: number): Channel {
  return {
    pace: PACE_MS,
    async tell(notification, signal) {
      const { alerts, at } = notification;
      const title = escaped(titleOf(notification));
      const text = escaped(linesOf(alerts, MOST_LINES).join('\n')).slice(0, LONGEST).toWellFormed();
      const color = statusOf(alerts) === 'resolved' ? GOOD : COLORS[alerts[0]?.severity ?? 'warning'];
      const attachment = {
        color,
        title,
        text,
        fallback: title,
        footer: 'runnel',
        ts: Math.floor(at / 1000),
        mrkdwn_in: [],
      };
      const body = JSON.stringify({ text: title, mrkdwn: false, attachments: [attachment] });
      return told(url, body, {}, { timeout, signal });
    },
  };
}

/** So that nothing in it is a link, or calls anybody. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
