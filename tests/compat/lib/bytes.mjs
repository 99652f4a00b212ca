// Connections without any library: for bytes that no HTTP or WebSocket client would send.
import net from 'node:net';
import { Log } from './log.mjs';

export const OPCODE = { more: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa };
/** The reserved bits of a frame's first byte; the first says that the message is compressed. */
export const RSV = [0x40, 0x20, 0x10];
const WEBSOCKET = '/socket.io/?EIO=4&transport=websocket';
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

/**
 * A client's frame (RFC 6455, section 5.2), well-formed unless told otherwise. `announced` is the length
 * that it claims to have. The mask is zero, so that the payload can be read where the bytes are looked at.
 */
export function frame(payload, { opcode = OPCODE.text, fin = true, rsv = 0, masked = true, announced } = {}) {
  const body = Buffer.from(payload);
  const first = (fin ? 0x80 : 0) | rsv | opcode;
  const mask = masked ? 0x80 : 0;
  const length = announced ?? body.length;
  let head = Buffer.from([first, mask | Number(length)]);
  if (length > 0xffff) {
    head = Buffer.alloc(10, 0);
    head.writeBigUInt64BE(BigInt(length), 2);
    head.set([first, mask | 127]);
  } else if (length > 125) {
    head = Buffer.from([first, mask | 126, Number(length) >> 8, Number(length) & 0xff]);
  }
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), body]);
}

/** A request as text: the lines of its head, and its body as it is. */
export function http(lines, body = '') {
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** What the server said, and when it hung up, in the order in which it came. */
export class Bytes {
  #socket;
  #frames = null;

  constructor(id, url) {
    this.id = id;
    this.log = new Log(id);
    this.heard = '';
    this.#socket = net.connect(Number(new URL(url).port), '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (data) => this.#receive(data));
    this.#socket.on('close', () => this.log.add({ event: 'closed', args: [] }));
    // An attacker does not mind being cut off; that it was is told by `close`.
    this.#socket.on('error', () => {});
  }

  /** A connection whose handshake is over and that has said nothing yet. */
  static async webSocket(id, url, { path = WEBSOCKET, headers = [] } = {}) {
    const bytes = new Bytes(id, url);
    bytes.write(http([`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...UPGRADE, ...headers]));
    await bytes.log.until(() => bytes.heard.includes('\r\n\r\n') || bytes.isClosed, 'the end of the handshake');
    if (!bytes.heard.startsWith('HTTP/1.1 101 ')) throw new Error(`${id} was not let in: ${bytes.heard}`);
    bytes.#startFrames();
    return bytes;
  }

  get isClosed() {
    return this.log.entries.some(({ event }) => event === 'closed');
  }

  /** The HTTP statuses that were answered. */
  get statuses() {
    return [...this.heard.matchAll(/^HTTP\/1\.[01] (\d{3}) /gm)].map(([, status]) => Number(status));
  }

  /** The texts of all frames so far. */
  get texts() {
    return this.log.entries.filter(({ event }) => event === 'text').map(({ args }) => args[0]);
  }

  write(bytes) {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** A text frame. */
  send(text) {
    this.write(frame(text));
  }

  /** Writes what `next()` yields as fast as the server takes it, until it hangs up or there is no more. */
  async pour(next) {
    for (let bytes = next(); bytes !== null && this.#socket.writable; bytes = next()) {
      if (!this.#socket.write(bytes)) await this.#drained();
    }
  }

  /** Says no more; the server reads to the end and then hangs up. */
  end() {
    this.#socket.end();
    return this.closed();
  }

  closed(what = 'the end of the connection') {
    return this.log.until(() => this.isClosed, what);
  }

  text(matches, what = String(matches)) {
    return this.log.next(({ event, args }) => event === 'text' && matches(args[0]), what).then(({ args }) => args[0]);
  }

  stopReading() {
    this.#socket.pause();
  }

  close() {
    this.log.close();
    this.#socket.destroy();
  }

  #drained() {
    return new Promise((resolve) => {
      const go = () => {
        this.#socket.off('drain', go);
        this.#socket.off('close', go);
        resolve();
      };
      this.#socket.once('drain', go);
      this.#socket.once('close', go);
    });
  }

  #startFrames() {
    const end = this.heard.indexOf('\r\n\r\n') + 4;
    this.#frames = Buffer.from(this.heard.slice(end), 'latin1');
    this.handshake = this.heard.slice(0, end);
    this.#takeFrames();
  }

  #receive(data) {
    if (this.#frames === null) {
      this.heard += data.toString('latin1');
      this.log.add({ event: 'bytes', args: [data.length] });
      return;
    }
    this.#frames = Buffer.concat([this.#frames, data]);
    this.#takeFrames();
  }

  /** A server's frames are whole messages without a mask. */
  #takeFrames() {
    for (;;) {
      const [first, short] = this.#frames;
      const start = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (this.#frames.length < start) return;
      const length = payloadLength(this.#frames, short);
      if (this.#frames.length < start + length) return;
      const payload = this.#frames.subarray(start, start + length).toString();
      this.#frames = this.#frames.subarray(start + length);
      const opcode = first & 0xf;
      this.log.add({ event: opcode === OPCODE.text ? 'text' : `frame ${opcode}`, args: [payload] });
    }
  }
}

function payloadLength(header, short) {
  if (short === 127) return Number(header.readBigUInt64BE(2));
  return short === 126 ? header.readUInt16BE(2) : short;
}
