// A room whose members read and throw away what they are told, and what a change in it costs the server.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { Server } from './server.mjs';

const TICKS = 100;
const TOGETHER = 25;

/** CPU seconds that the process has used. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** A WebSocket client that parses nothing once it is in the room. */
class Member {
  bytes = 0;

  static enter(port, join) {
    const member = new Member();
    const socket = net.connect(port, '127.0.0.1');
    member.socket = socket;
    let text = '';
    return new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('data', (data) => {
        member.bytes += data.length;
        if (member.joined) return;
        text += data.toString('latin1');
        if (!member.opened && text.includes('\r\n\r\n')) {
          member.opened = true;
          member.send('40');
        }
        if (!member.connected && text.includes('40{"sid"')) {
          member.connected = true;
          member.send(`420${JSON.stringify(join)}`);
        }
        if (text.includes('430[{')) {
          member.joined = true;
          if (/430\[\{"(ok|success)":true/.test(text)) resolve(member);
          else reject(new Error(text.slice(text.indexOf('430['), text.indexOf('430[') + 200)));
          text = '';
        }
      });
      socket.write(
        'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
      );
    });
  }

  /** One text frame, masked with zeros. */
  send(text) {
    const body = Buffer.from(text);
    const head = body.length < 126 ? Buffer.from([0x81, 0x80 | body.length]) : Buffer.from([0x81, 0xfe, body.length >> 8, body.length & 255]);
    this.socket.write(Buffer.concat([head, Buffer.alloc(4), body]));
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** `dialect` is `delta` or `list`; `rate` changes a second, `at_once` of them together, for `seconds`. */
export async function measure({ dialect, size, rate, atOnce = 1, seconds }) {
  const server = await Server.start({ LOG__LEVEL: 'warn', SOCKET__PING_INTERVAL_MS: '300000', RATES__COMMANDS_PER_CONNECTION: 'off', RATES__COMMANDS_PER_USER: 'off' });
  const port = Number(new URL(server.url).port);
  const event = dialect === 'list' ? 'join-mediasoup-room' : 'join-room';
  try {
    const members = [];
    for (let first = 0; first < size; first += TOGETHER) {
      const wave = Array.from({ length: Math.min(TOGETHER, size - first) }, (_, i) => {
        const join = { roomId: 'room', userId: `user-${first + i}`, userName: `User ${first + i}` };
        return Member.enter(port, [event, join]);
      });
      members.push(...await Promise.all(wave));
    }
    await pause(2500);
    const sum = () => members.reduce((bytes, member) => bytes + member.bytes, 0);
    const [before, bytes, began] = [cpu(server.pid), sum(), performance.now()];
    let changes = 0;
    while (performance.now() - began < seconds * 1000) {
      for (let i = 0; i < atOnce; i += 1) {
        const member = members[changes % members.length];
        const isAudioMuted = Math.floor(changes / members.length) % 2 === 1;
        member.send(`42${JSON.stringify(['update-my-state', { roomId: 'room', isAudioMuted }])}`);
        changes += 1;
      }
      const next = began + (changes / rate) * 1000;
      await pause(Math.max(0, next - performance.now()));
    }
    await pause(1500);
    const [spent, sent] = [cpu(server.pid) - before, sum() - bytes];
    for (const member of members) member.socket.destroy();
    return { changes, micros: (spent / changes) * 1e6, bytes: sent / changes, perSecond: changes / seconds };
  } finally {
    await server.stop();
  }
}
