// Role rules beyond the checklist: self, creator, last host, outsiders, durable grants.
import assert from 'node:assert/strict';
import { ONE, WEBSOCKET } from './lib/clients.mjs';
import { expectParticipant, expectUpdate } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';

suite('role rules', { variants: WEBSOCKET }, (scenario) => {
  scenario('remove-* on oneself is refused', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.refused('remove-cohost', { participantId: 'ann' }, 'cannot-target-self');
    await ann.refused('remove-host', { participantId: 'ann' }, ['cannot-target-self', 'last-host', 'protected-creator']);
    await bob.noMore('participant-updated');
    assert.equal(bob.seen('ann').isHost, true);
  });

  scenario('a host may step down while another host is in the room', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.ok('make-host', { participantId: 'bob' });
    await bob.next('host-granted');
    await bob.ok('remove-host', { participantId: 'bob' });
    assert.equal((await bob.next('host-revoked')).by, 'Bob');
    await ann.until(() => ann.seen('bob').isHost === false, 'bob without the host role');
  });

  scenario('the only host in the room cannot step down', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.ok('make-host', { participantId: 'bob' });
    await ann.ok('leave-room');
    await bob.next('participant-left');
    await bob.refused('remove-host', { participantId: 'bob' }, ['last-host', 'cannot-target-self']);
    assert.equal(bob.seen('bob').isHost, true);
  });

  scenario('the creator is protected from other hosts', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await ann.ok('make-host', { participantId: 'bob' });
    await bob.refused('remove-host', { participantId: 'ann' }, 'protected-creator');
    await ann.noMore('host-revoked');
    assert.equal(ann.seen('ann').isHost, true);
  });

  scenario('host and co-host are independent flags', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('make-host', { participantId: 'bob' });
    await ann.ok('remove-cohost', { participantId: 'bob' });
    await bob.until(() => bob.seen('bob').isHost && !bob.seen('bob').isCoHost, 'bob as host and not co-host');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('remove-host', { participantId: 'bob' });
    const cy = await stage.joined('cy', roomId);
    expectParticipant(cy.seen('bob'), { isHost: false, isCoHost: true });
  });

  scenario('somebody who is not in the room cannot command it', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const eve = await stage.user('eve');
    const refusals = [
      ['make-host', 'Only hosts can promote others'],
      ['remove-host', 'Only hosts can remove host status'],
      ['make-cohost', 'Only hosts can promote co-hosts'],
      ['remove-cohost', 'Only hosts can remove co-hosts'],
    ];
    for (const [event, message] of refusals) {
      await eve.refused(event, { roomId, participantId: 'bob' }, ['not-host', 'not-joined'], message);
    }
    await eve.refused('update-my-state', { roomId, isAudioMuted: false }, 'not-joined');
    await eve.refused('end-meeting', { roomId }, ['not-host', 'not-joined']);
    for (const user of [ann, bob]) await user.noMore('participant-updated');
  });

  scenario('the creator of another meeting has no say in this one', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    const eve = await stage.joined('eve', await stage.meeting('eve'));
    await eve.refused('make-host', { roomId, participantId: 'bob' }, ['not-host', 'not-joined']);
    for (const user of [ann, bob]) await user.noMore('participant-updated');
  });

  scenario('a revoked grant stays revoked after leaving and coming back', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    for (const role of ['host', 'cohost']) {
      await ann.ok(`make-${role}`, { participantId: 'bob' });
      await ann.ok(`remove-${role}`, { participantId: 'bob' });
    }
    await bob.ok('leave-room');
    await bob.join(roomId);
    expectParticipant(bob.seen('bob'), { isHost: false, isCoHost: false });
  });

  scenario('grants outlive an empty room', async (stage) => {
    const { roomId, ann, bob } = await stage.cast('bob');
    await ann.ok('make-host', { participantId: 'bob' });
    await ann.ok('leave-room');
    await bob.ok('leave-room');
    await bob.join(roomId);
    expectParticipant(bob.seen('bob'), { isHost: true });
  });

  scenario('a notice from somebody without a name says "Host"', async (stage) => {
    const roomId = await stage.meeting('ann');
    const ann = await stage.joined('ann', roomId, { name: '' });
    const bob = await stage.joined('bob', roomId);
    await ann.ok('make-cohost', { participantId: 'bob' });
    assert.equal((await bob.next('cohost-granted')).by, 'Host');
  });
});

suite('two moderators against each other', { variants: ONE }, (scenario) => {
  scenario('exactly one of two hosts who remove each other succeeds', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    for (let round = 1; round <= 20; round += 1) {
      for (const id of ['bob', 'cy']) await ann.ok('make-host', { participantId: id });
      const replies = await Promise.all([
        bob.ack('remove-host', { roomId: bob.roomId, participantId: 'cy' }),
        cy.ack('remove-host', { roomId: cy.roomId, participantId: 'bob' }),
      ]);
      const winners = replies.filter(({ ok }) => ok);
      assert.equal(winners.length, 1, `round ${round}: ${JSON.stringify(replies)}`);
      assert.equal(replies.find(({ ok }) => !ok).error.code, 'not-host');
      const state = await ann.ok('room-state');
      const hosts = state.participants.filter(({ isHost }) => isHost).map(({ id }) => id);
      assert.deepEqual(hosts.sort(), ['ann', replies[0].ok ? 'bob' : 'cy']);
    }
  });

  scenario('both act on one target: each is judged on the state the other left', async (stage) => {
    const { ann, bob, cy, dee } = await stage.cast('bob', 'cy', 'dee');
    for (const id of ['bob', 'cy']) await ann.ok('make-host', { participantId: id });
    await Promise.all([bob.ok('make-cohost', { participantId: 'dee' }), cy.ok('make-host', { participantId: 'dee' })]);
    const own = ({ participantId }) => participantId === 'dee';
    const updates = [await dee.next('participant-updated', own), await dee.next('participant-updated', own)];
    updates.sort((a, b) => ('isHost' in a.updates) - ('isHost' in b.updates));
    expectUpdate(updates[0], 'dee', { isCoHost: true });
    expectUpdate(updates[1], 'dee', { isHost: true });
  });
});
