// Redis' wire format, RESP 2 and 3: where a frame ends, what it says, and a client that needs no package.
import net from 'node:net';

const LINE_TYPES = new Set('+-:_#,('.split('').map((c) => c.charCodeAt(0)));
const BULK_TYPES = new Set('$=!'.split('').map((c) => c.charCodeAt(0)));
const [ARRAY, SET, PUSH, MAP, ATTRIBUTE] = [...'*~>%|'].map((c) => c.charCodeAt(0));
/** What one unfinished frame may hold back in a filter. Beyond it everything passes unseen. */
const MOST_HELD_BYTES = 64 * 1024 * 1024;

function lineEnd(buffer, from) {
  const at = buffer.indexOf('\r\n', from, 'latin1');
  return at < 0 ? -1 : at + 2;
}

/** Where the frame that begins at `from` ends, or -1 when it is not there yet. */
export function frameEnd(buffer, from) {
  if (from >= buffer.length) return -1;
  const type = buffer[from];
  const body = lineEnd(buffer, from);
  if (body < 0) return -1;
  if (LINE_TYPES.has(type)) return body;
  const count = Number(buffer.toString('latin1', from + 1, body - 2));
  if (BULK_TYPES.has(type)) {
    const end = count < 0 ? body : body + count + 2;
    return end <= buffer.length ? end : -1;
  }
  let parts = Math.max(count, 0);
  if (type === MAP) parts *= 2;
  // Attributes come before the value that they belong to.
  else if (type === ATTRIBUTE) parts = parts * 2 + 1;
  else if (type !== ARRAY && type !== SET && type !== PUSH) throw new Error(`no RESP type: byte ${type}`);
  let at = body;
  for (let i = 0; i < parts && at >= 0; i += 1) at = frameEnd(buffer, at);
  return at;
}

/** Numbers, strings, null, booleans, arrays, objects for maps; an Error for an error. */
export function decode(buffer, from = 0) {
  return read(buffer, from).value;
}

function read(buffer, from) {
  const body = lineEnd(buffer, from);
  const text = buffer.toString('utf8', from + 1, body - 2);
  switch (String.fromCharCode(buffer[from])) {
    case '+': return { value: text, at: body };
    case '-': return { value: new Error(text), at: body };
    case ':': case ',': return { value: Number(text), at: body };
    case '(': return { value: BigInt(text), at: body };
    case '_': return { value: null, at: body };
    case '#': return { value: text === 't', at: body };
    case '$': case '=': case '!': {
      const length = Number(text);
      if (length < 0) return { value: null, at: body };
      return { value: buffer.toString('utf8', body, body + length), at: body + length + 2 };
    }
    default: return readMany(buffer, from, body, Number(text));
  }
}

function readMany(buffer, from, body, count) {
  if (count < 0) return { value: null, at: body };
  const map = buffer[from] === MAP;
  const items = [];
  let at = body;
  for (let i = 0; i < count * (map ? 2 : 1); i += 1) {
    const item = read(buffer, at);
    items.push(item.value);
    at = item.at;
  }
  if (!map) return { value: items, at };
  const pairs = Array.from({ length: count }, (_, i) => [items[2 * i], items[2 * i + 1]]);
  return { value: Object.fromEntries(pairs), at };
}

/** Cuts a stream into frames and lets a judge drop or double each of them. */
export class FrameFilter {
  #judge;
  #held = Buffer.alloc(0);
  #blind = false;

  constructor(judge) {
    this.#judge = judge;
  }

  feed(data) {
    if (this.#blind) return data;
    this.#held = this.#held.length === 0 ? data : Buffer.concat([this.#held, data]);
    const out = [];
    try {
      this.#cut(out);
    } catch {
      this.#blind = true;
    }
    // What cannot be understood must not be kept back.
    if (this.#blind || this.#held.length > MOST_HELD_BYTES) {
      this.#blind = true;
      out.push(this.#held);
      this.#held = Buffer.alloc(0);
    }
    return out.length === 1 ? out[0] : Buffer.concat(out);
  }

  #cut(out) {
    for (let end = frameEnd(this.#held, 0); end >= 0; end = frameEnd(this.#held, 0)) {
      const bytes = this.#held.subarray(0, end);
      this.#held = this.#held.subarray(end);
      const verdict = this.#judge(describe(bytes));
      if (verdict !== 'drop') out.push(bytes);
      if (verdict === 'twice') out.push(bytes);
    }
  }
}

/** RESP 2 has no push type; its messages are arrays. */
function describe(bytes) {
  const head = /^[>*][34]\r\n\$\d+\r\n([sp]?message)\r\n/.exec(bytes.toString('latin1', 0, 40));
  if (!head) return { push: false, bytes };
  const [kind, ...rest] = decode(bytes);
  return { push: true, channel: rest[kind === 'pmessage' ? 1 : 0], bytes };
}

/** One connection, commands in order. */
export class RespClient {
  #socket;
  #waiting = [];
  #held = Buffer.alloc(0);

  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#receive(data));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the connection to Redis has ended'));
    });
  }

  static connect(port) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RespClient(socket)));
    });
  }

  command(...words) {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('the connection to Redis has ended'));
      this.#waiting.push({ resolve, reject });
      const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
      this.#socket.write(`*${words.length}\r\n${parts.join('')}`);
    });
  }

  close() {
    this.#socket.destroy();
  }

  #receive(data) {
    this.#held = Buffer.concat([this.#held, data]);
    for (let end = frameEnd(this.#held, 0); end >= 0; end = frameEnd(this.#held, 0)) {
      const value = decode(this.#held);
      this.#held = this.#held.subarray(end);
      const { resolve, reject } = this.#waiting.shift();
      if (value instanceof Error) reject(value);
      else resolve(value);
    }
  }
}
