// Nothing that opens a door may be read where others read: in the log, in an error.

/** Anything that looks like a signed token, whoever made it. */
const TOKEN = /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/;

const known = new Set();

/** From now on this text is looked for. Short ones would be found in anything. */
export function keepSecret(text) {
  if (typeof text === 'string' && text.length >= 8) known.add(text);
}

/** The secrets in a server's settings: keys, and passwords in addresses. */
export function keepSecretsOf(settings) {
  for (const [name, value] of Object.entries(settings)) {
    if (/SECRET$/.test(name)) keepSecret(value);
    if (/URL$/.test(name)) keepSecret(/:\/\/[^/@]*:([^@/]+)@/.exec(value)?.[1]);
    if (/ISSUERS$/.test(name)) for (const issuer of issuersOf(value)) (issuer?.hs256_secrets ?? []).forEach?.(keepSecret);
  }
}

function issuersOf(json) {
  try {
    return [JSON.parse(json)].flat();
  } catch {
    return [];
  }
}

/** Throws when a secret stands in `text`; the message does not repeat it. */
export function expectNoSecret(text, where) {
  const line = (at) => text.slice(text.lastIndexOf('\n', at) + 1, at).slice(-200);
  const token = TOKEN.exec(text);
  if (token) throw new Error(`${where} holds a token, after: ${line(token.index)}`);
  for (const secret of known) {
    const at = text.indexOf(secret);
    if (at >= 0) throw new Error(`${where} holds a secret of ${secret.length} characters, after: ${line(at)}`);
  }
}
