/** Unix datagrams are sent by Python: Node has none, and what is tested must not send to itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const PROGRAM = `
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
data = sys.stdin.buffer.read()
at = 0
while at < len(data):
    n = struct.unpack_from('<I', data, at)[0]
    s.send(data[at + 4:at + 4 + n])
    at += 4 + n
`;

/** Each waits until there is room for it. */
export async function sendDatagrams(path: string, datagrams: readonly (string | Buffer)[]): Promise<void> {
  const sender = spawn('python3', ['-c', PROGRAM, path], { stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = once(sender, 'exit');
  for (const text of datagrams) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(text));
    sender.stdin.write(Buffer.concat([length, Buffer.from(text as string)]));
  }
  sender.stdin.end();
  const [code] = await ended;
  if (code !== 0) throw new Error(`the sender ended with ${code}`);
}
