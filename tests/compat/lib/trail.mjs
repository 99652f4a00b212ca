// What the audit of a meeting says.
import assert from 'node:assert/strict';
import { eventually } from './log.mjs';

/** Every entry, oldest first. */
export async function trail(rest, roomId) {
  const entries = [];
  for (let after = ''; after !== null;) {
    const { status, body } = await rest.get(`/api/meetings/${roomId}/audit?limit=50${after && `&after=${after}`}`);
    assert.equal(status, 200, JSON.stringify(body));
    entries.push(...body.items);
    after = body.next;
  }
  return entries;
}

/** The entries of one action, as soon as there are any: some are written a moment after the answer. */
export async function rows(rest, roomId, action) {
  let found = [];
  await eventually(async () => {
    found = (await trail(rest, roomId)).filter((entry) => entry.action === action);
    return found.length > 0;
  }, `an entry "${action}" in the audit`);
  return found;
}
