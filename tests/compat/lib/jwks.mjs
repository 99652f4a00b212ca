// The keys of identity providers over HTTP on loopback, as they should be served and as they should not.
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { gzipSync } from 'node:zlib';
import { freePort } from './server.mjs';

const DRIP_MS = 20;
const CHUNK = Buffer.alloc(64 << 10, ' ');

/** One server for many issuers: each has a path, a count and an answer of its own. */
export class KeyServer {
  /** What was asked for and is nobody's. */
  strays = [];
  #http;
  #scheme;
  #endpoints = new Map();
  #host;
  #port = 0;

  constructor(host, tls) {
    const serve = (request, response) => this.#serve(request, response);
    this.#host = host;
    this.#scheme = tls ? 'https' : 'http';
    this.#http = tls ? createTlsServer(tls, serve) : createServer(serve);
  }

  /** `tls`: `{ key, cert }`, for HTTPS. `host`: an address of this machine. */
  static async start({ host = '127.0.0.1', tls } = {}) {
    const server = new KeyServer(host, tls);
    server.#port = await freePort();
    await server.resume();
    // A file that has failed still ends.
    server.#http.unref();
    return server;
  }

  get url() {
    return `${this.#scheme}://${this.#host}:${this.#port}`;
  }

  /** `path` is where clerk and supabase look for it below their issuer, unless it is given. */
  endpoint(name, keys = [], path = `/${name}/.well-known/jwks.json`) {
    const endpoint = new Endpoint(`${this.url}/${name}`, `${this.url}${path}`, keys);
    this.#endpoints.set(path, endpoint);
    return endpoint;
  }

  /** Nobody listens any more, and open connections break. */
  async pause() {
    const closed = once(this.#http, 'close');
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
  }

  /** Listens again, where it did before. */
  async resume() {
    this.#http.listen(this.#port, this.#host);
    await once(this.#http, 'listening');
  }

  close() {
    return this.#http.listening ? this.pause() : undefined;
  }

  #serve(request, response) {
    const endpoint = this.#endpoints.get(request.url);
    if (endpoint) return endpoint.serve(request, response);
    this.strays.push(request.url);
    response.writeHead(404).end();
  }
}

class Endpoint extends EventEmitter {
  /** The headers of each time that somebody asked. */
  fetches = [];

  constructor(issuer, url, keys) {
    super();
    Object.assign(this, { issuer, url });
    this.publish(...keys);
  }

  publish(...keys) {
    this.answer = keySet(keys.map((key) => key.jwk ?? key));
  }

  serve(request, response) {
    this.fetches.push(request.headers);
    this.emit('fetch');
    this.answer(request, response);
  }

  /** Resolves once it has been asked this often. */
  async asked(times) {
    while (this.fetches.length < times) await once(this, 'fetch');
  }
}

/** Answers: what `endpoint.answer` may be. */
export function keySet(jwks, headers = {}) {
  return text(JSON.stringify({ keys: jwks }), headers);
}

export function text(body, headers = {}, status = 200) {
  return (_, response) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}

export function redirect(location, status) {
  return text('', { location }, status);
}

/** Takes the request and never says anything. */
export const silence = () => {};

export const hangUp = (request) => request.socket.destroy();

/** The right answer, byte by byte, for as long as somebody listens. */
export function dripping(body) {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    let sent = 0;
    const timer = setInterval(() => {
      response.write(body[sent]);
      sent += 1;
      if (sent === body.length) response.end();
    }, DRIP_MS);
    response.once('close', () => clearInterval(timer));
  };
}

/** Goes on for `bytes`, then holds the keys. With `says`, its header tells how much is coming. */
export function huge(jwks, bytes, { says }) {
  return (_, response) => {
    const end = Buffer.from(JSON.stringify({ keys: jwks }));
    const length = says ? { 'content-length': bytes + end.length } : {};
    response.writeHead(200, { 'content-type': 'application/json', ...length });
    let left = bytes;
    const more = () => {
      while (left > 0 && !response.destroyed) {
        const part = CHUNK.subarray(0, Math.min(left, CHUNK.length));
        left -= part.length;
        if (!response.write(part)) return response.once('drain', more);
      }
      return response.end(end);
    };
    more();
  };
}

/** A few kilobytes that become many megabytes for whoever unpacks them. */
export function bomb(jwks, bytes) {
  const packed = gzipSync(Buffer.concat([Buffer.alloc(bytes, ' '), Buffer.from(JSON.stringify({ keys: jwks }))]));
  return text(packed, { 'content-encoding': 'gzip' });
}

/** Waits until it is told to go on. */
export function held(answer) {
  let release;
  const open = new Promise((resolve) => { release = resolve; });
  return { release, answer: async (request, response) => (await open, answer(request, response)) };
}
