// Removing people: who may remove whom, what becomes of the removed, and what is told to whom.
import assert from 'node:assert/strict';
import { CUTTABLE, EVERY, ONE, WEBSOCKET } from './lib/clients.mjs';
import { expectLeft, expectParticipant, expectUpdate, ids } from './lib/expect.mjs';
import { heardBy, unheard } from './lib/hearing.mjs';
import { knock, knockAgain } from './lib/knocks.mjs';
import { NOT_FLAGS, NOT_IDS, expectInvalid, faults } from './lib/payloads.mjs';
import { isHigher, pairs, ranked, sentence } from './lib/ranks.mjs';
import { suite } from './lib/stage.mjs';

const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000 };
const BOTH = [{ ban: false, verb: 'kick', reason: 'kicked' }, { ban: true, verb: 'ban', reason: 'banned' }];

/** The codes with which it is refused, or null. */
function refusal({ actor, target }) {
  if (actor.rank === 'participant') return 'not-moderator';
  if (actor.rank === 'creator' && actor.id === target.id) return ['cannot-target-self', 'protected-creator'];
  if (actor.id === target.id) return 'cannot-target-self';
  if (target.rank === 'creator') return 'protected-creator';
  if (isHigher(actor, target)) return null;
  return actor.rank === 'host' ? 'forbidden' : 'not-host';
}

function expectKicked({ by, reason, rev }, expected) {
  assert.deepEqual({ by, reason }, expected);
  assert.ok(Number.isInteger(rev));
}

suite('who may remove whom', { variants: ONE }, (scenario) => {
  for (const { ban, verb, reason } of BOTH) {
    for (const pair of pairs()) {
      const codes = refusal(pair);
      scenario(sentence(pair, codes === null, verb), async (stage) => {
        const { people } = await ranked(stage, 'paul', pair.actor.id, pair.target.id);
        const [actor, target] = [people[pair.actor.id], people[pair.target.id]];
        const payload = { participantId: target.id, ban };
        if (codes === null) {
          await actor.ok('remove-participant', payload);
          expectKicked(await target.next('kicked-from-room'), { by: actor.name, reason });
          return;
        }
        const others = Object.values(people).filter((user) => user !== actor);
        await unheard(others, () => actor.refused('remove-participant', payload, codes));
        const { participants } = await actor.ok('room-state');
        assert.deepEqual(ids(participants), ids(Object.values(people)));
      });
    }
  }
});

suite('the removed', { variants: EVERY, settings: PATIENT }, (scenario) => {
  for (const { ban, verb, reason } of BOTH) {
    scenario(`${verb}: is told by whom, and the others that they are gone`, async (stage) => {
      const { ann, bob, cy } = await stage.cast('bob', 'cy');
      await ann.ok('remove-participant', { participantId: 'bob', ban });
      expectKicked(await bob.next('kicked-from-room'), { by: 'Ann', reason });
      for (const user of [ann, cy]) {
        const left = await user.next('participant-left');
        expectLeft(left, 'bob', reason);
        assert.ok(Number.isInteger(left.rev));
        await user.noMore('kicked-from-room');
      }
      await bob.noMore('participant-left');
    });

    scenario(`${verb}: is out with every tab, and that is one leave`, async (stage) => {
      const { roomId, ann, bob } = await stage.cast('bob');
      const tabs = [bob, await stage.joined('bob', roomId), await stage.joined('bob', roomId)];
      await ann.ok('remove-participant', { participantId: 'bob', ban });
      for (const tab of tabs) {
        expectKicked(await tab.next('kicked-from-room'), { by: 'Ann', reason });
        await tab.refused('room-state', {}, 'not-joined');
      }
      expectLeft(await ann.next('participant-left'), 'bob', reason);
      await ann.noMore('participant-left');
    });

    scenario(`${verb}: hears nothing of the room any more`, async (stage) => {
      const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
      const tab = await stage.joined('bob', roomId);
      await ann.ok('remove-participant', { participantId: 'bob', ban });
      for (const user of [bob, tab]) await user.next('kicked-from-room');
      await unheard([bob, tab], async () => {
        await cy.ok('update-my-state', { isHandRaised: true });
        await ann.ok('make-cohost', { participantId: 'cy' });
        await ann.ok('mute-all', { kind: 'audio' });
        await cy.ok('send-message', { message: { text: 'He is gone' } });
        await ann.refused('signal', { to: 'bob', data: 'offer' }, 'participant-not-found');
        await ann.ok('end-meeting');
      });
    });

    scenario(`${verb}: has no say in the room any more`, async (stage) => {
      const { ann, bob } = await stage.cast('bob');
      await ann.ok('make-cohost', { participantId: 'bob' });
      await ann.ok('remove-participant', { participantId: 'bob', ban });
      await bob.next('kicked-from-room');
      await unheard([ann], async () => {
        await bob.refused('update-my-state', { isHandRaised: true }, 'not-joined');
        await bob.refused('send-message', { message: 'Let me in' }, 'not-joined');
        await bob.refused('remove-participant', { participantId: 'ann' }, 'not-joined');
      });
    });

    scenario(`${verb}: keeps the connection and can use it in another room`, async (stage) => {
      const { ann, bob } = await stage.cast('bob');
      const elsewhere = await stage.meeting('dee');
      const dee = await stage.joined('dee', elsewhere);
      await ann.ok('remove-participant', { participantId: 'bob', ban });
      await bob.next('kicked-from-room');
      assert.ok(bob.connected);
      await bob.join(elsewhere);
      await dee.ok('update-my-state', { isHandRaised: true });
      expectUpdate(await bob.next('participant-updated'), 'dee', { isHandRaised: true });
    });

    scenario(`${verb}: stays in the other room of the same connection`, async (stage) => {
      const { ann, bob } = await stage.cast('bob');
      const elsewhere = await stage.meeting('dee');
      const dee = await stage.joined('dee', elsewhere);
      await bob.join(elsewhere);
      await ann.ok('remove-participant', { participantId: 'bob', ban });
      await bob.next('kicked-from-room');
      await bob.ok('update-my-state', { isHandRaised: true });
      expectUpdate(await dee.next('participant-updated'), 'bob', { isHandRaised: true });
      await dee.noMore('participant-left');
    });
  }
});

suite('the kicked', { variants: EVERY, settings: PATIENT }, (scenario) => {
  scenario('comes back at once on the same connection', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('remove-participant', { participantId: 'bob' });
    await bob.next('kicked-from-room');
    await bob.join(roomId);
    expectParticipant(await ann.next('participant-joined'), { id: 'bob' });
    await ann.ok('update-my-state', { isHandRaised: true });
    expectUpdate(await bob.next('participant-updated'), 'ann', { isHandRaised: true });
  });

  scenario('comes back through the lobby when it is on', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('update-room', { lobby: true });
    await bob.next('room-updated');
    await ann.ok('remove-participant', { participantId: 'bob' });
    await bob.next('kicked-from-room');
    await knockAgain(bob, roomId);
    await ann.noMore('participant-joined');
  });

  scenario('can be kicked again and again', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    for (let round = 0; round < 5; round += 1) {
      await ann.ok('remove-participant', { participantId: 'bob' });
      await bob.next('kicked-from-room');
      expectLeft(await ann.next('participant-left'), 'bob', 'kicked');
      await bob.join(roomId);
    }
    await bob.noMore('kicked-from-room');
    assert.deepEqual(ids(ann.view()), ['ann', 'bob']);
  });
});

suite('kicking', { variants: ONE, settings: PATIENT }, (scenario) => {
  scenario('somebody who is not there is refused', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await bob.ok('leave-room');
    for (const participantId of ['bob', 'nobody']) {
      await ann.refused('remove-participant', { participantId }, 'participant-not-found', 'Participant not found');
    }
  });

  scenario('from outside is refused, be it by the creator of another meeting', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const eve = await stage.joined('eve', await stage.meeting('eve'));
    await unheard([ann, bob], () => eve.refused('remove-participant', { roomId, participantId: 'bob' }, 'not-joined'));
  });

  scenario('by two at once is done once', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    await ann.ok('make-cohost', { participantId: 'cy' });
    for (let round = 0; round < 10; round += 1) {
      const payload = { roomId: ann.roomId, participantId: 'bob' };
      const replies = await Promise.all([ann, cy].map((user) => user.ack('remove-participant', payload)));
      assert.deepEqual(replies.map(({ ok }) => ok).sort(), [false, true]);
      assert.equal(replies.find(({ ok }) => !ok).error.code, 'participant-not-found');
      await bob.next('kicked-from-room');
      await bob.join(ann.roomId);
    }
  });

  scenario('somebody in the lobby is a denial', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await ann.ok('update-room', { lobby: true });
    const paul = await knock(stage, 'paul', roomId);
    await ann.next('lobby-updated', (queue) => queue.length === 1);
    await ann.ok('remove-participant', { participantId: 'paul' });
    assert.equal((await paul.next('lobby-denied')).by, 'Ann');
    await ann.next('lobby-updated', (queue) => queue.length === 0);
  });
});

suite('kicking somebody whose connection is lost', { variants: CUTTABLE, settings: PATIENT }, (scenario) => {
  scenario('is a leave, and the return is a join', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await bob.cut();
    expectUpdate(await ann.next('participant-updated'), 'bob', { isReconnecting: true });
    await ann.ok('remove-participant', { participantId: 'bob' });
    expectLeft(await ann.next('participant-left'), 'bob', 'kicked');
    const heard = await heardBy([ann], () => stage.joined('bob', roomId));
    assert.deepEqual(heard.map(([, event]) => event), ['participant-joined']);
  });
});

suite('malformed', { variants: WEBSOCKET }, (scenario) => {
  const wrongIds = (roomId) => faults({ roomId, participantId: 'bob' }, { roomId: NOT_IDS, participantId: NOT_IDS });
  const CORPUS = [
    ['unban-participant', 'ids', wrongIds],
    ['remove-participant', 'ids', wrongIds],
    ['remove-participant', 'ban', (roomId) => NOT_FLAGS.map((ban) => ({ roomId, participantId: 'bob', ban }))],
  ];
  for (const [event, what, corpus] of CORPUS) {
    scenario(`${event}: what is not understood removes nobody (${what})`, async (stage) => {
      const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
      await ann.ok('make-cohost', { participantId: 'cy' });
      await unheard([ann, bob], () => expectInvalid(cy, event, corpus(roomId)));
    });
  }
});
