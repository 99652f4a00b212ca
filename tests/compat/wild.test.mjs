// What frontends of the wild say: joins by position, and targets by other names.
import assert from 'node:assert/strict';
import { WEBSOCKET } from './lib/clients.mjs';
import { expectParticipant, ids } from './lib/expect.mjs';
import { withTabs } from './lib/recovering.mjs';
import { suite } from './lib/stage.mjs';
import { DIALECTS, PAIRS, TARGETS, meet, peopleOf, personAt } from './lib/wild.mjs';

/** 2.x does not know its own id. */
const KNOWING = WEBSOCKET.filter(({ client }) => client !== '2.5');

suite('a join by position', { variants: WEBSOCKET }, (start) => {
  const scenario = withTabs(start);

  scenario('on a connection of the list dialect is a join of that dialect', async (stage, tabs) => {
    const { roomId, ann } = await meet(stage, tabs, { ann: 'delta' });
    const bob = await tabs.open('bob');
    bob.emit('set-user-id', 'bob');
    bob.roomId = roomId;
    const reply = await bob.ack('join-room', roomId, 'bob', 'Bobby');
    const { success, existingProducers, isHost, isCoHost } = reply;
    assert.deepEqual({ success, existingProducers, isHost, isCoHost },
      { success: true, existingProducers: [], isHost: false, isCoHost: false }, JSON.stringify(reply));
    await bob.shows('ann', 'bob');
    expectParticipant(await ann.next('participant-joined'), { id: 'bob', name: 'Bobby' });
    for (const event of ['existing-participants', 'participant-joined']) await bob.noMore(event);
  });

  scenario('on any other connection is one of the delta dialect', async (stage, tabs) => {
    const { roomId } = await meet(stage, tabs, { ann: 'list' });
    const bob = await tabs.open('bob');
    bob.roomId = roomId;
    assert.equal((await bob.ack('join-room', roomId, 'bob', 'Bobby')).ok, true);
    assert.deepEqual(ids(await bob.next('existing-participants')), ['ann', 'bob']);
    const cy = await tabs.joined('cy', roomId);
    expectParticipant(await bob.next('participant-joined'), { id: 'cy' });
    await bob.noMore('participant-list-update');
    assert.equal(cy.seen('bob').name, 'Bobby');
  });

  scenario('before and after the other forms is one participant', async (stage, tabs) => {
    const { roomId, ann } = await meet(stage, tabs, { ann: 'list' });
    const bob = await tabs.open('bob');
    await bob.ack('join-room', roomId, 'bob', 'Bob');
    assert.equal((await bob.knock(roomId)).alreadyJoined, true);
    await bob.ack('join-room', roomId, 'bob', 'Bob');
    await bob.ok('join-room', { userId: 'bob', userName: 'Bob' });
    await bob.settle();
    await ann.shows('ann', 'bob');
    assert.deepEqual(ids((await ann.ok('room-state')).participants), ['ann', 'bob']);
  });

  scenario('that cannot be understood is refused, and the connection stays', async (stage, tabs) => {
    const { roomId, ann } = await meet(stage, tabs, { ann: 'list' });
    const bob = await tabs.open('bob');
    bob.emit('set-user-id', 'bob');
    for (const args of [[roomId, 5], [roomId, {}], [roomId, 'a b', 'B'], [roomId, 'bob', ['x']], ['a b', 'bob', 'Bob']]) {
      const reply = await bob.ack('join-room', ...args);
      assert.deepEqual([typeof reply.error, reply.code], ['string', 'invalid-payload'], JSON.stringify([args, reply]));
    }
    await bob.enter(roomId);
    await ann.shows('ann', 'bob');
  });
});

suite('a target', { variants: KNOWING }, (start) => {
  const scenario = withTabs(start);

  for (const { from, to } of PAIRS) {
    for (const [field, of] of Object.entries(TARGETS)) {
      scenario(`named ${field} is found, from the ${from} dialect in the ${to} one`, async (stage, tabs) => {
        const { ann, bob, cy } = await meet(stage, tabs, { ann: from, bob: to, cy: 'list' });
        const target = { [field]: of(bob), userId: 'cy' };
        const becomes = (flag, value) => Promise.all([bob, cy].map((tab) => (
          tab.until(() => (personAt(tab, 'bob')[flag] ?? false) === value, `${flag} ${value}`))));
        for (const [role, flag] of [['cohost', 'isCoHost'], ['host', 'isHost']]) {
          for (const [verb, value, notice] of [['make', true, 'granted'], ['remove', false, 'revoked']]) {
            await ann.ok(`${verb}-${role}`, target);
            await bob.next(`${role}-${notice}`);
            await becomes(flag, value);
          }
        }
        await bob.ok('update-my-state', { isAudioMuted: false, isVideoPaused: false });
        await becomes('isVideoPaused', false);
        await ann.ok('mute-participant', { ...target, kind: 'audio' });
        await bob.next('force-mute');
        await ann.ok('ask-to-unmute', { ...target, kind: 'audio' });
        await bob.next(to === 'list' ? 'allow-unmute' : 'unmute-requested');
        await ann.ok('toggle-remote-video', { ...target, force: 'pause' });
        await becomes('videoLocked', true);
        await bob.refused('update-my-state', { isVideoPaused: false }, 'media-locked');
        await ann.ok('toggle-remote-video', { ...target, force: 'unpause' });
        await bob.ok('update-my-state', { isVideoPaused: false, isAudioMuted: false });
        await becomes('isAudioMuted', false);
        await ann.ok('toggle-remote-audio', { ...target, force: 'mute' });
        await becomes('audioLocked', true);
        await becomes('isAudioMuted', true);
        await ann.ok('signal', { ...target, data: { n: 1 } });
        assert.deepEqual((await bob.next('signal')).data, { n: 1 });
        await ann.ok('remove-participant', target);
        await bob.next('kicked-from-room');
        await cy.shows('ann', 'cy');
      });
    }

    scenario(`may be signalled as \`to\`, from the ${from} dialect in the ${to} one`, async (stage, tabs) => {
      const { ann, bob, cy } = await meet(stage, tabs, { ann: from, bob: to, cy: 'list' });
      await ann.ok('signal', { to: 'bob', data: 'hello', from: 'cy' });
      const { from: sender, data } = await bob.next('signal');
      assert.deepEqual([sender, data], ['ann', 'hello']);
      await cy.noMore('signal');
    });
  }

  const moderating = {
    'make-cohost': {}, 'remove-cohost': {}, 'make-host': {}, 'remove-host': {}, 'remove-participant': {},
    'toggle-remote-audio': { force: 'mute' }, 'toggle-remote-video': { force: 'pause' }, 'mute-participant': { kind: 'audio' },
  };
  const commands = { ...moderating, signal: { data: 1 } };

  for (const dialect of DIALECTS) {
    scenario(`that is not in the room is not found, from the ${dialect} dialect`, async (stage, tabs) => {
      const { ann, bob } = await meet(stage, tabs, { ann: dialect, bob: 'list' });
      const { eve } = await meet(stage, tabs, { eve: 'list' });
      const gone = bob.socket.id;
      bob.emit('leave-room', bob.roomId);
      await ann.next('participant-left');
      const sockets = [eve.socket.id, gone, 'f'.repeat(16)].map((targetSocketId) => ({ targetSocketId }));
      const absent = [...sockets, { targetUserId: 'eve' }];
      for (const [event, payload] of Object.entries(commands)) {
        for (const target of absent) await ann.refused(event, { ...payload, ...target }, 'participant-not-found');
      }
      await eve.settle();
      assert.deepEqual(eve.log.entries.filter(({ taken, event, answers }) => (
        !taken && answers === undefined && !/^(participant-list-update|error)$/.test(event))), []);
    });

    scenario(`that is none is refused, from the ${dialect} dialect`, async (stage, tabs) => {
      const { ann, bob } = await meet(stage, tabs, { ann: dialect, bob: 'list' });
      for (const [event, payload] of Object.entries(commands)) {
        await ann.refused(event, payload, 'invalid-payload');
        for (const field of Object.keys(TARGETS)) {
          const isText = (wrong) => typeof wrong === 'string' && field === 'targetSocketId';
          for (const wrong of [null, 1, true, '', 'a b', [], ['bob'], {}, 'x'.repeat(1_000)]) {
            const codes = isText(wrong) ? ['invalid-payload', 'participant-not-found'] : 'invalid-payload';
            await ann.refused(event, { ...payload, [field]: wrong }, codes);
          }
        }
      }
      assert.deepEqual(ids(peopleOf(bob)), ['ann', 'bob']);
    });

    scenario(`does not say who commands: a guest is one whatever they claim, in the ${dialect} dialect`, async (stage, tabs) => {
      const { ann, bob, cy } = await meet(stage, tabs, { ann: 'list', bob: 'list', cy: dialect });
      for (const [event, payload] of Object.entries(moderating)) {
        for (const [field, of] of Object.entries(TARGETS)) {
          const reply = await cy.ack(event, { roomId: cy.roomId, ...payload, userId: 'ann', from: 'ann', [field]: of(bob) });
          assert.match(reply.code ?? reply.error?.code, /^not-(host|moderator)$/, `${event} ${JSON.stringify(reply)}`);
        }
      }
      await ann.shows('ann', 'bob', 'cy');
      assert.ok(ann.people.every(({ id, isHost, audioLocked }) => isHost === (id === 'ann') && !audioLocked));
    });
  }
});
