// A passcode opens a door, so nobody may read it, or what is kept of it, anywhere.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { api } from './lib/api.mjs';
import { ONE } from './lib/clients.mjs';
import { outcome } from './lib/doors-of-rooms.mjs';
import { expectNoSecret, keepSecret } from './lib/secrets.mjs';
import { Server } from './lib/server.mjs';
import { perform } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const PASSCODE = 'open-sesame-17';
const OTHER = 'close-sesame-18';
const WRONG = 'wrong-sesame-19';
for (const passcode of [PASSCODE, OTHER, WRONG]) keepSecret(passcode);

const HASH = /\$(argon2|scrypt|pbkdf2|2[aby]\$)/;
/** A field that would hold one, by its name. */
const FIELD = /"passcode(?!Required")\w*":/;
const TOO_LONG = WRONG.repeat(5);
const VIEWS = ['', '/participants', '/audit', '/lobby', '/bans'];

function expectNone(text, where) {
  expectNoSecret(text, where);
  assert.doesNotMatch(text, HASH, where);
}

describe('a passcode and its hash', () => {
  let log = '';
  let server;
  before(async () => {
    server = await Server.start({ AUTH__HS256_SECRET: SECRET }, undefined, (text) => (log += text));
  });
  after(() => server?.stop());

  const scenario = (name, run) => test(name, { timeout: 60_000 }, () => perform(server, ONE[0], run));
  const tab = (stage, id) => stage.user(id, { token: token(id) });
  const ann = () => api(server.url, token('ann'));

  /** A meeting where passcodes were set, changed, refused, guessed and known, before a restart and after it. */
  async function used(stage) {
    const roomId = stage.room();
    const answers = [await ann()('POST', 'meetings', { roomId, passcode: PASSCODE })];
    const [host, gus] = [await tab(stage, 'ann'), await tab(stage, 'gus')];
    assert.equal(await outcome(gus, roomId, { passcode: WRONG }), 'wrong-passcode');
    assert.equal(await outcome(gus, roomId, { passcode: PASSCODE }), 'in');
    await host.join(roomId, { passcode: WRONG });
    await host.ok('update-room', { passcode: OTHER });
    await host.refused('update-room', { passcode: TOO_LONG }, 'invalid-payload');
    const eve = await tab(stage, 'eve');
    assert.notEqual(await outcome(eve, roomId, { passcode: TOO_LONG }), 'in');
    answers.push(await ann()('PATCH', `meetings/${roomId}`, { passcode: PASSCODE }));
    answers.push(await ann()('PATCH', `meetings/${roomId}`, { passcode: TOO_LONG }));
    await server.restart();
    const back = await tab(stage, 'gil');
    assert.equal(await outcome(back, roomId, { passcode: OTHER }), 'wrong-passcode');
    assert.equal(await outcome(back, roomId, { passcode: PASSCODE }), 'in');
    await back.settle();
    return { roomId, answers, people: [host, gus, eve, back] };
  }

  scenario('stand in no answer, no event and no list', async (stage) => {
    const { roomId, answers, people } = await used(stage);
    const admin = api(server.url, token('back-end', { scope: 'meetings:admin' }));
    for (const view of VIEWS) answers.push(await ann()('GET', `meetings/${roomId}${view}`));
    for (const list of ['rooms', 'meetings', 'security-events']) answers.push(await admin('GET', list));
    answers.push(...people.map((user) => user.log.entries));
    for (const text of answers.map((answer) => JSON.stringify(answer))) {
      expectNone(text, 'an answer or an event');
      assert.doesNotMatch(text, FIELD);
    }
  });

  scenario('stand in no line of the log', async (stage) => {
    await used(stage);
    expectNone(log, 'the log');
  });

  const skip = process.env.USHER_TEST_DATABASE_URL ? 'the database is no file' : false;
  test('are not the same: the database has no passcode', { skip, timeout: 60_000 }, () => (
    perform(server, ONE[0], async (stage) => {
      await used(stage);
      for (const file of ['usher.db', 'usher.db-wal']) {
        expectNoSecret(readFileSync(join(server.dir, file), 'latin1'), file);
      }
    })));
});
