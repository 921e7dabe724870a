/** The kinds of receivers that are told of changes; each is loaded when it is configured. */
import { kindOf, type ReceiverConfig } from '../receiver.ts';
import type { Outlet } from './outlet.ts';

/** Null: it is told what is so, not what changed. */
export async function outletOf(receiver: ReceiverConfig): Promise<Outlet | null> {
  const { name, timeout } = receiver;
  switch (kindOf(receiver)) {
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
