// Engine.IO 4 over bare HTTP requests: a client that asks, and that polls only when the test says so.
const SEPARATOR = '\x1e';

export class RawPolling {
  #url;
  #ids = 0;

  constructor(id, url) {
    this.id = id;
    this.#url = `${url}/socket.io/?EIO=4&transport=polling`;
  }

  static async open(id, url) {
    const raw = new RawPolling(id, url);
    const [handshake] = await raw.poll();
    raw.#url += `&sid=${JSON.parse(handshake.slice(1)).sid}`;
    await raw.post('40');
    const heard = await raw.pollUntil((packet) => packet.startsWith('4'));
    if (!heard.some((packet) => packet.startsWith('40{'))) throw new Error(`${id} was not let in: ${heard}`);
    return raw;
  }

  /** One poll: the packets that it brings; none when the server has closed the session. */
  async poll() {
    const response = await fetch(this.#url);
    const text = await response.text();
    return response.ok ? text.split(SEPARATOR) : [];
  }

  /** The HTTP status for packets that are sent together. */
  async post(...packets) {
    const response = await fetch(this.#url, { method: 'POST', body: packets.join(SEPARATOR) });
    await response.arrayBuffer();
    return response.status;
  }

  /** A command as a packet that wants an answer. */
  packet(event, payload) {
    this.#ids += 1;
    return `42${this.#ids}${JSON.stringify([event, payload])}`;
  }

  /** Polls until a packet `matches`; what came is in order. An empty end means that it is over. */
  async pollUntil(matches) {
    const heard = [];
    while (!heard.some(matches)) {
      const packets = await this.poll();
      if (packets.length === 0) break;
      if (packets.includes('2')) await this.post('3');
      heard.push(...packets);
    }
    return heard;
  }

  /** Joins and polls for the answer, which comes behind the list. */
  async join(roomId) {
    await this.post(this.packet('join-room', { roomId, userId: this.id, userName: this.id }));
    const heard = await this.pollUntil((packet) => packet.startsWith('43'));
    if (!heard.some((packet) => packet.startsWith('43') && packet.includes('"ok":true'))) throw new Error(`${this.id} did not join: ${heard}`);
  }
}
