// Who was muted by a moderator comes back muted, however that is, until they have unmuted themselves.
import assert from 'node:assert/strict';
import { CUTTABLE, EVERY, ONE } from './lib/clients.mjs';
import { expectParticipant } from './lib/expect.mjs';
import { heardBy } from './lib/hearing.mjs';
import { AUDIO, VIDEO, expectNotice, live } from './lib/media.mjs';
import { suite } from './lib/stage.mjs';

const BOTH_ON = { ...AUDIO.on, ...VIDEO.on };
// Long enough that nobody is given up.
const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000 };

/** How Bob comes back; each gives the connection on which he is there again. */
const WAYS = {
  'a reload within the grace': async (stage, { roomId, bob }, join) => {
    await bob.closeTab();
    return stage.joined('bob', roomId, { join });
  },
  'leaving and joining again': async (stage, { roomId, bob }, join) => {
    await bob.ok('leave-room');
    bob.joinReply = await bob.join(roomId, join);
    return bob;
  },
  'a goodbye and a new connection': async (stage, { roomId, ann, bob }, join) => {
    bob.disconnect();
    await ann.next('participant-left');
    return stage.joined('bob', roomId, { join });
  },
  'joining with another tab': (stage, { roomId }, join) => stage.joined('bob', roomId, { join }),
};
const LOST = {
  'losing the connection': async (stage, { roomId, bob }, join) => {
    await bob.cut();
    return stage.joined('bob', roomId, { join });
  },
};

/** Bob, with everything on, is muted by Ann. */
async function muted(stage, ...kinds) {
  const people = await live(stage, 'bob');
  for (const kind of kinds) {
    await people.ann.ok('mute-participant', { participantId: 'bob', kind });
    await people.bob.next('force-mute');
  }
  await people.ann.settle();
  people.ann.log.readAll();
  return people;
}

/** Bob comes back as if nothing had been, and is muted all the same. */
async function expectRemembered(stage, people, way, { kind, on, off }) {
  let back;
  const heard = await heardBy([people.ann], async () => { back = await way(stage, people, on); });
  expectNotice(await back.next('force-mute'), { kind, by: 'Host' });
  const at = (name) => back.log.entries.findLast(({ event }) => event === name).at;
  assert.ok(at('existing-participants') < at('force-mute'), 'first the list');
  expectParticipant(back.joinReply.participant, off);
  for (const user of [people.ann, back]) {
    await user.settle();
    expectParticipant(user.seen('bob'), off);
  }
  const opened = JSON.stringify(on).slice(1, -1);
  assert.ok(!JSON.stringify(heard).includes(opened), `he was on for a moment: ${JSON.stringify(heard)}`);
}

/** Bob comes back and is as he says. */
async function expectForgotten(stage, people, way, on) {
  const back = await way(stage, people, on);
  await back.noMore('force-mute');
  expectParticipant(back.seen('bob'), on);
}

function memory(scenario, ways) {
  for (const [name, way] of Object.entries(ways)) {
    for (const media of [AUDIO, VIDEO]) {
      scenario(`outlives ${name} (${media.kind})`, async (stage) => {
        await expectRemembered(stage, await muted(stage, media.kind), way, media);
      });
    }

    scenario(`ends when he unmutes himself, also after ${name}`, async (stage) => {
      const people = await muted(stage, 'audio');
      await people.bob.ok('update-my-state', AUDIO.on);
      await expectForgotten(stage, people, way, AUDIO.on);
    });
  }
}

suite('the memory of a mute', { variants: EVERY, settings: PATIENT }, (scenario) => memory(scenario, WAYS));
suite('the memory of a mute, when the transport is lost', { variants: CUTTABLE, settings: PATIENT }, (scenario) => (
  memory(scenario, LOST)));

suite('the memory of one mute', { variants: ONE, settings: PATIENT }, (scenario) => {
  const leaving = WAYS['leaving and joining again'];

  scenario('is kept of mute-all too', async (stage) => {
    const people = await live(stage, 'bob');
    await people.ann.ok('mute-all', { kind: 'audio' });
    await people.bob.next('force-mute');
    await people.ann.settle();
    await expectRemembered(stage, people, leaving, AUDIO);
  });

  scenario('is kept of somebody who was muted already', async (stage) => {
    const people = await stage.cast('bob');
    await people.ann.ok('mute-participant', { participantId: 'bob', kind: 'audio' });
    await people.bob.next('force-mute');
    await expectRemembered(stage, people, leaving, AUDIO);
  });

  scenario('outlives several returns', async (stage) => {
    const people = await muted(stage, 'audio');
    for (let round = 0; round < 3; round += 1) await expectRemembered(stage, people, leaving, AUDIO);
  });

  scenario('outlives what is no unmuting', async (stage) => {
    const people = await muted(stage, 'audio');
    await people.bob.ok('update-my-state', { isHandRaised: true, ...AUDIO.off });
    await people.ann.ok('ask-to-unmute', { participantId: 'bob', kind: 'audio' });
    await expectRemembered(stage, people, leaving, AUDIO);
  });

  scenario('is of one kind each', async (stage) => {
    const people = await muted(stage, 'audio');
    const back = await leaving(stage, people, BOTH_ON);
    expectNotice(await back.next('force-mute'), { kind: 'audio', by: 'Host' });
    await back.noMore('force-mute');
    expectParticipant(back.seen('bob'), { ...AUDIO.off, ...VIDEO.on });
  });

  scenario('of two kinds ends for the one that he takes back', async (stage) => {
    const people = await muted(stage, 'audio', 'video');
    await people.bob.ok('update-my-state', VIDEO.on);
    const back = await leaving(stage, people, BOTH_ON);
    expectNotice(await back.next('force-mute'), { kind: 'audio', by: 'Host' });
    await back.noMore('force-mute');
    expectParticipant(back.seen('bob'), { ...AUDIO.off, ...VIDEO.on });
  });

  scenario('is of one room', async (stage) => {
    await muted(stage, 'audio');
    const bob = await stage.joined('bob', await stage.meeting('dee'), { join: AUDIO.on });
    expectParticipant(bob.seen('bob'), AUDIO.on);
    await bob.noMore('force-mute');
  });
});
