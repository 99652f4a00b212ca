// Bans: in force on every join until they are lifted, also for those who are not there.
import assert from 'node:assert/strict';
import { ban, expectBanned, unban } from './lib/bans.mjs';
import { EVERY, ONE } from './lib/clients.mjs';
import { expectParticipant, ids } from './lib/expect.mjs';
import { unheard } from './lib/hearing.mjs';
import { knock } from './lib/knocks.mjs';
import { isHigher, pairs, ranked, sentence } from './lib/ranks.mjs';
import { suite } from './lib/stage.mjs';

/** The code with which it is refused to ban the absent and to lift a ban, or null. */
function refusal({ actor, target }) {
  if (actor.rank === 'participant') return 'not-moderator';
  if (target.rank === 'creator') return 'protected-creator';
  if (isHigher(actor, target)) return null;
  return actor.rank === 'host' ? 'forbidden' : 'not-host';
}

suite('the banned', { variants: EVERY }, (scenario) => {
  scenario('does not get in again, neither on the same connection nor on a new one', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ban(ann, 'bob');
    await bob.next('kicked-from-room');
    for (let round = 0; round < 3; round += 1) await bob.refused('join-room', bob.joinPayload(roomId), 'banned');
    await expectBanned(stage, 'bob', roomId);
    await bob.noMore('existing-participants');
    await ann.noMore('participant-joined');
  });

  scenario('gets in again when the ban is lifted', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ban(ann, 'bob');
    await bob.next('kicked-from-room');
    await unban(ann, 'bob');
    await bob.join(roomId);
    expectParticipant(await ann.next('participant-joined'), { id: 'bob' });
  });
});

suite('a ban', { variants: ONE }, (scenario) => {
  scenario('is of one room', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    const elsewhere = await stage.meeting('ann');
    await ban(ann, 'bob');
    await bob.next('kicked-from-room');
    await bob.join(elsewhere);
  });

  scenario('is of one user', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    await ban(ann, 'bob');
    for (const id of ['bo', 'bobby', 'Bob']) await stage.joined(id, roomId);
  });

  scenario('of somebody who was never there is not told to the room, and keeps them out', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await unheard([ann, bob], () => ban(ann, 'zoe'));
    await expectBanned(stage, 'zoe', roomId);
  });

  scenario('of somebody who has left keeps them out', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await bob.ok('leave-room');
    await ban(ann, 'bob');
    await bob.refused('join-room', bob.joinPayload(roomId), 'banned');
    await bob.noMore('kicked-from-room');
  });

  scenario('of somebody in the lobby takes them out of the queue, and out they stay', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await ann.ok('update-room', { lobby: true });
    const paul = await knock(stage, 'paul', roomId);
    await ann.next('lobby-updated', (queue) => queue.length === 1);
    await ban(ann, 'paul');
    await ann.next('lobby-updated', (queue) => queue.length === 0);
    // They learn of it, and of nothing else.
    await paul.log.next(({ event }) => ['kicked-from-room', 'lobby-denied'].includes(event), 'the end of the wait');
    await paul.refused('join-room', paul.joinPayload(roomId), 'banned');
    const gone = ['participant-not-found', 'already-decided', 'banned'];
    await ann.refused('admit-participant', { participantId: 'paul' }, gone);
    for (const event of ['existing-participants', 'participant-joined', 'lobby-admitted']) await paul.noMore(event);
  });

  scenario('keeps out of the lobby as well', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    await ann.ok('update-room', { lobby: true });
    await ban(ann, 'bob');
    await expectBanned(stage, 'bob', roomId);
    await ann.noMore('lobby-updated');
  });

  scenario('twice is one ban, and lifted once', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ban(ann, 'bob');
    await ban(ann, 'bob');
    await unban(ann, 'bob');
    await bob.join(roomId);
  });

  scenario('that is not there can be lifted', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    for (const id of ['bob', 'zoe']) await unheard([bob], () => unban(ann, id));
  });

  scenario('can be given again after it was lifted', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    await ban(ann, 'bob');
    await unban(ann, 'bob');
    await ban(ann, 'bob');
    await expectBanned(stage, 'bob', roomId);
  });

  scenario('is neither given nor lifted from outside', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await ban(ann, 'bob');
    const eve = await stage.joined('eve', await stage.meeting('eve'));
    await eve.refused('remove-participant', { roomId, participantId: 'zoe', ban: true }, 'not-joined');
    await eve.refused('unban-participant', { roomId, participantId: 'bob' }, 'not-joined');
    await stage.joined('zoe', roomId);
    await expectBanned(stage, 'bob', roomId);
  });

  scenario('and a join at the same moment: whichever came first, they are out', async (stage) => {
    const { roomId, ann } = await stage.cast();
    for (let round = 0; round < 20; round += 1) {
      const guest = await stage.user(`guest-${round}`);
      const [reply] = await Promise.all([guest.ack('join-room', guest.joinPayload(roomId)), ban(ann, guest.id)]);
      assert.ok(reply.ok || reply.error.code === 'banned', JSON.stringify(reply));
      assert.deepEqual(ids((await ann.ok('room-state')).participants), ['ann']);
      await guest.refused('join-room', guest.joinPayload(roomId), 'banned');
    }
  });
});

suite('who may ban the absent', { variants: ONE }, (scenario) => {
  for (const pair of pairs().filter(({ actor, target }) => actor.id !== target.id)) {
    const code = refusal(pair);
    scenario(`${sentence(pair, code === null, 'ban')} who is away`, async (stage) => {
      const { roomId, people } = await ranked(stage, pair.actor.id, pair.target.id);
      const [actor, target] = [people[pair.actor.id], people[pair.target.id]];
      await target.ok('leave-room');
      if (code === null) {
        await ban(actor, target.id);
        await target.refused('join-room', target.joinPayload(roomId), 'banned');
      } else {
        await actor.refused('remove-participant', { participantId: target.id, ban: true }, code);
        await target.join(roomId);
      }
    });
  }
});

suite('who may lift a ban', { variants: ONE }, (scenario) => {
  for (const pair of pairs().filter(({ actor, target }) => actor.id !== target.id && target.rank !== 'creator')) {
    const code = refusal(pair);
    scenario(sentence(pair, code === null, 'unban'), async (stage) => {
      const { roomId, ann, people } = await ranked(stage, pair.actor.id, pair.target.id);
      const [actor, target] = [people[pair.actor.id], people[pair.target.id]];
      await ban(ann, target.id);
      await target.next('kicked-from-room');
      if (code === null) {
        await unban(actor, target.id);
        await target.join(roomId);
      } else {
        await actor.refused('unban-participant', { participantId: target.id }, code);
        await target.refused('join-room', target.joinPayload(roomId), 'banned');
      }
    });
  }
});
