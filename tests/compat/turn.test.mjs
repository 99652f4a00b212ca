// Mesh: who has no provider gets the addresses of STUN and TURN servers, and credentials that a real coturn takes.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { Coturn, credentialOf, withoutCoturn } from './lib/coturn.mjs';
import { keepSecret } from './lib/secrets.mjs';
import { Server } from './lib/server.mjs';
import { perform, suite } from './lib/stage.mjs';
import { MESH, RIGHTS, SECRETS, UUID, freshTicket, joinTicket, normalised } from './lib/tickets.mjs';

const SECRET = 'a-secret-of-our-coturn-0123456789';
const HOUR_SECS = 3600;
const LIFETIME_SECS = 1800;

const now = () => Math.floor(Date.now() / 1000);
const turnOf = ({ iceServers }) => iceServers.find(({ urls }) => urls.some((url) => /^turns?:/.test(url)));

/** `username` but for the time at which it ends. */
const endingAt = (time, username) => username.replace(/^\d+/, String(time));

describe('credentials at a coturn', { skip: withoutCoturn }, () => {
  let coturn;
  let server;
  before(async () => {
    keepSecret(SECRET);
    coturn = await Coturn.start(SECRET);
    const turn = `turn:127.0.0.1:${coturn.port}`;
    server = await Server.start({
      MESH__STUN_URLS: `stun:127.0.0.1:${coturn.port}`,
      MESH__TURN_URLS: `${turn}?transport=udp, ${turn}?transport=tcp`,
      MESH__TURN_SECRET: SECRET,
    });
  });
  after(async () => {
    await server?.stop();
    coturn?.stop();
  });
  const scenario = (name, run) => test(name, { timeout: 60_000 }, () => perform(server, ONE[0], run));

  scenario('relay, over UDP and TCP', async (stage) => {
    const { bob } = await stage.cast('bob');
    const { username, credential } = turnOf(await freshTicket(bob, { provider: 'mesh' }));
    const relayed = ['udp', 'tcp'].map((over) => coturn.relays(username, credential, over));
    assert.deepEqual(await Promise.all([...relayed, coturn.reflects()]), [true, true, true]);
  });

  scenario('that somebody changed do not', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    const [own, other] = [turnOf(await freshTicket(bob)), turnOf(await freshTicket(ann))];
    const { username, credential } = own;
    const changed = credential.replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A'));
    const attempts = {
      'another password': [username, changed],
      'no password': [username, ''],
      'a later end': [endingAt(now() + HOUR_SECS + 1, username), credential],
      'an earlier end': [endingAt(now() + 60, username), credential],
      'another name': [username.replace(/.$/, (letter) => (letter === '0' ? '1' : '0')), credential],
      'no name': [username.split(':')[0], credential],
      'the password of somebody else': [username, other.credential],
      'the name of somebody else': [other.username, credential],
      'another secret': [username, credentialOf('another-secret-0123456789abcdef', username)],
    };
    for (const [what, [name, password]] of Object.entries(attempts)) {
      assert.equal(await coturn.relays(name, password || 'none'), false, what);
    }
  });

  scenario('that are over do not, though they are signed', async (stage) => {
    const { bob } = await stage.cast('bob');
    const { username, credential } = turnOf(await freshTicket(bob));
    assert.equal(credential, credentialOf(SECRET, username), 'signed with the secret that coturn has');
    for (const end of [now() - 1, now() - HOUR_SECS]) {
      const over = endingAt(end, username);
      assert.equal(await coturn.relays(over, credentialOf(SECRET, over)), false);
    }
  });
});

suite('what is handed out for mesh', { variants: ONE, settings: MESH }, (scenario) => {
  for (const [rank, role] of [['ann', 'host'], ['bob', 'participant']]) {
    scenario(`to a ${role}`, async (stage) => {
      const people = await stage.cast('bob');
      const before = now();
      const ticket = await freshTicket(people[rank], { provider: 'mesh', role });
      const { username, credential } = turnOf(ticket);
      const [end, name, ...rest] = username.split(':');
      assert.deepEqual([name, rest], [ticket.providerUserId, []]);
      assert.ok(end >= before + LIFETIME_SECS && end <= now() + LIFETIME_SECS, `ends at ${end}`);
      assert.equal(Number(end), Math.floor(Date.parse(ticket.expiresAt) / 1000));
      assert.equal(credential, credentialOf(SECRETS.turn, username));
      const { roomName, providerUserId, expiresAt } = ticket;
      const plain = normalised(ticket, {
        ROOM: roomName, USER: providerUserId, END: expiresAt, NAME: username, WORD: credential,
      });
      assert.deepEqual(plain, {
        provider: 'mesh', token: null, url: null, roomName: 'ROOM', role, participantId: rank, providerUserId: 'USER',
        rights: RIGHTS[role], expiresAt: 'END', rev: ticket.rev,
        iceServers: [
          { urls: ['stun:stun.example.org:3478'] },
          {
            urls: ['turn:turn.example.org:3478?transport=udp', 'turns:turn.example.org:5349?transport=tcp'],
            username: 'NAME', credential: 'WORD',
          },
        ],
      });
    });
  }

  scenario('comes with the join, to each their own', async (stage) => {
    const { roomId, bob } = await stage.cast('bob');
    const [cy, dee] = [await stage.joined('cy', roomId), await stage.joined('dee', roomId)];
    const tickets = [cy, dee].map((user) => joinTicket(user));
    const names = [...tickets, await freshTicket(bob)].map((ticket) => turnOf(ticket).username.split(':')[1]);
    assert.equal(new Set(names).size, 3);
    for (const name of names) assert.match(name, UUID);
  });
});

const onlyStun = { MESH__STUN_URLS: 'stun:one.example.org:3478, stun:two.example.org:3478' };
suite('STUN alone', { variants: ONE, settings: onlyStun }, (scenario) => {
  scenario('needs no credentials', async (stage) => {
    const { ann } = await stage.cast();
    const { iceServers } = await freshTicket(ann, { provider: 'mesh' });
    assert.deepEqual(iceServers.flatMap(({ urls }) => urls), ['stun:one.example.org:3478', 'stun:two.example.org:3478']);
    for (const ice of iceServers) assert.deepEqual(Object.keys(ice), ['urls']);
  });
});

const onlyTurn = { MESH__TURN_URLS: 'turn:one.example.org:3478', MESH__TURN_SECRET: `only-${randomUUID()}` };
suite('TURN alone', { variants: ONE, settings: onlyTurn }, (scenario) => {
  scenario('is enough', async (stage) => {
    const { ann } = await stage.cast();
    const { iceServers: [turn, ...more] } = await freshTicket(ann, { provider: 'mesh' });
    assert.deepEqual([turn.urls, more], [['turn:one.example.org:3478'], []]);
    assert.equal(turn.credential, credentialOf(onlyTurn.MESH__TURN_SECRET, turn.username));
  });
});

suite('neither STUN nor TURN', { variants: ONE }, (scenario) => {
  scenario('is nothing to hand out: no ticket, and no event', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    assert.equal(bob.joinReply.provider, null);
    assert.equal((await bob.ok('refresh-token')).provider, null);
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.next('cohost-granted');
    await bob.join(roomId);
    assert.deepEqual([ann, bob].flatMap((user) => user.heard('provider-token')), []);
  });
});
