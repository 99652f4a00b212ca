// REST by method and path, for what has more methods than a few.
import { expectNoSecret } from './secrets.mjs';

/** `(method, path, body?)` as the owner of this token; text is sent as it is. */
export function api(url, bearer) {
  const authorization = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  return async (method, path, body) => {
    const headers = { ...authorization, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const sent = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${url}/api/${path}`, { method, headers, body: sent });
    const text = await response.text();
    expectNoSecret(text, `the answer to ${method} ${path}`);
    const type = response.headers.get('content-type');
    return { status: response.status, type, body: /json/.test(type ?? '') ? JSON.parse(text) : text };
  };
}
