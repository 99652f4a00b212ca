// An address that hears webhooks, and what proves that Daily has sent one.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

/** `requests` are `{ headers, text }` in the order in which they came; each is answered 200. */
export async function listener() {
  const requests = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part;
    requests.push({ headers: request.headers, text });
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => (server.close(), server.closeAllConnections());
  return { requests, url: `http://127.0.0.1:${server.address().port}/`, close };
}

/** By the vendor's recipe, with the text as it came. */
export function expectSignedByDaily({ headers, text }, secret) {
  const signed = `${headers['x-webhook-timestamp']}.${text}`;
  const right = createHmac('sha256', Buffer.from(secret, 'base64')).update(signed).digest('base64');
  assert.equal(headers['x-webhook-signature'], right);
}
