// Connection state recovery is no way around anything: who may not be in the room is not in it afterwards.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { ids } from './lib/expect.mjs';
import { CLOSED, PATIENT, PROMPT, away, expectNeverLeft, noticed, withTabs } from './lib/recovering.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const settings = { ...PATIENT, ...PROMPT };
const verified = { ...settings, AUTH__HS256_SECRET: SECRET, AUTH__TENANT_CLAIM: 'tenant' };
const withToken = (id) => ({ token: token(id) });
const speaks = (ann) => () => ann.ok('send-message', { message: 'who is there?' });

suite('a pid in the wrong hands', { variants: ONE, settings: verified }, (start) => {
  const scenario = withTabs(start);

  const others = {
    'somebody else': ['eve', token('eve')],
    'a person of that name in another tenant': ['bob', token('bob', { tenant: 'acme' })],
  };
  for (const [who, [id, bearer]] of Object.entries(others)) {
    scenario(`is nothing to ${who}, and still good for its owner`, async (stage, tabs) => {
      const { roomId, ann, bob } = await away(tabs, withToken);
      const thief = await tabs.arriving(id, { pid: bob.lastPid, offset: 'x', token: bearer });
      thief.roomId = roomId;
      await thief.notRecovered(speaks(ann));
      assert.deepEqual(ids((await ann.ok('room-state')).participants), ['ann', 'bob']);
      await ann.noMore('participant-joined');
      bob.returns();
      await bob.recovered('ann', 'bob');
      await expectNeverLeft(ann, 'bob');
    });
  }

  scenario('is nothing to somebody else while its owner is there', async (stage, tabs) => {
    const { roomId, ann, bob } = await tabs.meeting(['bob'], withToken);
    const thief = await tabs.arriving('eve', { pid: bob.pid, ...withToken('eve') });
    thief.roomId = roomId;
    await thief.notRecovered(speaks(ann));
    await ann.ok('send-message', { message: 'Bob?' });
    await bob.says('who is there?', 'Bob?');
    assert.equal(bob.heard('disconnect').length, 0);
  });

  scenario('opens nothing without a token', async (stage, tabs) => {
    const { ann, bob } = await away(tabs, withToken);
    for (const auth of [{}, { token: 'x' }, { token: '' }]) {
      const thief = await tabs.arriving('bob', { pid: bob.lastPid, auth, reconnection: false });
      const { args } = await thief.log.next(({ event, local }) => local && event === 'connect_error', 'a refusal');
      assert.match(String(args[0]), /unauthorized/);
    }
    bob.returns();
    await bob.recovered('ann', 'bob');
    await expectNeverLeft(ann, 'bob');
  });
});

suite('a pid', { variants: ONE, settings }, (start) => {
  const scenario = withTabs(start);

  scenario('that two bring at the same time is good for one of them', async (stage, tabs) => {
    for (let round = 0; round < 10; round += 1) {
      const { roomId, ann, bob } = await away(tabs);
      const both = await Promise.all([1, 2].map((i) => tabs.arriving('bob', { pid: bob.lastPid, name: `Bob ${i}` })));
      for (const tab of both) {
        tab.roomId = roomId;
        await tab.connected();
      }
      const [winner, ...more] = both.filter(({ socket }) => socket.recovered);
      assert.ok(winner && more.length === 0, `${more.length} more were recovered`);
      await winner.shows('ann', 'bob');
      await both.find((tab) => tab !== winner).expectNothing(speaks(ann));
      await winner.says('who is there?');
      await expectNeverLeft(ann, 'bob');
    }
  });

  scenario('is good again when its user was lost again', async (stage, tabs) => {
    const { ann, bob } = await away(tabs);
    bob.returns();
    await bob.recovered('ann', 'bob');
    await bob.leaveForNow();
    await noticed(ann, 'bob');
    const page = await tabs.arriving('bob', { pid: bob.lastPid });
    await page.recovered('ann', 'bob');
    await expectNeverLeft(ann, 'bob');
  });

  const ofDelta = { 'an object': (id, roomId) => [{ roomId, userId: id, userName: 'Dee' }], arguments: (id, roomId) => [roomId, id, 'Dee'] };
  for (const [form, join] of Object.entries(ofDelta)) {
    scenario(`of a delta connection, joined with ${form}, recovers nothing`, async (stage, tabs) => {
      const { roomId, ann } = await tabs.meeting([]);
      const dee = await tabs.open('dee');
      dee.roomId = roomId;
      assert.equal((await dee.ack('join-room', ...join('dee', roomId))).ok, true);
      await ann.next('participant-joined');
      await dee.drop();
      await dee.notRecovered(speaks(ann));
      await ann.noMore('participant-joined');
    });
  }

  scenario('of a connection that had joined nothing recovers nothing', async (stage, tabs) => {
    const { roomId, ann } = await tabs.meeting([]);
    const dee = await tabs.open('dee');
    dee.roomId = roomId;
    dee.emit('join-room', roomId);
    dee.emit('set-user-id', 'dee');
    await dee.settle();
    await dee.drop();
    await dee.connected();
    await dee.expectNothing(speaks(ann));
    await ann.noMore('participant-joined');
  });
});

const removals = {
  kicked: (ann, id) => ann.ok('remove-participant', { participantId: id }),
  banned: (ann, id) => ann.ok('remove-participant', { participantId: id, ban: true }),
  'with all the others at the end': (ann) => ann.ok('end-meeting'),
};

suite('who was removed', { variants: ONE, settings }, (start) => {
  const scenario = withTabs(start);

  for (const [how, remove] of Object.entries(removals)) {
    const happen = (ann) => (how.startsWith('with') ? () => {} : speaks(ann));

    scenario(`${how}, while away, is not recovered`, async (stage, tabs) => {
      const { ann, bob } = await away(tabs);
      await remove(ann, 'bob');
      bob.returns();
      await bob.notRecovered(happen(ann));
      await ann.noMore('participant-joined');
    });

    scenario(`${how}, before the connection was lost, is not recovered`, async (stage, tabs) => {
      const { ann, bob } = await tabs.meeting(['bob']);
      await remove(ann, 'bob');
      await bob.next(how.startsWith('with') ? 'meeting-ended' : 'kicked-from-room');
      await bob.drop(CLOSED);
      await bob.connected();
      await bob.expectNothing(happen(ann));
      await ann.noMore('participant-joined');
    });
  }

  scenario('from one room is recovered in the other alone', async (stage, tabs) => {
    const { roomId, ann, bob } = await tabs.meeting(['bob']);
    const two = await stage.meeting('dan');
    const dan = await stage.joined('dan', two);
    await bob.enter(two);
    await bob.leaveForNow();
    await noticed(ann, 'bob');
    await ann.ok('remove-participant', { participantId: 'bob' });
    bob.returns();
    await bob.recovered('bob', 'dan');
    await bob.refused('room-state', { roomId }, 'not-joined');
    await ann.ok('update-my-state', { isAudioMuted: false });
    await dan.ok('update-my-state', { isAudioMuted: false });
    await bob.until(() => bob.seen('dan')?.isAudioMuted === false, 'the news of the other room');
    const shown = bob.news.filter(({ event }) => event === 'participant-list-update');
    assert.ok(shown.every(({ args }) => ids(args[0]).join() === 'bob,dan'), 'no list of the room that he was removed from');
  });

  scenario('from the queue of the lobby is not recovered', async (stage, tabs) => {
    const { roomId, ann } = await tabs.meeting([]);
    await ann.ok('update-room', { lobby: true });
    const bob = await tabs.open('bob');
    await bob.knock(roomId);
    await ann.next('lobby-updated', (queue) => queue.length === 1);
    await bob.leaveForNow();
    await ann.ok('deny-participant', { participantId: 'bob' });
    bob.returns();
    await bob.notRecovered(speaks(ann));
    await ann.noMore('participant-joined');
  });
});

suite('who left on purpose', { variants: ONE, settings }, (start) => {
  const scenario = withTabs(start);

  for (const form of ['a bare id', 'an object']) {
    scenario(`the room, with ${form}, is not put back into it`, async (stage, tabs) => {
      const { roomId, ann, bob } = await tabs.meeting(['bob']);
      bob.emit('leave-room', form === 'a bare id' ? roomId : { roomId });
      await ann.next('participant-left');
      await bob.drop(CLOSED);
      await bob.connected();
      await bob.expectNothing(speaks(ann));
      await ann.noMore('participant-joined');
    });
  }

  scenario('with socket.disconnect() is not recovered', async (stage, tabs) => {
    const { ann, bob } = await tabs.meeting(['bob']);
    await bob.drop(({ socket }) => socket.disconnect());
    assert.equal((await ann.next('participant-left')).reason, 'left');
    bob.socket.connect();
    await bob.notRecovered(speaks(ann));
    await ann.noMore('participant-joined');
  });
});
