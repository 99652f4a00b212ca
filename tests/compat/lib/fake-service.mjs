// What the fakes of media services have in common: an HTTP server on loopback that notes every call, and
// fails as it is told to. fake-livekit.mjs and fake-daily.mjs say what the calls do.
//
//   calls                  every call: { at, ms, name, method, path, query, body, status, claims?, fault? }; `at` is
//                          Date.now(), `status` null until it is answered, and for ever when it is not
//   called(only)           those of them that `only` means
//   fail(times, {only, status})      the next ones are refused (503, 500, 429 …) and do nothing
//   lose(times, {only})              the next ones are carried out, and the connection breaks instead of an answer
//   slow(ms, {only, early})          until `heal`: late, and not at all if the caller has hung up; `early`: what is
//                                    asked for is done at once, and only the answer is late
//   hold({only})                     until the function that this returns is called, they wait
//   down(how), up()                  'reset': connections are cut, 'refused': nobody listens, 'silent': no answers
//   heal()                           up again, and no faults any more
//   deliver(url, hook, options), deliverAll(url, hooks, options)     webhooks; see `deliver`
//   skewSecs               how far this service's clock is ahead
//
// `only` is the name of a call, a list of them, or a function of the call; without it: all of them.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { freePort } from './server.mjs';

const MAX_BODY = 1 << 20;

/** An answer in the form of an exception; `body` as the service would write it. */
export class Refusal extends Error {
  constructor(status, body) {
    super(JSON.stringify(body));
    Object.assign(this, { status, body });
  }
}

/** A service does not accept a token: `why`. */
export class NotLetIn extends Error {
  constructor(why) {
    super(`not let in: ${why}`);
    this.why = why;
  }
}

export class FakeService {
  calls = [];
  skewSecs = 0;
  #http = createServer((request, response) => this.#serve(request, response));
  #port = 0;
  #down = null;
  #faults = [];

  async open() {
    this.#port = await freePort();
    this.#http.on('connection', (socket) => this.#down === 'reset' && socket.destroy());
    this.#http.listen(this.#port, '127.0.0.1');
    await once(this.#http, 'listening');
    // A file that has failed still ends.
    this.#http.unref();
    return this;
  }

  get port() {
    return this.#port;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Unix seconds by this service's clock. */
  now() {
    return Math.floor(Date.now() / 1000) + this.skewSecs;
  }

  called(only) {
    return this.calls.filter((call) => isMeant(only, call));
  }

  fail(times, { only, status = 503 } = {}) {
    this.#faults.push({ kind: 'failed', left: times, only, status });
  }

  lose(times, { only } = {}) {
    this.#faults.push({ kind: 'lost', left: times, only });
  }

  slow(ms, { only, early = false } = {}) {
    this.#faults.push({ kind: 'slow', left: Infinity, only, early, pause: () => after(ms) });
  }

  hold({ only } = {}) {
    let release;
    const open = new Promise((resolve) => { release = resolve; });
    const fault = { kind: 'slow', left: Infinity, only, early: false, pause: () => open };
    this.#faults.push(fault);
    return () => {
      this.#faults = this.#faults.filter((other) => other !== fault);
      release();
    };
  }

  async down(how = 'reset') {
    this.#down = how;
    if (how === 'refused') {
      const closed = once(this.#http, 'close');
      this.#http.close();
      this.#http.closeAllConnections();
      await closed;
    } else if (how === 'reset') this.#http.closeAllConnections();
  }

  async up() {
    this.#down = null;
    if (this.#http.listening) return;
    this.#http.listen(this.#port, '127.0.0.1');
    await once(this.#http, 'listening');
  }

  async heal() {
    this.#faults = [];
    await this.up();
  }

  async close() {
    if (!this.#http.listening) return;
    this.#http.close();
    this.#http.closeAllConnections();
  }

  /**
   * Posts a webhook as the service would: `{ status, body }`, status null where the connection broke. What can be
   * wrong with it: `at` (unix seconds at which it was signed), `as` (credentials of somebody else), `tamper` (what
   * becomes of the text on its way), `headers` (over the right ones; null takes one away), `method`. A hook that is a
   * string or bytes is sent as it is.
   */
  async deliver(url, hook, { at = this.now(), as = {}, tamper = (raw) => raw, headers = {}, method = 'POST' } = {}) {
    const raw = typeof hook === 'string' || Buffer.isBuffer(hook) ? hook : JSON.stringify(hook);
    const whole = Object.entries({ ...(await this.sign(raw, at, as)), ...headers });
    const sent = Object.fromEntries(whole.filter(([, value]) => value !== null));
    const body = ['GET', 'HEAD'].includes(method) ? undefined : tamper(raw);
    try {
      const response = await fetch(url, { method, headers: sent, body });
      return { status: response.status, body: await response.text(), headers: response.headers };
    } catch (error) {
      return { status: null, body: String(error.cause ?? error), headers: new Headers() };
    }
  }

  /** `times` for each, one after the other, or all `together`; `reversed`: the last one first. */
  async deliverAll(url, hooks, { times = 1, reversed = false, together = false, ...options } = {}) {
    const order = (reversed ? hooks.toReversed() : hooks).flatMap((hook) => Array(times).fill(hook));
    if (together) return Promise.all(order.map((hook) => this.deliver(url, hook, options)));
    const replies = [];
    for (const hook of order) replies.push(await this.deliver(url, hook, options));
    return replies;
  }

  async #serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.url);
    const { method } = request;
    const call = {
      id: randomUUID(), at: Date.now(), ms: null, name: this.nameOf(method, pathname), method, path: pathname,
      query: Object.fromEntries(searchParams), headers: request.headers, body: undefined, status: null,
    };
    try {
      call.text = await textOf(request);
    } catch {
      return request.socket.destroy();
    }
    // So that it can be told apart by what is in it, even where it is not carried out.
    call.body = parsed(call.text);
    this.calls.push(call);
    if (this.#down === 'silent') return undefined;
    const { status, body } = await this.#answer(call, request);
    if (status === null || this.#down !== null) return request.socket.destroy();
    Object.assign(call, { status, ms: Date.now() - call.at });
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const type = typeof body === 'string' ? 'text/plain' : 'application/json';
    return response.writeHead(status, { 'content-type': type }).end(text);
  }

  async #answer(call, request) {
    let done = null;
    for (const fault of this.#faults.filter(({ kind, only }) => kind === 'slow' && isMeant(only, call))) {
      if (fault.early) done ??= await this.#perform(call);
      call.fault = 'slow';
      await fault.pause();
      if (request.socket.destroyed) return { status: null };
    }
    const fault = this.#faults.find(({ kind, left, only }) => kind !== 'slow' && left > 0 && isMeant(only, call));
    if (!fault) return done ?? this.#perform(call);
    fault.left -= 1;
    call.fault = fault.kind;
    if (fault.kind === 'failed') return { status: fault.status, body: this.failure(fault.status) };
    await (done ?? this.#perform(call));
    return { status: null };
  }

  async #perform(call) {
    try {
      return await this.perform(call);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      return refusal;
    }
  }
}

function isMeant(only, call) {
  if (only === undefined) return true;
  return typeof only === 'function' ? only(call) : [only].flat().includes(call.name);
}

function after(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms).unref(); });
}

async function textOf(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > MAX_BODY) throw new Error('too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** `undefined` for what is no JSON. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
