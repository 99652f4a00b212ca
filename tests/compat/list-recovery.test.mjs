// Connection state recovery: a page that never joins again is back where it was, and shows everything.
import assert from 'node:assert/strict';
import { expectParticipant, ids } from './lib/expect.mjs';
import {
  CLOSED, CUT, ENDS, PATIENT, PROMPT, RECOVERING, STRANDED, expectNeverLeft, noticed, withTabs,
} from './lib/recovering.mjs';
import { suite } from './lib/stage.mjs';

const settings = { ...PATIENT, ...PROMPT };
const people = async (user) => ids((await user.ok('room-state')).participants);

/** It hears the others, and they hear it. */
async function expectWorks(tab, ann, round = 0) {
  const isAudioMuted = round % 2 === 1;
  await tab.ok('update-my-state', { userId: tab.id, isAudioMuted });
  await ann.next('participant-updated', ({ participantId, updates }) => (
    participantId === tab.id && updates.isAudioMuted === isAudioMuted));
  await tab.until(() => tab.seen(tab.id).isAudioMuted === isAudioMuted, 'the own change in the list');
  await ann.ok('update-my-state', { isAudioMuted });
  await tab.until(() => tab.seen('ann').isAudioMuted === isAudioMuted, 'the change of another in the list');
}

suite('a page that lost its connection', { variants: RECOVERING, settings }, (start) => {
  const scenario = withTabs(start);

  for (const [what, how] of Object.entries(ENDS)) {
    scenario(`is back by itself when ${what}`, async (stage, tabs) => {
      const { ann, bob } = await tabs.meeting(['bob', 'cy']);
      await bob.drop(how);
      await bob.recovered('ann', 'bob', 'cy');
      await expectNeverLeft(ann, 'bob');
      assert.deepEqual(await people(ann), ['ann', 'bob', 'cy']);
      await expectWorks(bob, ann);
    });
  }

  scenario('is back when it was noticed, and the others see it away meanwhile', async (stage, tabs) => {
    const { ann, bob, cy } = await tabs.meeting(['bob', 'cy']);
    await bob.leaveForNow();
    await noticed(ann, 'bob');
    await cy.until(() => cy.seen('bob').isReconnecting, 'Bob to be shown as reconnecting');
    bob.returns();
    await bob.recovered('ann', 'bob', 'cy');
    await cy.until(() => !cy.seen('bob').isReconnecting, 'Bob to be shown as back');
    await expectNeverLeft(ann, 'bob');
    for (const user of [bob, cy]) assert.deepEqual(user.heard('participant-left'), []);
  });

  scenario('has the same name, picture and media state', async (stage, tabs) => {
    const { bob } = await tabs.meeting(['bob']);
    await bob.ok('update-my-state', { userId: 'bob', isAudioMuted: false });
    await bob.until(() => bob.seen('bob').isAudioMuted === false, 'to be audible');
    const { isReconnecting, ...before } = bob.seen('bob');
    await bob.drop();
    await bob.recovered('ann', 'bob');
    expectParticipant(bob.seen('bob'), before);
  });

  scenario('shows what was said meanwhile, and nothing twice', async (stage, tabs) => {
    const { ann, bob } = await tabs.meeting(['bob']);
    const say = (text) => ann.ok('send-message', { message: text });
    await say('before');
    await bob.says('before');
    await bob.leaveForNow();
    await noticed(ann, 'bob');
    for (const text of ['while he', 'was away']) await say(text);
    bob.returns();
    await bob.recovered('ann', 'bob');
    await bob.says('before', 'while he', 'was away');
    await say('after');
    await bob.says('before', 'while he', 'was away', 'after');
  });

  scenario('shows who came meanwhile, and no longer who went', async (stage, tabs) => {
    const { roomId, ann, bob } = await tabs.meeting(['bob', 'cy']);
    await bob.leaveForNow();
    await noticed(ann, 'bob');
    await ann.ok('remove-participant', { participantId: 'cy' });
    await tabs.joined('dee', roomId);
    bob.returns();
    await bob.recovered('ann', 'bob', 'dee');
    const lists = bob.news.filter(({ event }) => event === 'participant-list-update').map(({ args }) => ids(args[0]).join());
    assert.deepEqual([...new Set(lists)], ['ann,bob,dee'], 'it is whole at once');
  });

  scenario('keeps its role, and has the one that it was given meanwhile', async (stage, tabs) => {
    const { ann, bob, cy } = await tabs.meeting(['bob', 'cy']);
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.until(() => bob.seen('bob').isCoHost, 'to be co-host');
    await Promise.all([bob, cy].map((tab) => tab.leaveForNow()));
    for (const id of ['bob', 'cy']) await noticed(ann, id);
    await ann.ok('make-host', { participantId: 'cy' });
    for (const tab of [bob, cy]) tab.returns();
    for (const tab of [bob, cy]) await tab.recovered('ann', 'bob', 'cy');
    assert.deepEqual(['bob', 'cy'].map((id) => [bob.seen(id).isHost, bob.seen(id).isCoHost]), [[false, true], [true, false]]);
    await cy.ok('remove-cohost', { participantId: 'bob' });
    await bob.until(() => !bob.seen('bob').isCoHost, 'to be co-host no more');
  });

  scenario('is back as the only host, and nobody took the place', async (stage, tabs) => {
    const roomId = await stage.meeting('ann');
    const ann = await tabs.joined('ann', roomId);
    const wim = await stage.joined('wim', roomId);
    await ann.drop();
    await ann.recovered('ann', 'wim');
    assert.equal(ann.seen('ann').isHost, true);
    for (const event of ['host-vacant', 'host-changed', 'participant-left']) await wim.noMore(event);
    await ann.ok('make-cohost', { participantId: 'wim' });
    await wim.next('cohost-granted');
  });

  scenario('is back each time, with the same pid, however it is lost', async (stage, tabs) => {
    const { ann, bob } = await tabs.meeting(['bob']);
    const { pid } = bob;
    for (const [round, how] of [CUT, CLOSED, CUT, CUT, CLOSED, STRANDED].entries()) {
      await bob.drop(how);
      await bob.recovered('ann', 'bob');
      await expectNeverLeft(ann, 'bob');
      await expectWorks(bob, ann, round);
      await ann.ok('send-message', { message: `${round}` });
    }
    assert.equal(bob.pid, pid);
    await bob.says('0', '1', '2', '3', '4', '5');
    assert.deepEqual(await people(ann), ['ann', 'bob']);
  });

  scenario('is back in each of its rooms', async (stage, tabs) => {
    const { roomId: one, ann, bob } = await tabs.meeting(['bob']);
    const two = await stage.meeting('dan');
    const dan = await stage.joined('dan', two);
    await bob.enter(two);
    await dan.next('participant-joined');
    await bob.drop();
    await bob.connected();
    assert.equal(bob.socket.recovered, true);
    const shown = () => bob.news.filter(({ event }) => event === 'participant-list-update').map(({ args }) => ids(args[0]).join());
    await bob.until(() => shown().includes('ann,bob') && shown().includes('bob,dan'), 'the list of each room');
    for (const witness of [ann, dan]) await expectNeverLeft(witness, 'bob');
    for (const [roomId, witness] of [[one, ann], [two, dan]]) {
      await bob.ok('update-my-state', { roomId, userId: 'bob', isAudioMuted: false });
      await witness.next('participant-updated', ({ updates }) => updates.isAudioMuted === false);
    }
  });

  scenario('is one participant with its other tab, and each tab has a pid of its own', async (stage, tabs) => {
    const { roomId, ann, bob } = await tabs.meeting(['bob']);
    const tab = await tabs.joined('bob', roomId);
    assert.notEqual(tab.pid, bob.pid);
    await Promise.all([bob, tab].map((each) => each.drop()));
    for (const each of [bob, tab]) await each.recovered('ann', 'bob');
    await expectNeverLeft(ann, 'bob');
    await ann.ok('send-message', { message: 'to both' });
    for (const each of [bob, tab]) await each.says('to both');
    bob.socket.disconnect();
    await tab.settle();
    await ann.noMore('participant-left');
    tab.socket.disconnect();
    await ann.next('participant-left');
  });

  scenario('is not kept by the anonymous socket of the same page', async (stage, tabs) => {
    const { ann, bob } = await tabs.meeting(['bob']);
    const anonymous = await tabs.open('anonymous');
    anonymous.emit('join-room', 'test-room');
    await anonymous.ack('getRouterRtpCapabilities');
    await Promise.all([bob, anonymous].map((tab) => tab.drop()));
    await bob.recovered('ann', 'bob');
    await anonymous.connected();
    await anonymous.expectNothing();
    await expectNeverLeft(ann, 'bob');
  });
});
