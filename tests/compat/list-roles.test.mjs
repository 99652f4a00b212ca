// Roles in the list dialect: badges from the list, notices to whom it is about, and who may change what.
import assert from 'node:assert/strict';
import { EVERY, WEBSOCKET } from './lib/clients.mjs';
import { expectUpdate } from './lib/expect.mjs';
import { agreed, enters, meetup, unchanged } from './lib/frontend.mjs';
import { suite } from './lib/stage.mjs';

/** One row per button: what all see, what the target is told, and what guests are answered. */
const BUTTONS = [
  {
    press: 'makeHost', event: 'make-host', updates: { isHost: true }, badge: '👑', notice: 'host-granted', role: 'HOST',
    denial: 'Only hosts can promote others',
  },
  {
    press: 'removeHost', event: 'remove-host', first: 'makeHost', updates: { isHost: false }, badge: '',
    notice: 'host-revoked', role: 'PARTICIPANT', denial: 'Only hosts can remove host status',
  },
  {
    press: 'makeCohost', event: 'make-cohost', updates: { isCoHost: true }, badge: '🤝', notice: 'cohost-granted',
    role: 'COHOST', denial: 'Only hosts can promote co-hosts',
  },
  {
    press: 'removeCohost', event: 'remove-cohost', first: 'makeCohost', updates: { isCoHost: false }, badge: '',
    notice: 'cohost-revoked', role: 'PARTICIPANT', denial: 'Only hosts can remove co-hosts',
  },
];

/** Pressed by Ann, seen by all, and no news any more. */
async function changed(everyone, press, target, badges) {
  const [ann] = everyone;
  ann[press](target);
  for (const user of everyone) {
    await user.shows(badges);
    await user.settle();
    user.log.readAll();
  }
}

/** What of it came after `from`, in order; lists apart, which may be late. */
const order = (user, from) => user.log.entries.slice(from)
  .filter(({ event, local, answers }) => !local && answers === undefined && event !== 'participant-list-update')
  .map(({ event }) => event);

suite('the four buttons', { variants: EVERY }, (scenario) => {
  for (const { press, event, first, updates, badge, notice, role, denial } of BUTTONS) {
    scenario(`${event}: all show the badge, the target is told by whom, then which role it has`, async (stage) => {
      const { everyone, ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
      if (first) await changed(everyone, first, 'bob', { ann: '👑', bob: first === 'makeHost' ? '👑' : '🤝', cy: '' });
      const from = bob.log.entries.length;
      ann[press]('bob');
      for (const user of [ann, bob, cy]) {
        expectUpdate(await user.next('participant-updated'), 'bob', updates);
        await user.shows({ ann: '👑', bob: badge, cy: '' });
      }
      const { rev } = await bob.toast(notice, 'Ann');
      assert.ok(Number.isInteger(rev), 'rev is an integer');
      assert.equal((await bob.next('role-changed')).role, role);
      assert.deepEqual(order(bob, from), ['participant-updated', notice, 'role-changed']);
      assert.equal(bob.screen.role, role);
      for (const user of [ann, cy]) for (const other of [notice, 'role-changed']) await user.noMore(other);
      await bob.noMore('participant-updated');
      await agreed(ann, bob, cy);
    });

    scenario(`${event}: a participant and a co-host may not, and are told so`, async (stage) => {
      const { everyone, bob, cy, dee } = await meetup(stage, ['bob', 'cy', 'dee']);
      await changed(everyone, 'makeCohost', 'cy', { ann: '👑', bob: '', cy: '🤝', dee: '' });
      if (first) await changed(everyone, first, 'dee', { ann: '👑', bob: '', cy: '🤝', dee: first === 'makeHost' ? '👑' : '🤝' });
      await unchanged(everyone, async () => {
        for (const user of [bob, cy]) {
          user[press]('dee');
          await user.toldOff(event, 'not-host', denial);
          await user.refused(event, { participantId: 'dee' }, 'not-host', denial);
        }
      });
      await dee.noMore(notice);
    });
  }
});

suite('roles in the list dialect', { variants: WEBSOCKET }, (scenario) => {
  scenario('host and co-host are two badges; the role is the higher one', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    const steps = [
      ['makeCohost', '🤝', 'COHOST'], ['makeHost', '👑🤝', 'HOST'], ['removeHost', '🤝', 'COHOST'],
      ['makeHost', '👑🤝', 'HOST'], ['removeCohost', '👑', 'HOST'], ['removeHost', '', 'PARTICIPANT'],
    ];
    for (const [press, badge, role] of steps) {
      ann[press]('bob');
      for (const user of [ann, bob]) await user.shows({ ann: '👑', bob: badge });
      await bob.until(() => bob.screen.role === role, `the role ${role} after ${press}`);
    }
    assert.equal(ann.screen.role, 'HOST');
    const cy = await enters(stage, 'cy', roomId);
    await cy.shows({ ann: '👑', bob: '', cy: '' });
  });

  scenario('a promoted host has the power of one, and shows it when it comes back', async (stage) => {
    const { roomId, ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    ann.makeHost('bob');
    await bob.toast('host-granted', 'Ann');
    bob.makeCohost('cy');
    await cy.toast('cohost-granted', 'Bob');
    await bob.leave();
    for (const user of [ann, cy]) await user.shows({ ann: '👑', cy: '🤝' });
    const back = await enters(stage, 'bob', roomId);
    assert.deepEqual([back.joinReply.isHost, back.joinReply.isCoHost, back.screen.role], [true, false, 'HOST']);
    for (const user of [ann, back, cy]) await user.shows({ ann: '👑', bob: '👑', cy: '🤝' });
    back.removeCohost('cy');
    await cy.toast('cohost-revoked', 'Bob');
    const again = await enters(stage, 'cy', roomId);
    assert.deepEqual([again.joinReply.isHost, again.joinReply.isCoHost], [false, false]);
  });

  scenario('one cannot change one\'s own role, nor the creator\'s, nor that of the last host', async (stage) => {
    const { everyone, ann, bob } = await meetup(stage, ['bob']);
    await unchanged([ann, bob], async () => {
      for (const press of ['makeHost', 'makeCohost']) {
        ann[press]('ann');
        await ann.toldOff(press === 'makeHost' ? 'make-host' : 'make-cohost', 'cannot-target-self');
      }
      ann.removeHost('ann');
      await ann.toldOff('remove-host', ['last-host', 'protected-creator', 'cannot-target-self']);
    });
    await changed(everyone, 'makeHost', 'bob', { ann: '👑', bob: '👑' });
    await unchanged([ann, bob], async () => {
      bob.removeHost('ann');
      await bob.toldOff('remove-host', 'protected-creator');
    });
    await ann.noMore('host-revoked');
    await ann.leave();
    await bob.shows({ bob: '👑' });
    bob.removeHost('bob');
    await bob.toldOff('remove-host', ['last-host', 'cannot-target-self']);
    await bob.shows({ bob: '👑' });
  });

  scenario('a host may step down while another one is there', async (stage) => {
    const { everyone, ann, bob } = await meetup(stage, ['bob']);
    await changed(everyone, 'makeHost', 'bob', { ann: '👑', bob: '👑' });
    bob.removeHost('bob');
    for (const user of [ann, bob]) await user.shows({ ann: '👑', bob: '' });
    await bob.toast('host-revoked', 'Bob');
    assert.equal((await bob.next('role-changed')).role, 'PARTICIPANT');
  });

  scenario('somebody who is not in the room has none to give', async (stage) => {
    const { roomId, ann, bob } = await meetup(stage, ['bob']);
    const eve = await enters(stage, 'eve', await stage.meeting('eve'));
    await unchanged([ann, bob], async () => {
      ann.makeHost('nobody');
      await ann.toldOff('make-host', 'participant-not-found', 'Participant not found');
      eve.press('make-host', { roomId, participantId: 'bob' });
      await eve.toldOff('make-host', ['not-host', 'not-joined'], 'Only hosts can promote others');
      ann.press('make-host', { roomId: stage.room(), participantId: 'bob' });
      await ann.toldOff('make-host', ['room-not-found', 'not-joined']);
    });
  });

  scenario('the actor is who is connected, whatever userId says', async (stage) => {
    const { ann, bob, cy } = await meetup(stage, ['bob', 'cy']);
    await unchanged([ann, bob, cy], async () => {
      bob.press('make-cohost', { userId: 'ann', participantId: 'cy' });
      await bob.toldOff('make-cohost', 'not-host');
    });
    ann.press('make-cohost', { userId: 'cy', participantId: 'bob' });
    await bob.toast('cohost-granted', 'Ann');
    for (const user of [ann, bob, cy]) await user.shows({ ann: '👑', bob: '🤝', cy: '' });
  });

  scenario('the same again is no news', async (stage) => {
    const { everyone, ann, bob } = await meetup(stage, ['bob']);
    await changed(everyone, 'makeCohost', 'bob', { ann: '👑', bob: '🤝' });
    await ann.ok('make-cohost', { participantId: 'bob' });
    for (const event of ['participant-updated', 'cohost-granted', 'role-changed']) await bob.noMore(event);
  });
});
