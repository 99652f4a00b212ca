// The list dialect's way in and out: what the real frontend sends, what it is answered, and whom it shows.
import assert from 'node:assert/strict';
import { EVERY, WEBSOCKET } from './lib/clients.mjs';
import { expectLeft, expectParticipant } from './lib/expect.mjs';
import { agreed, enters, meetup, page } from './lib/frontend.mjs';
import { unheard } from './lib/hearing.mjs';
import { suite } from './lib/stage.mjs';

const idsOf = (people) => people.map(({ id }) => id);

/** Where in the log the last entry is that matches. */
const last = (user, matches) => user.log.entries.findLast(matches)?.at ?? -1;

suite('the frontend comes in', { variants: EVERY }, (scenario) => {
  scenario('and everybody shows everybody with the right badges', async (stage) => {
    const roomId = await stage.meeting('ann');
    const ann = await enters(stage, 'ann', roomId);
    await ann.shows({ ann: '👑' });
    const bob = await enters(stage, 'bob', roomId);
    for (const user of [ann, bob]) await user.shows({ ann: '👑', bob: '' });
    expectParticipant(ann.seen('bob'), {
      name: 'Bob', imageUrl: 'https://img.example/bob.png', isHost: false, isCoHost: false, isAudioMuted: true, isVideoPaused: true,
    });
    for (const user of [ann, bob]) {
      assert.equal(user.screen.page, 'room');
      for (const event of ['existing-participants', 'participant-joined', 'error']) assert.deepEqual(user.heard(event), [], event);
    }
    await agreed(ann, bob);
  });

  scenario('and is answered what it waits for: an error without an SFU, and the join', async (stage) => {
    const { ann, bob } = await meetup(stage, ['bob']);
    for (const { router, transport } of [ann, bob]) {
      for (const answer of [router, transport]) {
        assert.ok(typeof answer.error === 'string' && !('success' in answer), JSON.stringify(answer));
      }
    }
    for (const [user, isHost] of [[ann, true], [bob, false]]) {
      const { success, existingProducers, isCoHost, mediaState, rev, ...more } = user.joinReply;
      assert.deepEqual({ success, existingProducers, isHost: more.isHost, isCoHost }, {
        success: true, existingProducers: [], isHost, isCoHost: false,
      });
      assert.deepEqual(mediaState, { isAudioMuted: true, isVideoPaused: true });
      assert.ok(Number.isInteger(rev), 'rev is an integer');
      assert.ok(!('alreadyJoined' in more) && !('error' in more), JSON.stringify(more));
    }
  });

  scenario('and is shown the room before the answer', async (stage) => {
    const { bob } = await meetup(stage, ['bob']);
    const list = bob.log.entries.find(({ event }) => event === 'participant-list-update');
    assert.deepEqual(idsOf(list.args[0]), ['ann', 'bob']);
    assert.ok(list.at < last(bob, ({ event, answers }) => event === 'join-mediasoup-room' && answers !== undefined));
  });

  scenario('and goes: told at once, shown without, and hearing nothing any more', async (stage) => {
    const { ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    await bob.leave();
    for (const user of [ann, cy]) {
      expectLeft(await user.next('participant-left'), 'bob', 'left');
      await user.shows({ ann: '👑', cy: '' });
    }
    await unheard([bob], async () => {
      cy.turnOn('audio');
      await ann.showsLights('cy', 'mic');
      ann.makeCohost('cy');
      await cy.shows({ ann: '👑', cy: '🤝' });
      cy.say('Is Bob gone?');
      await ann.showsChat(['Cy', 'Is Bob gone?']);
    });
    assert.equal((await bob.enter(bob.roomId)).success, true);
    for (const user of [ann, bob, cy]) await user.shows({ ann: '👑', bob: '', cy: '🤝' });
    await bob.showsChat(['Cy', 'Is Bob gone?']);
  });
});

suite('the list', { variants: WEBSOCKET }, (scenario) => {
  scenario('is the whole room in the order of arrival, every time', async (stage) => {
    const ids = ['ann', 'zoe', 'bob', 'yan', 'cy'];
    const { ann, cy } = await meetup(stage, ids.slice(1));
    for (const user of [ann, cy]) assert.deepEqual(idsOf(user.view()), ids);
    const lists = ann.heard('participant-list-update').map(idsOf);
    for (const list of lists) assert.deepEqual(list, ids.slice(0, list.length));
  });

  scenario('shows what each has on when a newcomer comes', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    for (const kind of ['audio', 'screen']) bob.turnOn(kind);
    await ann.showsLights('bob', 'mic screen');
    const cy = await enters(stage, 'cy', roomId);
    await cy.showsLights('bob', 'mic screen');
    await cy.showsLights('ann', '');
  });

  scenario('shows a change of state at once, to oneself too', async (stage) => {
    const { ann, bob } = await meetup(stage, ['bob']);
    bob.turnOn('video');
    for (const user of [ann, bob]) {
      const { userId, isVideoPaused, rev, ...more } = await user.next('participant-state-changed');
      assert.deepEqual({ userId, isVideoPaused }, { userId: 'bob', isVideoPaused: false });
      assert.ok(Number.isInteger(rev) && !('isAudioMuted' in more), 'what changed, and the revision');
      await user.noMore('participant-updated');
    }
    bob.turnOff('video');
    for (const user of [ann, bob]) await user.showsLights('bob', '');
  });

  scenario('of somebody whose picture and name are new', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    await bob.leave();
    const robert = await enters(stage, 'bob', roomId, { name: 'Robert', imageUrl: null });
    for (const user of [ann, robert]) await user.until(() => user.seen('bob')?.name === 'Robert', 'the new name');
    expectParticipant(ann.seen('bob'), { name: 'Robert', imageUrl: null });
  });

  scenario('of a room that nobody created has no badge', async (stage) => {
    const roomId = stage.room();
    const bob = await enters(stage, 'bob', roomId, { isCreator: true });
    const cy = await enters(stage, 'cy', roomId);
    for (const user of [bob, cy]) await user.shows({ bob: '', cy: '' });
    assert.equal(bob.joinReply.isHost, false);
  });
});

suite('claims and half joins', { variants: WEBSOCKET }, (scenario) => {
  scenario('isCreator is only a claim', async (stage) => {
    const { roomId, ann } = await meetup(stage, []);
    const bob = await enters(stage, 'bob', roomId, { isCreator: true });
    assert.deepEqual([bob.joinReply.isHost, bob.joinReply.isCoHost], [false, false]);
    for (const user of [ann, bob]) await user.shows({ ann: '👑', bob: '' });
    bob.makeHost('bob');
    await bob.toldOff('make-host', 'not-host', 'Only hosts can promote others');
    await agreed(ann, bob);
  });

  scenario('the creator is host whatever it claims', async (stage) => {
    const roomId = await stage.meeting('ann');
    const ann = await enters(stage, 'ann', roomId, { isCreator: false });
    assert.equal(ann.joinReply.isHost, true);
    await ann.shows({ ann: '👑' });
  });

  scenario('the bare join is none: nobody sees it, and it hears and is told nothing', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    const cy = await page(stage, 'cy');
    await unheard([ann, bob, cy], async () => {
      cy.emit('set-user-id', 'cy');
      cy.emit('join-room', roomId);
      cy.emit('join-room', roomId);
      assert.equal((await cy.ack('join-room', roomId)).success, true);
      bob.emit('join-room', roomId);
    });
    ann.turnOn('audio');
    await bob.showsLights('ann', 'mic');
    await unheard([cy], () => bob.ok('send-message', { message: { id: 'm1', text: 'psst', sender: { name: 'Bob' } } }));
    assert.equal((await cy.enter(roomId)).success, true);
    for (const user of [ann, bob, cy]) await user.shows({ ann: '👑', bob: '', cy: '' });
  });

  scenario('the bare leave of who is not in it is nothing', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    const cy = await page(stage, 'cy');
    cy.emit('join-room', roomId);
    await unheard([ann, bob, cy], async () => {
      for (const id of [roomId, stage.room(), 'test-room']) {
        cy.emit('leave-room', id);
        assert.ok(!('error' in await cy.ack('leave-room', id)), id);
      }
      bob.emit('leave-room', stage.room());
    });
    await ann.shows({ ann: '👑', bob: '' });
  });

  scenario('who was bound to one user is not another one', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    bob.emit('set-user-id', 'bob');
    bob.emit('set-user-id', 'ann');
    await bob.toldOff('set-user-id', 'unauthorized');
    bob.emit('join-mediasoup-room', { ...bob.entry(), userId: 'ann' }, () => {});
    await bob.toldOff('join-mediasoup-room', 'unauthorized');
    bob.makeCohost('ann');
    await bob.toldOff('make-cohost', 'not-host');
    await bob.noMore('error');
    assert.deepEqual(idsOf(await agreed(ann, bob)), ['ann', 'bob']);
    assert.equal(bob.roomId, roomId);
  });

  scenario('a name may be missing, and is empty then', async (stage) => {
    const { roomId, ann } = await meetup(stage, []);
    const bob = await page(stage, 'bob');
    const reply = await bob.ack('join-mediasoup-room', { roomId, userId: 'bob', isCreator: true });
    assert.equal(reply.success, true, JSON.stringify(reply));
    await ann.until(() => ann.seen('bob'), 'bob');
    expectParticipant(ann.seen('bob'), { name: '', imageUrl: null, isHost: false });
  });
});
