// Engine.IO 4 over a bare WebSocket: for frames that no client would send, for many light
// connections, and for a reader that stops reading.
import WebSocket from 'ws';
import { Log } from './log.mjs';

export class RawClient {
  #ws;
  #ids = 0;

  constructor(id, url, { token, onText } = {}) {
    this.id = id;
    this.log = new Log(id);
    this.onText = onText ?? null;
    this.#ws = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
      perMessageDeflate: false,
      maxPayload: 16 << 20,
    });
    this.#ws.on('message', (data) => this.#receive(data.toString(), token));
    this.#ws.on('close', () => this.log.add({ event: 'disconnect', args: [], local: true }));
    this.#ws.on('error', (error) => this.log.add({ event: 'connect_error', args: [error.message], local: true }));
  }

  static async open(id, url, options) {
    const raw = new RawClient(id, url, options);
    const { event, args } = await raw.log.next((e) => e.local, 'the Socket.IO connection');
    if (event !== 'connect') throw new Error(`${id} was not let in: ${event} ${args}`);
    return raw;
  }

  get connected() {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  /** One Engine.IO packet, as it is. */
  send(text) {
    if (this.connected) this.#ws.send(text);
  }

  /** Resolves with the arguments of the ack of an event whose arguments are given as JSON text. */
  ackText(event, json) {
    const number = (this.#ids += 1);
    const answer = this.log.next((e) => e.answers === number, `the ack of ${event} ${json.slice(0, 100)}`);
    this.send(`42${number}[${JSON.stringify(event)}${json === '' ? '' : `,${json}`}]`);
    return answer.then((entry) => entry.args);
  }

  async ack(event, ...args) {
    return (await this.ackText(event, args.map((arg) => JSON.stringify(arg)).join(',')))[0];
  }

  /** Everything that `write` sends leaves in one flush. */
  inOneFlush(write) {
    const socket = this.#ws._socket;
    socket.cork();
    try {
      return write();
    } finally {
      socket.uncork();
    }
  }

  /** How many acks came, by number. */
  ackCounts() {
    const counts = new Map();
    for (const { answers } of this.log.entries) {
      if (answers !== undefined) counts.set(answers, (counts.get(answers) ?? 0) + 1);
    }
    return counts;
  }

  stopReading() {
    this.#ws._socket.pause();
  }

  readAgain() {
    this.#ws._socket.resume();
  }

  /** Whatever is no WebSocket frame, or not one that the library would write. */
  sendBytes(bytes) {
    this.#ws._socket.write(bytes);
  }

  /** One packet in several WebSocket frames. */
  sendInParts(...parts) {
    for (const [i, part] of parts.entries()) this.#ws.send(part, { fin: i === parts.length - 1 });
  }

  /** The TCP connection ends without a WebSocket close frame. */
  close() {
    this.log.close();
    this.#ws.terminate();
  }

  #receive(text, token) {
    if (text === '2') return this.send('3');
    if (text.startsWith('0')) return this.send(`40${token === undefined ? '' : JSON.stringify({ token })}`);
    if (text.startsWith('40')) return this.log.add({ event: 'connect', args: [], local: true });
    if (this.onText?.(text)) return undefined;
    const [, type, id, json] = /^4([23])(\d*)([^]*)$/.exec(text) ?? [];
    if (type === '2') {
      const [event, ...args] = JSON.parse(json);
      return this.log.add({ event, args });
    }
    if (type === '3') return this.log.add({ event: 'ack', args: JSON.parse(json), answers: Number(id) });
    return this.log.add({ event: 'frame', args: [text] });
  }
}
