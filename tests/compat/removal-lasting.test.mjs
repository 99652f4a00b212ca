// What removals leave behind: after kill -9, on the other node, and in the audit.
import assert from 'node:assert/strict';
import { ban, expectBanned, unban } from './lib/bans.mjs';
import { ONE } from './lib/clients.mjs';
import { expectLeft, expectParticipant, ids } from './lib/expect.mjs';
import { twoNodes } from './lib/nodes.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';
import { rows, trail } from './lib/trail.mjs';

const GUESTS = Array.from({ length: 30 }, (_, i) => `guest-${i}`);

suite('bans and kill -9', { variants: ONE }, (scenario) => {
  scenario('the banned is banned afterwards, the kicked is not', async (stage) => {
    const { roomId, ann } = await stage.cast('bob', 'cy');
    await ann.ok('remove-participant', { participantId: 'cy' });
    await ban(ann, 'bob');
    await ban(ann, 'zoe');
    await stage.server.restart();
    for (const id of ['bob', 'zoe']) await expectBanned(stage, id, roomId);
    await stage.joined('cy', roomId);
  });

  scenario('a lifted ban stays lifted', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    await ban(ann, 'bob');
    await unban(ann, 'bob');
    await stage.server.restart();
    await stage.joined('bob', roomId);
  });

  scenario('a ban from before can be lifted', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    await ban(ann, 'bob');
    await stage.server.restart();
    await unban(await stage.joined('ann', roomId), 'bob');
    await stage.joined('bob', roomId);
  });

  for (const enough of [1, 12]) {
    scenario(`every ban of a burst that was acked holds (killed after ${enough})`, async (stage) => {
      const { roomId, ann } = await stage.cast(...GUESTS.slice(0, 5));
      const acked = new Set();
      await new Promise((resolve, reject) => {
        for (const participantId of GUESTS) {
          ann.ack('remove-participant', { roomId, participantId, ban: true }).then((reply) => {
            if (!reply.ok) {
              reject(new Error(`${participantId}: ${JSON.stringify(reply)}`));
              return;
            }
            acked.add(participantId);
            if (acked.size === enough) stage.server.kill9().then(resolve);
          }, () => {});
        }
      });
      // Acks that were on their way when it died count as well: they have been read by now.
      await ann.next('disconnect');
      await stage.server.restart();
      for (const id of acked) await expectBanned(stage, id, roomId);
    });
  }
});

twoNodes('bans on two nodes', {}, (scenario) => {
  scenario('hold and end on the node that did not hear of them first', async (stage, url) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ban(ann, 'bob');
    await bob.next('kicked-from-room');
    await expectBanned(stage, 'bob', roomId, { url });
    await unban(ann, 'bob');
    await stage.joined('bob', roomId, { url });
    expectParticipant(await ann.next('participant-joined'), { id: 'bob' });
  });

  for (const [verb, reason] of [['kick', 'kicked'], ['ban', 'banned']]) {
    scenario(`a ${verb} reaches the tabs on both`, async (stage, url) => {
      const { roomId, ann, bob } = await stage.cast('bob');
      const tabs = [bob, await stage.joined('bob', roomId, { url }), await stage.joined('bob', roomId, { url })];
      await ann.ok('remove-participant', { participantId: 'bob', ban: reason === 'banned' });
      for (const tab of tabs) {
        assert.equal((await tab.next('kicked-from-room')).reason, reason);
        await tab.refused('room-state', {}, 'not-joined');
      }
      expectLeft(await ann.next('participant-left'), 'bob', reason);
      await ann.noMore('participant-left');
    });
  }

  scenario('a ban here and a join there at the same moment: out in the end', async (stage, url) => {
    const { roomId, ann } = await stage.cast();
    for (let round = 0; round < 20; round += 1) {
      const guest = await stage.user(`guest-${round}`, { url });
      await Promise.all([guest.ack('join-room', guest.joinPayload(roomId)), ban(ann, guest.id)]);
      assert.deepEqual(ids((await ann.ok('room-state')).participants), ['ann']);
      await guest.refused('join-room', guest.joinPayload(roomId), 'banned');
    }
  });
});

suite('the audit', { variants: ONE, settings: { AUTH__HS256_SECRET: SECRET } }, (scenario) => {
  async function cast(stage) {
    const roomId = stage.room();
    const rest = stage.rest(token('ann'));
    assert.equal((await rest.post('/api/meetings', { roomId })).status, 201);
    const [ann, bob, cy] = await Promise.all(['ann', 'bob', 'cy'].map((id) => (
      stage.joined(id, roomId, { token: token(id) }))));
    return { roomId, rest, ann, bob, cy };
  }

  const ACTIONS = {
    removed: (ann) => ann.ok('remove-participant', { participantId: 'bob' }),
    banned: (ann) => ban(ann, 'bob'),
    unbanned: async (ann) => {
      await ban(ann, 'bob');
      await unban(ann, 'bob');
    },
  };
  for (const [action, act] of Object.entries(ACTIONS)) {
    scenario(`has a row "${action}" that names who did it to whom, when and why`, async (stage) => {
      const { roomId, rest, ann } = await cast(stage);
      await act(ann);
      const [{ actor, target, cause, at }, ...more] = await rows(rest, roomId, action);
      assert.deepEqual({ actor, target, cause }, { actor: 'user:ann', target: 'bob', cause: 'command' });
      assert.deepEqual(more, []);
      assert.ok(!Number.isNaN(new Date(at).getTime()));
    });
  }

  scenario('has nothing of what was refused', async (stage) => {
    const { roomId, rest, ann, bob } = await cast(stage);
    const target = { participantId: 'cy' };
    await bob.refused('remove-participant', target, 'not-moderator');
    await bob.refused('remove-participant', { ...target, ban: true }, 'not-moderator');
    await bob.refused('unban-participant', target, 'not-moderator');
    await ann.ok('remove-participant', target);
    await rows(rest, roomId, 'removed');
    assert.deepEqual((await trail(rest, roomId)).filter(({ actor }) => actor === 'user:bob'), []);
  });
});
