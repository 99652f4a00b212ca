// Who comes back and says how far they had heard gets what they missed, or one list, and never both.
import assert from 'node:assert/strict';
import { agree } from './lib/agreement.mjs';
import { expectParticipant, expectUpdate } from './lib/expect.mjs';
import {
  comeBack, expectNothingMissed, expectReplayed, expectSnapshot, heardAfter, lose, position, resume, wave,
  withoutComings,
} from './lib/resuming.mjs';
import { appoint, onOneAndThree, spread } from './lib/spread.mjs';

// Long enough that nobody is given up.
const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000 };

const names = (events) => events.map(([event]) => event);

onOneAndThree('coming back', { settings: PATIENT }, (scenario, count) => {
  for (const [place, far] of [['the same node', 0], ['another node', 1]].slice(0, count)) {
    scenario(`to ${place} with nothing missed brings nothing`, async (stage, nodes) => {
      const { ann, bob } = await spread(stage, nodes, 'bob');
      await bob.closeTab();
      const back = await comeBack(stage, bob, nodes.at(1 + far));
      expectNothingMissed(back);
      expectParticipant(back.joinReply.participant, { id: 'bob' });
      await agree([ann, back]);
    });

    scenario(`to ${place} brings what was missed, in order`, async (stage, nodes) => {
      const { roomId, ann, bob, cy, wim } = await spread(stage, nodes, 'bob', 'cy', 'wim');
      await cy.ok('update-my-state', { isAudioMuted: false });
      await bob.next('participant-updated');
      const { rev } = position(bob);
      await lose(bob, wim);
      const dan = await stage.joined('dan', roomId, nodes.at(2));
      await appoint(ann, 'cohost', dan);
      await dan.ok('mute-participant', { participantId: 'cy', kind: 'audio' });
      await cy.ok('send-message', { message: { text: 'so long' } });
      await cy.ok('leave-room');
      await ann.ok('remove-cohost', { participantId: 'dan' });
      const back = await comeBack(stage, bob, nodes.at(1 + far));
      const missed = withoutComings(expectReplayed(back), 'bob');
      assert.deepEqual(names(missed), ['participant-joined', 'participant-updated', 'participant-updated',
        'receive-message', 'participant-left', 'participant-updated']);
      await agree([ann, back, dan, wim]);
      const meanwhile = heardAfter(wim, rev).filter(([, event]) => event.rev <= back.joinReply.rev);
      assert.deepEqual(missed, withoutComings(meanwhile, 'bob'), 'the same as heard by who was there');
    });

    scenario(`to ${place} twice in a row brings each time what was missed since`, async (stage, nodes) => {
      const { ann, bob, wim } = await spread(stage, nodes, 'bob', 'wim');
      let tab = bob;
      for (const isHandRaised of [true, false]) {
        await lose(tab, wim);
        await ann.ok('update-my-state', { isHandRaised });
        tab = await comeBack(stage, tab, nodes.at(1 + far));
        const missed = withoutComings(expectReplayed(tab), 'bob');
        assert.equal(missed.length, 1);
        expectUpdate(missed[0][1], 'ann', { isHandRaised });
      }
      await agree([ann, tab, wim]);
    });

    scenario(`to ${place} brings one's own new role, and the notice of it`, async (stage, nodes) => {
      const { ann, bob, wim } = await spread(stage, nodes, 'bob', 'wim');
      await lose(bob, wim);
      await ann.ok('make-cohost', { participantId: 'bob' });
      const back = await comeBack(stage, bob, nodes.at(1 + far));
      assert.deepEqual(names(withoutComings(expectReplayed(back), 'bob')), ['participant-updated', 'cohost-granted']);
      assert.equal(back.seen('bob').isCoHost, true);
    });

    scenario(`to ${place} after leaving brings the list: left`, async (stage, nodes) => {
      const { ann, bob } = await spread(stage, nodes, 'bob');
      await bob.ok('leave-room');
      bob.disconnect();
      const back = await comeBack(stage, bob, nodes.at(1 + far));
      expectSnapshot(back, 'left');
      await agree([ann, back]);
    });

    scenario(`to ${place} with a revision that is yet to come brings the list: ahead`, async (stage, nodes) => {
      const { ann, bob, wim } = await spread(stage, nodes, 'bob', 'wim');
      const { epoch, rev } = position(bob);
      await lose(bob, wim);
      const back = await comeBack(stage, bob, nodes.at(1 + far), { epoch, rev: rev + 1_000 });
      expectSnapshot(back, 'ahead');
      await agree([ann, back, wim]);
    });

    scenario(`to ${place} from another life of the room brings the list: epoch-changed`, async (stage, nodes) => {
      const { ann, bob, wim } = await spread(stage, nodes, 'bob', 'wim');
      const { epoch, rev } = position(bob);
      await lose(bob, wim);
      const other = epoch.startsWith('0') ? `1${epoch.slice(1)}` : `0${epoch.slice(1)}`;
      const back = await comeBack(stage, bob, nodes.at(1 + far), { epoch: other, rev });
      expectSnapshot(back, 'epoch-changed');
      await agree([ann, back, wim]);
    });
  }

  scenario('in a busy room again and again nothing is missed and nothing comes twice', async (stage, nodes) => {
    const { ann, bob, wim } = await spread(stage, nodes, 'bob', 'wim');
    let isBusy = true;
    const waving = (async () => {
      for (; isBusy;) await wave(ann, 2);
    })();
    let tab = bob;
    try {
      for (let round = 0; round < 10; round += 1) {
        await tab.cut();
        tab = await comeBack(stage, tab, nodes.at(round));
        assert.match(tab.joinReply.resume.outcome, /^(replayed|nothing-missed)$/);
      }
    } finally {
      isBusy = false;
    }
    await waving;
    await agree([ann, tab, wim]);
    const hands = (user) => user.heard('participant-updated').filter(({ updates }) => 'isHandRaised' in updates);
    assert.deepEqual(hands(tab), hands(wim));
  });

  scenario('what was meant for one who was away comes to that one alone', async (stage, nodes) => {
    const { ann, bob, cy, wim } = await spread(stage, nodes, 'bob', 'cy', 'wim');
    for (const user of [bob, cy]) await lose(user, wim);
    for (const data of [1, 2]) await wim.ok('signal', { to: 'bob', data });
    await ann.ok('mute-participant', { participantId: 'bob', kind: 'video' });
    const [back, other] = [await comeBack(stage, bob, nodes.at(2)), await comeBack(stage, cy, nodes.at(1))];
    const targeted = expectReplayed(back).filter(([event]) => /^(signal|force-mute)$/.test(event));
    assert.deepEqual(targeted.map(([event, { data, from, kind, by }]) => [event, data ?? kind, from ?? by]), [
      ['signal', 1, 'wim'], ['signal', 2, 'wim'], ['force-mute', 'video', 'Ann']]);
    expectReplayed(other);
    for (const event of ['signal', 'force-mute']) await other.noMore(event);
    await agree([ann, back, other, wim]);
  });

  scenario('what the other tab did meanwhile is missed like anything else', async (stage, nodes) => {
    const { roomId, ann, bob } = await spread(stage, nodes, 'bob');
    const tab = await stage.joined('bob', roomId, nodes.at(2));
    await bob.cut();
    await wave(tab, 1);
    const back = await comeBack(stage, bob, nodes.at(0));
    assert.deepEqual(names(expectReplayed(back)), ['participant-updated']);
    await agree([ann, tab, back]);
  });

  scenario('asked again on the same connection brings nothing', async (stage, nodes) => {
    const { ann, bob } = await spread(stage, nodes, 'bob');
    await wave(ann, 3);
    await agree([ann, bob]);
    await resume(bob);
    expectNothingMissed(bob);
    await agree([ann, bob]);
  });

  scenario('of somebody who was never there brings the list and no history', async (stage, nodes) => {
    const { roomId, ann, bob } = await spread(stage, nodes, 'bob');
    const { epoch } = position(bob);
    await ann.ok('send-message', { message: 'before you came' });
    await ann.ok('signal', { to: 'bob', data: 'for Bob' });
    await bob.next('signal');
    const eve = await stage.user('eve', nodes.at(2));
    eve.roomId = roomId;
    await resume(eve, eve, { epoch, rev: 1 });
    expectSnapshot(eve, 'left');
    for (const event of ['signal', 'receive-message']) await eve.noMore(event);
  });

  scenario('of somebody who was removed brings the list: left', async (stage, nodes) => {
    const { ann, bob } = await spread(stage, nodes, 'bob');
    await ann.ok('remove-participant', { participantId: 'bob' });
    await bob.next('kicked-from-room');
    await wave(ann, 2);
    await resume(bob);
    expectSnapshot(bob, 'left');
    await agree([ann, bob]);
  });

  scenario('of somebody who left before the lobby was on brings neither', async (stage, nodes) => {
    const { ann, bob } = await spread(stage, nodes, 'bob');
    await bob.ok('leave-room');
    await ann.ok('update-room', { lobby: true });
    await wave(ann, 2);
    const reply = await resume(bob);
    assert.deepEqual([reply.ok, reply.waiting], [true, true], JSON.stringify(reply));
    assert.ok(!('participants' in reply));
    for (const event of ['existing-participants', 'participant-updated', 'room-updated']) await bob.noMore(event);
  });

  scenario('with what is no epoch or no revision is refused', async (stage, nodes) => {
    const { roomId, ann, bob } = await spread(stage, nodes, 'bob');
    const { epoch, rev } = position(bob);
    const epochs = [true, 0, 1e308, [], [epoch], {}, '', 'no epoch', `${epoch}0`, 'x'.repeat(10_000)];
    const revs = [true, `${rev}`, -1, 1.5, 1e308, 2 ** 64, [], [rev], {}, 'x'];
    const bad = [...epochs.map((other) => ({ epoch: other, rev })), ...revs.map((other) => ({ epoch, rev: other }))];
    const eve = await stage.user('eve', nodes.at(1));
    for (const from of bad) await eve.refused('join-room', eve.joinPayload(roomId, from), 'invalid-payload');
    for (const user of [ann, bob]) await user.noMore('participant-joined');
  });
});
