// What comes to a page of the list dialect as time goes on: many changes at once, and tickets.
import assert from 'node:assert/strict';
import { ONE, WEBSOCKET } from './lib/clients.mjs';
import { agreed, enters, meetup } from './lib/frontend.mjs';
import { suite } from './lib/stage.mjs';
import { WITH_JITSI } from './lib/tickets.mjs';

const idsOf = (people) => people.map(({ id }) => id);

suite('tickets', { variants: WEBSOCKET, settings: WITH_JITSI }, (scenario) => {
  scenario('come as an event and in the answer, and again with another role', async (stage) => {
    const { ann, bob } = await meetup(stage, ['bob']);
    for (const [user, role] of [[ann, 'host'], [bob, 'participant']]) {
      const [ticket] = user.heard('provider-token');
      assert.deepEqual([ticket.provider, ticket.role, ticket.participantId], ['jitsi', role, user.id]);
      assert.deepEqual(user.joinReply.provider, ticket);
    }
    ann.makeCohost('bob');
    assert.equal((await bob.next('provider-token')).role, 'co-host');
    const { provider } = await bob.ok('refresh-token');
    assert.deepEqual(provider, await bob.next('provider-token'));
    await ann.noMore('provider-token');
  });
});

const SLOW_MS = 150;

suite('many changes', { variants: ONE, settings: { SOCKET__LIST_INTERVAL_MS: SLOW_MS } }, (scenario) => {
  scenario('share lists, which come to nobody more often than the interval says', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    for (const user of [ann, bob]) await user.settle();
    const began = Date.now();
    const before = ann.heard('participant-list-update').length;
    const ids = Array.from({ length: 30 }, (_, i) => `p${i}`);
    const people = await Promise.all(ids.map((id) => stage.joined(id, roomId)));
    for (const person of people) await person.ok('update-my-state', { isAudioMuted: false });
    await ann.until(() => ann.view().length === 32 && ids.every((id) => !ann.seen(id).isAudioMuted), 'everybody talking');
    const lists = ann.heard('participant-list-update').length - before;
    const most = Math.ceil((Date.now() - began) / SLOW_MS) + 1;
    assert.ok(lists >= 1 && lists <= most, `${lists} lists, and at most ${most} of them`);
    assert.ok(lists < ids.length, `${lists} lists for ${2 * ids.length} changes`);
  });

  scenario('one upon the other never show what is no longer so', async (stage) => {
    const { ann, everyone } = await meetup(stage, ['bob', 'cy', 'dee']);
    const guests = everyone.filter((user) => user !== ann);
    for (let round = 0; round < 40; round += 1) {
      for (const user of guests) {
        if (round % 2 === 0) user.turnOn('audio');
        else user.turnOff('audio');
      }
      if (round % 4 === 0) ann.makeCohost('bob');
      if (round % 4 === 2) ann.removeCohost('bob');
      if (round % 5 === 0) await ann.settle();
    }
    await agreed(...everyone);
    for (const user of guests) assert.equal(user.heard('participant-state-changed').length, 40 * guests.length);
    await ann.shows({ ann: '👑', bob: '', cy: '', dee: '' });
  });

  scenario('a newcomer does not wait for the interval', async (stage) => {
    const { roomId, ann } = await meetup(stage, ['bob']);
    ann.turnOn('audio');
    const cy = await enters(stage, 'cy', roomId);
    assert.deepEqual(idsOf(cy.heard('participant-list-update')[0]), ['ann', 'bob', 'cy']);
    await ann.shows({ ann: '👑', bob: '', cy: '' });
  });
});
