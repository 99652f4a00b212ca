// One session of Engine.IO's polling transport, request by request: it sends no CONNECT and answers no
// ping by itself.
import assert from 'node:assert/strict';
import { request } from 'node:http';

const PING = /(^|\x1e)2(\x1e|$)/;

/** Where Socket.IO is, with this query. */
export function engine(query) {
  return `/socket.io/?${query}`;
}

/** Where a session that polls goes on as a WebSocket. */
export function webSocketOf(sid) {
  return engine(`EIO=4&transport=websocket&sid=${sid}`);
}

/** One request on a connection of its own: after a body that it has not read to the end the server hangs up. */
export function ask(url, query, { method = 'GET', body = '', headers } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(url + engine(query), { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more) => { text += more; });
      response.on('end', () => resolve({ status: response.statusCode, text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export class Session {
  constructor(url, sid, version) {
    this.url = url;
    this.sid = sid;
    this.query = `EIO=${version}&transport=polling&sid=${sid}`;
  }

  static async open(url, version = 4) {
    const { text } = await ask(url, `EIO=${version}&transport=polling`);
    return new Session(url, /"sid":"([^"]+)"/.exec(text)[1], version);
  }

  static async connected(url) {
    const session = await Session.open(url);
    await session.post('40');
    await session.until((text) => text.includes('40{'));
    return session;
  }

  poll() {
    return ask(this.url, this.query);
  }

  post(body, headers = { 'content-type': 'text/plain;charset=UTF-8' }) {
    return ask(this.url, this.query, { method: 'POST', body, headers });
  }

  /** One poll, whose ping is answered if it brings one. */
  async polled() {
    const reply = await this.poll();
    if (reply.status === 200 && PING.test(reply.text)) await this.post('3');
    return reply;
  }

  /** Polls until a poll brings what is wanted. */
  async until(wanted) {
    for (;;) {
      const { status, text } = await this.polled();
      assert.equal(status, 200, text);
      if (wanted(text)) return text;
    }
  }

  async join(roomId, id) {
    await this.post(`420["join-room",${JSON.stringify({ roomId, userId: id, userName: id })}]`);
    await this.until((text) => text.includes('430['));
  }

  /** Answers a ping: until the next one is due, the server waits for nothing from this session. */
  async answersPing() {
    await this.until((text) => PING.test(text));
  }
}
