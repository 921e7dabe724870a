/** Unix datagrams are sent by Python: Node has none, and what is tested must not send to itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const PROGRAM = `
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
while True:
    length = sys.stdin.buffer.read(4)
    if len(length) < 4:
        break
    s.send(sys.stdin.buffer.read(struct.unpack('<I', length)[0]))
`;

/** A process that sends: who asks the kernel about it finds it until its end. */
export interface DatagramSender {
  /** Each waits until there is room for it. */
  send(datagrams: readonly (string | Buffer)[]): void;
  /** Resolves when all are sent, and the process is gone. */
  end(): Promise<void>;
}

export function datagramSender(path: string): DatagramSender {
  const sender = spawn('python3', ['-c', PROGRAM, path], { stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = once(sender, 'exit');
  return {
    send(datagrams) {
      for (const text of datagrams) {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(Buffer.byteLength(text));
        sender.stdin.write(Buffer.concat([length, Buffer.from(text as string)]));
      }
    },
    async end() {
      sender.stdin.end();
      const [code] = await ended;
      if (code !== 0) throw new Error(`the sender ended with ${code}`);
    },
  };
}

/** Each waits until there is room for it. */
export async function sendDatagrams(path: string, datagrams: readonly (string | Buffer)[]): Promise<void> {
  const sender = datagramSender(path);
  sender.send(datagrams);
  await sender.end();
}
