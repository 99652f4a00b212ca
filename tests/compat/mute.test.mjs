// Muting others, one and all, and asking them to unmute: who may, and who is told.
import assert from 'node:assert/strict';
import { EVERY, ONE, WEBSOCKET } from './lib/clients.mjs';
import { expectParticipant, expectUpdate } from './lib/expect.mjs';
import { unheard } from './lib/hearing.mjs';
import { AUDIO, KINDS, expectNotice, live } from './lib/media.mjs';
import { NOT_FLAGS, NOT_IDS, NOT_KINDS, expectInvalid, faults } from './lib/payloads.mjs';
import { pairs, ranked, sentence } from './lib/ranks.mjs';
import { suite } from './lib/stage.mjs';

suite('mute-participant', { variants: EVERY }, (scenario) => {
  for (const { kind, off } of KINDS) {
    scenario(`${kind}: the whole room sees the flag, the target alone is told by whom`, async (stage) => {
      const { ann, bob, cy } = await live(stage, 'bob', 'cy');
      await ann.ok('mute-participant', { participantId: 'bob', kind });
      for (const user of [ann, bob, cy]) expectUpdate(await user.next('participant-updated'), 'bob', off);
      expectNotice(await bob.next('force-mute'), { kind, by: 'Ann' });
      for (const user of [ann, cy]) await user.noMore('force-mute');
    });

    scenario(`${kind}: somebody who has it off already is told all the same, and the room is not`, async (stage) => {
      const { ann, bob, cy } = await stage.cast('bob', 'cy');
      await unheard([ann, cy], () => ann.ok('mute-participant', { participantId: 'bob', kind }));
      expectNotice(await bob.next('force-mute'), { kind, by: 'Ann' });
      await bob.noMore('participant-updated');
    });
  }

  scenario('every tab of the target is told', async (stage) => {
    const { roomId, ann, bob } = await live(stage, 'bob');
    const tab = await stage.joined('bob', roomId);
    await ann.ok('mute-participant', { participantId: 'bob', kind: 'audio' });
    for (const user of [bob, tab]) expectNotice(await user.next('force-mute'), { kind: 'audio', by: 'Ann' });
  });

  scenario('the ack comes after the change itself', async (stage) => {
    const { ann } = await live(stage, 'bob');
    await ann.ok('mute-participant', { participantId: 'bob', kind: 'audio' });
    const change = ann.log.entries.findLast(({ event }) => event === 'participant-updated');
    const ack = ann.log.entries.findLast(({ answers }) => answers !== undefined);
    assert.ok(change.at < ack.at);
  });

  scenario('the muted may unmute at once', async (stage) => {
    const { ann, bob } = await live(stage, 'bob');
    await ann.ok('mute-participant', { participantId: 'bob', kind: 'audio' });
    await bob.next('force-mute');
    await bob.ok('update-my-state', AUDIO.on);
    expectUpdate(await ann.next('participant-updated'), 'bob', AUDIO.off);
    expectUpdate(await ann.next('participant-updated'), 'bob', AUDIO.on);
  });

  scenario('by somebody without a name it is by "Host"', async (stage) => {
    const roomId = await stage.meeting('ann');
    const ann = await stage.joined('ann', roomId, { name: '' });
    const bob = await stage.joined('bob', roomId);
    await ann.ok('mute-participant', { participantId: 'bob', kind: 'audio' });
    expectNotice(await bob.next('force-mute'), { kind: 'audio', by: 'Host' });
  });

  scenario('nobody is ever unmuted with it, whatever the payload asks for', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    const wish = { force: 'unmute', muted: false, value: false, updates: AUDIO.on, ...AUDIO.on };
    await unheard([ann], () => ann.ok('mute-participant', { participantId: 'bob', kind: 'audio', ...wish }));
    expectParticipant(bob.seen('bob'), AUDIO.off);
  });
});

suite('who may mute and ask', { variants: ONE }, (scenario) => {
  const others = pairs().filter(({ actor, target }) => actor.id !== target.id);
  for (const event of ['mute-participant', 'ask-to-unmute']) {
    for (const { actor, target } of others) {
      const can = actor.rank !== 'participant';
      scenario(`${event}: ${sentence({ actor, target }, can, 'do it to')}`, async (stage) => {
        const { people } = await ranked(stage, actor.id, target.id);
        const payload = { participantId: target.id, kind: 'audio' };
        if (can) {
          await people[actor.id].ok(event, payload);
          await people[target.id].next(event === 'mute-participant' ? 'force-mute' : 'unmute-requested');
          return;
        }
        const rest = Object.values(people).filter(({ id }) => id !== actor.id);
        await unheard(rest, () => people[actor.id].refused(event, payload, 'not-moderator'));
      });
    }
  }

  const COMMANDS = [
    ['mute-participant', { participantId: 'bob', kind: 'audio' }],
    ['mute-all', { kind: 'audio' }],
    ['ask-to-unmute', { participantId: 'bob', kind: 'audio' }],
    ['lower-hand', { participantId: 'bob' }],
    ['lower-hand', {}],
  ];
  for (const [event, payload] of COMMANDS) {
    const what = `${event} ${JSON.stringify(payload)}`;
    scenario(`${what}: not a participant, nor who was co-host before`, async (stage) => {
      const { ann, bob, cy } = await stage.cast('bob', 'cy');
      await cy.refused(event, payload, 'not-moderator');
      await ann.ok('make-cohost', { participantId: 'cy' });
      await cy.ok(event, payload);
      await ann.ok('remove-cohost', { participantId: 'cy' });
      await unheard([ann, bob], () => cy.refused(event, payload, 'not-moderator'));
    });

    scenario(`${what}: not somebody outside, be it another meeting's creator`, async (stage) => {
      const { roomId, ann, bob } = await stage.cast('bob');
      const eve = await stage.joined('eve', await stage.meeting('eve'));
      await unheard([ann, bob], () => eve.refused(event, { roomId, ...payload }, 'not-joined'));
    });
  }

  for (const [event, payload] of COMMANDS.filter(([, { participantId }]) => participantId)) {
    scenario(`${event}: whoever is not in the room is not found`, async (stage) => {
      const { ann, bob } = await stage.cast('bob');
      await bob.ok('leave-room');
      for (const participantId of ['bob', 'nobody']) {
        await ann.refused(event, { ...payload, participantId }, 'participant-not-found', 'Participant not found');
      }
    });
  }
});

suite('mute-all', { variants: WEBSOCKET }, (scenario) => {
  for (const { kind, on, off } of KINDS) {
    scenario(`${kind}: every plain participant and nobody else`, async (stage) => {
      const { people, cora } = await ranked(stage, 'ann', 'hal', 'cora', 'cleo', 'paul', 'pia');
      for (const user of Object.values(people)) await user.ok('update-my-state', on);
      await cora.ok('mute-all', { kind });
      for (const id of ['paul', 'pia']) expectNotice(await people[id].next('force-mute'), { kind, by: 'Cora' });
      const [flag] = Object.keys(off);
      for (const user of Object.values(people)) {
        await user.noMore('force-mute');
        const silent = user.view().filter((person) => (person[flag] ?? false) === off[flag]).map(({ id }) => id);
        assert.deepEqual(silent.sort(), ['paul', 'pia'], `as ${user.id} sees it`);
      }
    });
  }

  scenario('who is muted already is told, and the room hears of the others only', async (stage) => {
    const { ann, bob, cy } = await stage.cast('bob', 'cy');
    await cy.ok('update-my-state', AUDIO.on);
    await ann.next('participant-updated');
    await ann.ok('mute-all', { kind: 'audio' });
    for (const user of [bob, cy]) expectNotice(await user.next('force-mute'), { kind: 'audio', by: 'Ann' });
    expectUpdate(await ann.next('participant-updated'), 'cy', AUDIO.off);
    await ann.noMore('participant-updated');
  });

  scenario('who comes for the first time afterwards is not muted', async (stage) => {
    const { roomId, ann } = await stage.cast('bob');
    await ann.ok('mute-all', { kind: 'audio' });
    const dee = await stage.joined('dee', roomId, { join: AUDIO.on });
    expectParticipant(dee.seen('dee'), AUDIO.on);
    await dee.noMore('force-mute');
  });
});

suite('ask-to-unmute', { variants: EVERY }, (scenario) => {
  for (const { kind } of KINDS) {
    scenario(`${kind}: every tab of the target is asked, and nobody else hears of it`, async (stage) => {
      const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
      const tab = await stage.joined('bob', roomId);
      await unheard([ann, cy], () => ann.ok('ask-to-unmute', { participantId: 'bob', kind }));
      for (const user of [bob, tab]) expectNotice(await user.next('unmute-requested'), { kind, by: 'Ann' });
    });

    scenario(`${kind}: changes nothing by itself`, async (stage) => {
      const { ann, bob } = await stage.cast('bob');
      const { participants } = await ann.ok('room-state');
      await ann.ok('ask-to-unmute', { participantId: 'bob', kind });
      await bob.next('unmute-requested');
      assert.deepEqual((await ann.ok('room-state')).participants, participants);
    });
  }
});

suite('malformed', { variants: WEBSOCKET }, (scenario) => {
  const all = { roomId: NOT_IDS, kind: NOT_KINDS };
  const one = { ...all, participantId: NOT_IDS };
  const CORPUS = {
    'mute-participant': (roomId) => faults({ roomId, participantId: 'bob', kind: 'audio' }, one),
    'ask-to-unmute': (roomId) => faults({ roomId, participantId: 'bob', kind: 'audio' }, one),
    'mute-all': (roomId) => faults({ roomId, kind: 'audio' }, all),
    // Without anybody in particular it means everybody.
    'lower-hand': (roomId) => faults({ roomId, participantId: 'bob' }, { roomId: NOT_IDS, participantId: NOT_IDS })
      .filter(({ participantId }) => participantId !== undefined && participantId !== null),
    'update-my-state': (roomId) => NOT_FLAGS.map((isHandRaised) => ({ roomId, isHandRaised })),
  };
  for (const [event, corpus] of Object.entries(CORPUS)) {
    scenario(`${event}: nothing is understood that cannot be, and the others hear nothing`, async (stage) => {
      const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
      await ann.ok('make-cohost', { participantId: 'cy' });
      await unheard([ann, bob], () => expectInvalid(cy, event, corpus(roomId)));
    });
  }
});
