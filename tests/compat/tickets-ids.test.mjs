// What providers are told of people and rooms: names of our own, which say nothing and stay the same.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { settings as auth } from './lib/hosted.mjs';
import { Server } from './lib/server.mjs';
import { onOneAndThree } from './lib/spread.mjs';
import { perform, suite } from './lib/stage.mjs';
import { MESH, UUID, WITH_JITSI, askTicket, claimsOf, joinTicket } from './lib/tickets.mjs';
import { token } from './lib/token.mjs';

const files = mkdtempSync(join(tmpdir(), 'usher-names-'));
const livekit = await FakeLiveKit.start();
after(async () => {
  await livekit.close();
  rmSync(files, { recursive: true, force: true });
});
const everywhere = { ...livekit.settings, ...WITH_JITSI, ...MESH };

/** `[what the user is called there, what the room is]`. */
const namesIn = ({ providerUserId, roomName }) => [providerUserId, roomName];

/** What somebody gets who joins. */
async function entered(stage, id, roomId, options) {
  return joinTicket(await stage.joined(id, roomId, options));
}

onOneAndThree('names at the provider', { settings: WITH_JITSI }, (scenario) => {
  scenario('of a person are the same in every meeting, at every node; of two people they differ', async (stage, nodes) => {
    const [here, there] = [await stage.meeting('ann'), await stage.meeting('bob')];
    const users = new Map();
    for (const [i, roomId] of [here, there, here].entries()) {
      for (const id of ['ann', 'bob', 'cy']) {
        const { providerUserId } = await entered(stage, id, roomId, nodes.at(i));
        users.set(id, (users.get(id) ?? new Set()).add(providerUserId));
      }
    }
    assert.deepEqual([...users.values()].map(({ size }) => size), [1, 1, 1]);
    assert.equal(new Set([...users.values()].flatMap((names) => [...names])).size, 3);
  });

  scenario('of a room are the same for everybody and at every node, and of two rooms differ', async (stage, nodes) => {
    const rooms = [await stage.meeting('ann'), await stage.meeting('ann'), stage.room()];
    const names = [];
    for (const roomId of rooms) {
      const told = [];
      for (const [i, id] of ['ann', 'bob', 'cy'].entries()) {
        told.push((await entered(stage, id, roomId, nodes.at(i))).roomName);
      }
      assert.equal(new Set(told).size, 1);
      names.push(told[0]);
    }
    assert.equal(new Set(names).size, 3);
  });

  scenario('are agreed on by those who come at the same moment', async (stage, nodes) => {
    for (let round = 0; round < 5; round += 1) {
      const roomId = stage.room();
      const id = `zoe-${roomId}`;
      const tabs = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => stage.user(id, nodes.at(i))));
      await Promise.all(tabs.map((tab) => tab.join(roomId)));
      const told = tabs.map((tab) => namesIn(joinTicket(tab)).join());
      assert.equal(new Set(told).size, 1, `round ${round}`);
    }
  });

  scenario('are the same over REST', async (stage, nodes) => {
    const roomId = await stage.meeting('ann');
    const ticket = await entered(stage, 'ann', roomId, nodes.at(0));
    const { body } = await askTicket(nodes.at(2).url, roomId, { body: { userId: 'ann' } });
    assert.deepEqual(namesIn(body.provider), namesIn(ticket));
  });
});

suite('names at the provider', { variants: ONE, settings: everywhere }, (scenario) => {
  scenario('are the same after kill -9', async (stage) => {
    const roomId = await stage.meeting('ann');
    const before = await entered(stage, 'ann', roomId);
    await stage.server.restart();
    assert.deepEqual(namesIn(await entered(stage, 'ann', roomId)), namesIn(before));
  });

  scenario('are in the token, and our own ids are not', async (stage) => {
    for (const [provider, inside] of Object.entries({
      jitsi: ({ context, room }) => [context.user.id, room],
      livekit: ({ sub, video }) => [sub, video.room],
    })) {
      const roomId = await stage.meeting('user-with-a-telling-id', { settings: { provider } });
      const ticket = await entered(stage, 'user-with-a-telling-id', roomId, { name: 'Ann' });
      const claims = claimsOf(ticket);
      assert.deepEqual(inside(claims), namesIn(ticket));
      for (const own of ['user-with-a-telling-id', roomId]) {
        assert.ok(!JSON.stringify(claims).includes(own), `${provider} is told ${own}`);
        assert.ok(!ticket.url.includes(own));
      }
    }
    const roomId = await stage.meeting('user-with-a-telling-id', { settings: { provider: 'mesh' } });
    const { iceServers } = await entered(stage, 'user-with-a-telling-id', roomId);
    assert.ok(!JSON.stringify(iceServers).includes('telling'));
  });

  scenario('are the same at every provider', async (stage) => {
    const users = [];
    for (const provider of ['jitsi', 'livekit', 'mesh']) {
      users.push((await entered(stage, 'ann', await stage.meeting('ann', { settings: { provider } }))).providerUserId);
    }
    assert.equal(new Set(users).size, 1);
  });

  scenario('cannot be guessed: they do not follow from our ids alone', async (stage) => {
    const roomId = 'one-room-of-two-servers';
    const told = [await entered(stage, 'ann', roomId)];
    const other = await Server.start({ ...everywhere, DATABASE__URL: `sqlite://${join(files, 'other.db')}?mode=rwc` });
    try {
      await perform(other, ONE[0], async (elsewhere) => told.push(await entered(elsewhere, 'ann', roomId)));
    } finally {
      await other.stop();
    }
    const names = told.flatMap(namesIn);
    assert.equal(new Set(names).size, 4, 'another installation has others');
    for (const name of names) {
      assert.match(name, UUID);
      // Of the kinds of UUID: drawn, or made with a key. Others hold a time, or a hash that anybody can work out.
      assert.match(name[14], /[48]/, name);
    }
  });
});

suite('the names of tenants', { variants: ONE, settings: { ...auth, ...WITH_JITSI } }, (scenario) => {
  scenario('have nothing to do with each other', async (stage) => {
    const roomId = stage.room();
    const told = [];
    for (const tenant of ['acme', 'beta', undefined]) {
      told.push(...namesIn(await entered(stage, 'ann', roomId, { token: token('ann', { tenant }) })));
    }
    assert.equal(new Set(told).size, 6);
  });
});
