// Pages of the list dialect: two sockets each, joins in any order and form, several tabs, tabs that are closed or lost.
import assert from 'node:assert/strict';
import { api } from './lib/api.mjs';
import { CUTTABLE, EVERY, ONE, WEBSOCKET } from './lib/clients.mjs';
import { expectLeft, ids } from './lib/expect.mjs';
import { agreed, enters, gathered, meetup, page } from './lib/frontend.mjs';
import { unheard } from './lib/hearing.mjs';
import { service, settings as withKey } from './lib/hosted.mjs';
import { suite } from './lib/stage.mjs';
import { token } from './lib/token.mjs';

const LONG_MS = 60_000;
const SHORT_MS = 150;
// Nobody comes back by recovery here.
const presence = (lost, closed) => ({
  PRESENCE__LEAVE_AFTER_LOST_MS: lost, PRESENCE__LEAVE_AFTER_CLOSE_MS: closed, SOCKET__RECOVERY_WINDOW_SECS: 0,
});
const PATIENT = presence(LONG_MS, LONG_MS);
const BACK_SOON = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50 };

suite('the anonymous socket', { variants: EVERY, settings: PATIENT }, (scenario) => {
  scenario('is nobody: in no room, and hearing nothing of any', async (stage) => {
    const { roomId, everyone, ann, bob } = await meetup(stage, ['bob']);
    const others = everyone.map(({ anonymous }) => anonymous);
    await unheard(others, async () => {
      for (const { anonymous } of everyone) anonymous.emit('join-room', roomId);
      bob.turnOn('audio');
      await ann.showsLights('bob', 'mic');
      bob.say('Hello');
      await ann.showsChat(['Bob', 'Hello']);
    });
    for (const user of everyone) await user.shows({ ann: '👑', bob: '' });
    const { body } = await stage.rest().get(`/api/meetings/${roomId}/participants`);
    assert.deepEqual(ids(body.participants), ['ann', 'bob']);
    const { room } = await ann.ok('room-state');
    assert.equal(room.participantCount, 2);
  });

  scenario('comes and goes without anybody noticing', async (stage) => {
    const { roomId, everyone, ann, bob } = await meetup(stage, ['bob']);
    await unheard(everyone, async () => {
      bob.anonymous.emit('join-room', roomId);
      await bob.anonymous.ack('getRouterRtpCapabilities');
      bob.anonymous.disconnect();
    });
    bob.turnOn('audio');
    await ann.showsLights('bob', 'mic');
  });
});

suite('"test-room"', { variants: WEBSOCKET, settings: { ...PATIENT, ...withKey } }, (scenario) => {
  const keyed = (id, tenant) => ({ token: token(id, { tenant }) });

  scenario('is no room that is loaded, and no error', async (stage) => {
    const tenant = stage.room();
    const pages = await Promise.all(['ann', 'bob'].map((id) => page(stage, id, keyed(id, tenant))));
    for (const { anonymous } of pages) {
      anonymous.emit('join-room', 'test-room');
      assert.equal((await anonymous.ack('join-room', 'test-room')).success, true);
      await anonymous.noMore('error', ({ event }) => event !== 'room-state');
    }
    const roomId = stage.room();
    await pages[0].enter(roomId);
    const { body } = await api(stage.server.url, service('meetings:admin', { tenant }))('GET', 'rooms');
    assert.deepEqual(body.items.map(({ id, count }) => [id, count]), [[roomId, 1]]);
  });

  scenario('is a room like any other for who really joins it', async (stage) => {
    const tenant = stage.room();
    const bystander = await page(stage, 'bob', keyed('bob', tenant));
    const ann = await enters(stage, 'ann', 'test-room', keyed('ann', tenant));
    await ann.shows({ ann: '' });
    const cy = await enters(stage, 'cy', 'test-room', keyed('cy', tenant));
    cy.say('Hello');
    await ann.showsChat(['Cy', 'Hello']);
    await ann.shows({ ann: '', cy: '' });
    assert.equal(bystander.view(), null);
  });

  scenario('a token says who somebody is; another id is refused', async (stage) => {
    const tenant = stage.room();
    const roomId = stage.room();
    const ann = await enters(stage, 'ann', roomId, keyed('ann', tenant));
    const eve = await page(stage, 'eve', keyed('eve', tenant));
    await eve.expectRefusal('set-user-id', await eve.ack('set-user-id', 'ann'), 'unauthorized');
    assert.equal((await eve.ack('set-user-id', 'eve')).success, true);
    const reply = await eve.ack('join-mediasoup-room', { roomId, userId: 'ann', userName: 'Ann', rtpCapabilities: null });
    await eve.expectRefusal('join-mediasoup-room', reply, 'unauthorized');
    assert.equal((await eve.enter(roomId)).success, true);
    assert.equal((await eve.ack('refresh-auth', keyed('eve', tenant))).success, true);
    for (const user of [ann, eve]) await user.shows({ ann: '', eve: '' });
  });
});

/** What a page may send to come in, in whatever order. */
const STEPS = {
  bind: (user) => user.emit('set-user-id', user.id),
  subscribe: (user, roomId) => user.emit('join-room', roomId),
  media: (user) => user.emit('join-mediasoup-room', user.entry({ rtpCapabilities: null }), () => {}),
  object: (user, roomId) => user.emit('join-room', { roomId, userId: user.id, userName: user.name }, () => {}),
  positional: (user, roomId) => user.emit('join-room', roomId, user.id, user.name),
};

const orders = (items) => (items.length < 2 ? [items] : items.flatMap((item) => (
  orders(items.filter((other) => other !== item)).map((rest) => [item, ...rest]))));

suite('joins in any order', { variants: ONE, settings: PATIENT }, (scenario) => {
  scenario('and any form make one participant, who is gone when the page is', async (stage) => {
    const { roomId, ann } = await meetup(stage, []);
    const dee = await stage.joined('dee', roomId);
    for (const order of orders(Object.keys(STEPS))) {
      ann.log.readAll();
      dee.log.readAll();
      const bob = await page(stage, 'bob', { imageUrl: null });
      bob.roomId = roomId;
      for (const step of order) STEPS[step](bob, roomId);
      await bob.shows({ ann: '👑', dee: '', bob: '' });
      await dee.next('participant-joined');
      const { participants } = await bob.ok('room-state');
      assert.deepEqual(ids(participants), ['ann', 'bob', 'dee'], `${order}`);
      assert.deepEqual(bob.heard('error'), [], `${order}`);
      bob.disconnect();
      expectLeft(await dee.next('participant-left'), 'bob', 'left');
      for (const event of ['participant-joined', 'participant-left', 'participant-updated']) await dee.noMore(event);
    }
    await ann.shows({ ann: '👑', dee: '' });
  });

  scenario('and repeated are answered alike, and the others notice nothing', async (stage) => {
    const { roomId, everyone, ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    await unheard([ann, cy], async () => {
      for (const again of [['join-mediasoup-room', bob.entry()], ['join-room', bob.joinPayload(roomId, { userImageUrl: bob.imageUrl })]]) {
        const reply = await bob.ack(...again);
        const { success, alreadyJoined, isHost, existingProducers } = reply;
        assert.deepEqual([success, alreadyJoined, isHost, existingProducers], [true, true, false, []], JSON.stringify(reply));
        assert.deepEqual(ids(bob.heard('participant-list-update').at(-1)), ['ann', 'bob', 'cy']);
      }
      assert.equal((await bob.enter(roomId)).alreadyJoined, true);
    });
    await agreed(...everyone);
    await bob.leave();
    for (const user of [ann, cy]) await user.shows({ ann: '👑', cy: '' });
    assert.ok(!('alreadyJoined' in await bob.enter(roomId)), 'having left, it comes anew');
    await agreed(...everyone);
  });
});

suite('two tabs', { variants: EVERY, settings: PATIENT }, (scenario) => {
  scenario('are one participant; each is told, and either speaks', async (stage) => {
    const { roomId, everyone, ann, bob } = await meetup(stage, ['bob']);
    bob.turnOn('audio');
    await ann.showsLights('bob', 'mic');
    const tab = await enters(stage, 'bob', roomId);
    assert.ok(!('alreadyJoined' in tab.joinReply), 'this connection was not there');
    assert.deepEqual(tab.joinReply.mediaState, { isAudioMuted: false, isVideoPaused: true });
    ann.makeCohost('bob');
    for (const user of [bob, tab]) {
      await user.toast('cohost-granted', 'Ann');
      assert.equal((await user.next('role-changed')).role, 'COHOST');
    }
    tab.turnOff('audio');
    for (const user of [...everyone, tab]) {
      await user.showsLights('bob', '');
      await user.shows({ ann: '👑', bob: '🤝' });
    }
    ann.forbid('audio', 'bob');
    for (const user of [bob, tab]) await user.toast('force-mute', 'Ann');
    ann.kick('bob');
    for (const user of [bob, tab]) await user.showsPage('kicked');
    await ann.shows({ ann: '👑' });
  });

  scenario('last until both are closed', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    const tab = await enters(stage, 'bob', roomId);
    await unheard([ann], async () => bob.disconnect());
    tab.turnOn('audio');
    await ann.showsLights('bob', 'mic');
    await tab.leave();
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
    await ann.shows({ ann: '👑' });
  });
});

suite('a tab that is closed', { variants: EVERY, settings: presence(LONG_MS, SHORT_MS) }, (scenario) => {
  scenario('is gone from every page a little later', async (stage) => {
    const { ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    await bob.closeTab();
    for (const user of [ann, cy]) {
      expectLeft(await user.next('participant-left'), 'bob', 'disconnected');
      await user.shows({ ann: '👑', cy: '' });
    }
    await agreed(ann, cy);
  });
});

suite('a transport that is lost, without recovery', { variants: CUTTABLE, settings: presence(LONG_MS, LONG_MS) }, (scenario) => {
  scenario('is shown, and ends when the page is loaded again', async (stage) => {
    const { roomId, ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    ann.makeCohost('bob');
    for (const user of [ann, cy]) await user.shows({ ann: '👑', bob: '🤝', cy: '' });
    await bob.cut();
    for (const user of [ann, cy]) await user.until(() => user.seen('bob').isReconnecting, 'bob as reconnecting');
    const back = await enters(stage, 'bob', roomId);
    for (const user of [ann, back, cy]) {
      await user.until(() => user.seen('bob') && !user.seen('bob').isReconnecting, 'bob as back');
      await user.shows({ ann: '👑', bob: '🤝', cy: '' });
    }
    assert.deepEqual([back.joinReply.isCoHost, ann.heard('participant-left')], [true, []]);
    await agreed(ann, back, cy);
  });
});

suite('a page that comes back and joins no more', { variants: CUTTABLE, settings: presence(SHORT_MS, LONG_MS) }, (scenario) => {
  scenario('is out for everybody, hears nothing, and is no ghost', async (stage) => {
    const { roomId, ann, cy } = await meetup(stage, ['cy']);
    const bob = await enters(stage, 'bob', roomId, BACK_SOON);
    await ann.shows({ ann: '👑', bob: '', cy: '' });
    bob.log.readAll();
    await bob.cut();
    await Promise.all([bob.next('connect'), bob.anonymous.next('connect')]);
    for (const user of [ann, cy]) {
      expectLeft(await user.next('participant-left'), 'bob', 'disconnected');
      await user.shows({ ann: '👑', cy: '' });
    }
    await unheard([bob], async () => {
      cy.say('Where is Bob?');
      await ann.showsChat(['Cy', 'Where is Bob?']);
    });
    assert.equal((await bob.enter(roomId)).success, true);
    await bob.showsChat(['Cy', 'Where is Bob?']);
    await gathered(ann, bob, cy);
    await agreed(ann, bob, cy);
  });
});

suite('where the newest tab wins', { variants: WEBSOCKET, settings: { ...PATIENT, ROOMS__DEVICES: 'newest-wins' } }, (scenario) => {
  scenario('the older one says so, hears nothing more, and the others notice nothing', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    await unheard([ann], async () => {
      await enters(stage, 'bob', roomId);
      await bob.showsPage('replaced');
    });
    await unheard([bob], async () => {
      ann.say('Hello');
      await ann.showsChat(['Ann', 'Hello']);
    });
    await ann.shows({ ann: '👑', bob: '' });
  });
});
