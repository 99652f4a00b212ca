// The REST side: one call, one `{ status, type, body }`.

import { expectNoSecret } from './secrets.mjs';

export class Rest {
  #url;
  #headers;

  constructor(url, token) {
    this.#url = url;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  get(path) {
    return this.#call('GET', path);
  }

  post(path, body) {
    return this.#call('POST', path, JSON.stringify(body));
  }

  postText(path, text) {
    return this.#call('POST', path, text);
  }

  patch(path, body) {
    return this.#call('PATCH', path, JSON.stringify(body));
  }

  delete(path) {
    return this.#call('DELETE', path);
  }

  async #call(method, path, body) {
    const headers = { ...this.#headers, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const response = await fetch(this.#url + path, { method, headers, body });
    const text = await response.text();
    expectNoSecret(text, `the answer to ${method} ${path}`);
    const type = response.headers.get('content-type');
    return { status: response.status, type, body: /json/.test(type ?? '') ? JSON.parse(text) : text };
  }
}

/** A list, whether it comes bare or under a name. */
export function listIn(body, ...names) {
  if (Array.isArray(body)) return body;
  const name = names.find((key) => Array.isArray(body?.[key]));
  if (name === undefined) throw new Error(`no list in ${JSON.stringify(body).slice(0, 300)}`);
  return body[name];
}
