/**
 * Sockets that systemd has bound for this process, sd_listen_fds(3): they are open while it restarts, so nothing that
 * comes meanwhile is lost. They stay open as long as the process lives; whoever asks for one gets a descriptor of its own.
 */
import { closeOnExecute, duplicate, type SocketPlace, socketKind, socketPlace } from './sockets.ts';

interface Inherited {
  fd: number;
  kind: 'datagrams' | 'connections' | null;
  place: SocketPlace | null;
  asked: boolean;
}

/** The first that may be inherited. */
const FIRST = 3;
let sockets: Inherited[] = [];

/** To be called before any program is started: the environment is no one else's, nor are the descriptors. */
export function takeInheritedSockets(env: NodeJS.ProcessEnv = process.env): void {
  const count = Number(env.LISTEN_PID) === process.pid ? Number(env.LISTEN_FDS) || 0 : 0;
  delete env.LISTEN_PID;
  delete env.LISTEN_FDS;
  delete env.LISTEN_FDNAMES;
  sockets = Array.from({ length: Math.min(count, 64) }, (_, i) => {
    const fd = FIRST + i;
    closeOnExecute(fd);
    return { fd, kind: socketKind(fd), place: socketPlace(fd), asked: false };
  });
}

/** A descriptor of the socket that is bound there, which the caller closes; null: none was inherited. */
export function inheritedAt(place: SocketPlace, kind: 'datagrams' | 'connections'): number | null {
  const wanted = textOf(place);
  const found = sockets.find((socket) => socket.kind === kind && socket.place && textOf(socket.place) === wanted);
  if (!found) return null;
  found.asked = true;
  return duplicate(found.fd);
}

/** Those that nobody has asked for. */
export function unusedInherited(): string[] {
  return sockets.filter(({ asked }) => !asked).map(({ fd, place }) => (place ? textOf(place) : `descriptor ${fd}`));
}

/** The same for each way to write an address. */
function textOf(place: SocketPlace): string {
  if ('path' in place) return place.path;
  const { host, port } = place;
  return `${host.includes(':') ? new URL(`http://[${host}]`).hostname : host}:${port}`;
}
