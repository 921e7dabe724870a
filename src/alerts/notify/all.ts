/** The kinds of receivers that are told of changes; each is loaded when it is configured. */
import { type ReceiverConfig, receiverKindOf } from '../receiver.ts';
import type { Channel } from './channel.ts';

/** Null: it is told what is so, not what changed. */
export async function channelOf(receiver: ReceiverConfig): Promise<Channel | null> {
  const { name, timeout } = receiver;
  switch (receiverKindOf(receiver)) {
    case 'webhook':
      return (await import('./webhook.ts')).webhook(receiver.webhook!, name, timeout);
    case 'slack':
      return (await import('./slack.ts')).slack(receiver.slack!, timeout);
    case 'exec':
      return (await import('./exec.ts')).exec(receiver.exec!, name, timeout);
    case 'email':
      return (await import('./email.ts')).email(receiver.email!, timeout);
    case 'alertmanager':
      return null;
  }
}
