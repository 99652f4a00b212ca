// A change of role brings a new ticket, to every connection of whom it is about and to nobody else.
import assert from 'node:assert/strict';
import { agree } from './lib/agreement.mjs';
import { api } from './lib/api.mjs';
import { ONE } from './lib/clients.mjs';
import { onOneAndThree, spread } from './lib/spread.mjs';
import { suite } from './lib/stage.mjs';
import { WITH_JITSI, claimsOf, expectNeverWider, expectOrder, joinTicket, nextTicket } from './lib/tickets.mjs';

const settings = WITH_JITSI;

/** What changes whose role to what; `before` is done first, and brings a ticket of its own. */
const CHANGES = {
  'make-host': { role: 'host', notice: 'host-granted' },
  'make-cohost': { role: 'co-host', notice: 'cohost-granted' },
  'remove-host': { before: 'make-host', role: 'participant', notice: 'host-revoked' },
  'remove-cohost': { before: 'make-cohost', role: 'participant', notice: 'cohost-revoked' },
};

/** Ann, Bob with two tabs, and Cy, over the nodes; nobody has anything unread. */
async function company(stage, nodes) {
  const { roomId, ann, bob, cy } = await spread(stage, nodes, 'bob', 'cy');
  const tab = await stage.joined('bob', roomId, nodes.at(2));
  joinTicket(tab, { role: 'participant' });
  tab.log.readAll();
  return { roomId, ann, bob, cy, tabs: [bob, tab] };
}

/** Each tab gets one ticket like this, and the others none. */
async function brought({ ann, cy, tabs }, role) {
  const tickets = [];
  for (const tab of tabs) tickets.push(await nextTicket(tab, { role, provider: 'jitsi' }));
  for (const user of [...tabs, ann, cy]) await user.noMore('provider-token');
  return tickets;
}

onOneAndThree('a change of role', { settings }, (scenario) => {
  for (const [event, { before, role, notice }] of Object.entries(CHANGES)) {
    scenario(`${event} brings every tab a ticket, after the room was told`, async (stage, nodes) => {
      const people = await company(stage, nodes);
      if (before) {
        await people.ann.ok(before, { participantId: 'bob' });
        for (const tab of people.tabs) await nextTicket(tab);
      }
      const { rev } = await people.ann.ok(event, { participantId: 'bob' });
      for (const ticket of await brought(people, role)) {
        assert.ok(ticket.rev >= rev, `of revision ${ticket.rev}, which is not before ${rev}`);
        assert.equal(claimsOf(ticket).context.user.moderator, role !== 'participant');
      }
      for (const tab of people.tabs) expectOrder(tab, 'participant-updated', notice, 'provider-token');
    });
  }

  scenario('over REST brings the same', async (stage, nodes) => {
    const people = await company(stage, nodes);
    const change = api(nodes.at(2).url);
    for (const [method, word, role] of [
      ['PUT', 'co-host', 'co-host'], ['PUT', 'host', 'host'],
      ['DELETE', 'host', 'co-host'], ['DELETE', 'co-host', 'participant'],
    ]) {
      const { status, body } = await change(method, `meetings/${people.roomId}/roles/bob/${word}`);
      assert.equal(status, 200, JSON.stringify(body));
      await brought(people, role);
    }
  });

  scenario('that changes nothing brings nothing', async (stage, nodes) => {
    const people = await company(stage, nodes);
    await people.ann.ok('remove-cohost', { participantId: 'bob' });
    await people.ann.ok('make-cohost', { participantId: 'bob' });
    await brought(people, 'co-host');
    await people.ann.ok('make-cohost', { participantId: 'bob' });
    await agree([people.ann, ...people.tabs]);
    for (const tab of people.tabs) await tab.noMore('provider-token');
  });

  scenario('of somebody who is away shows when they come', async (stage, nodes) => {
    const { roomId, ann, cy } = await company(stage, nodes);
    await cy.ok('leave-room');
    const { status } = await api(nodes.at(1).url)('PUT', `meetings/${roomId}/roles/cy/host`);
    assert.equal(status, 200);
    await cy.noMore('provider-token');
    joinTicket(await stage.joined('cy', roomId, nodes.at(0)), { role: 'host' });
    await ann.noMore('provider-token');
  });

  scenario('a new owner gets a host\'s ticket, the old one a participant\'s', async (stage, nodes) => {
    const { roomId, ann, tabs, cy } = await company(stage, nodes);
    const { status } = await stage.rest().patch(`/api/meetings/${roomId}`, { createdBy: 'bob', userId: 'ann' });
    assert.equal(status, 200);
    await nextTicket(ann, { role: 'participant' });
    for (const tab of tabs) await nextTicket(tab, { role: 'host' });
    for (const user of [ann, cy, ...tabs]) await user.noMore('provider-token');
  });

  scenario('a host who steps down gets a participant\'s', async (stage, nodes) => {
    const { ann, tabs: [bob] } = await company(stage, nodes);
    await ann.ok('make-host', { participantId: 'bob' });
    await nextTicket(bob, { role: 'host' });
    await bob.ok('remove-host', { participantId: 'bob' });
    await nextTicket(bob, { role: 'participant' });
  });

  scenario('to and fro ends with a ticket of the last role, and none is wider than the role', async (stage, nodes) => {
    const { ann, tabs: [bob] } = await company(stage, nodes);
    for (let round = 0; round < 10; round += 1) {
      const asked = ['make-cohost', 'make-host', 'remove-host', 'remove-cohost'].map((event) => (
        ann.ok(event, { participantId: 'bob' })));
      await Promise.all(asked);
    }
    await agree([ann, bob]);
    const last = () => bob.heard('provider-token').at(-1);
    await bob.until(() => last().role === 'participant', 'a participant\'s ticket');
    // What came before the last change has come by now: another round trip over the same writes.
    await ann.ok('make-cohost', { participantId: 'bob' });
    await bob.until(() => last().role === 'co-host', 'a co-host\'s ticket');
    await ann.ok('remove-cohost', { participantId: 'bob' });
    await bob.until(() => last().role === 'participant', 'a participant\'s ticket');
    const revs = bob.heard('provider-token').map(({ rev }) => rev);
    assert.deepEqual(revs, [...revs].sort((a, b) => a - b), 'tickets come in the order of revisions');
    expectNeverWider(bob);
  });
});

const grace = { ROOMS__ROLE_GRACE_MS: 400, PRESENCE__LEAVE_AFTER_LOST_MS: 50, PRESENCE__LEAVE_AFTER_CLOSE_MS: 50 };
onOneAndThree('the succession', { settings: { ...settings, ...grace } }, (scenario) => {
  scenario('brings the acting host a ticket, and takes it back when the host returns', async (stage, nodes) => {
    const { roomId, ann, bob, cy } = await spread(stage, nodes, 'bob', 'cy');
    await ann.ok('make-cohost', { participantId: 'bob' });
    await nextTicket(bob, { role: 'co-host' });
    await ann.ok('leave-room');
    await bob.next('host-changed');
    await nextTicket(bob, { role: 'host' });
    expectOrder(bob, 'participant-updated', 'provider-token');
    const back = await stage.joined('ann', roomId, nodes.at(2));
    joinTicket(back, { role: 'host' });
    await nextTicket(bob, { role: 'co-host' });
    await bob.noMore('provider-token');
    await cy.noMore('provider-token');
  });
});

suite('who is out', { variants: ONE, settings }, (scenario) => {
  for (const [way, out] of Object.entries({
    'has left': ({ bob }) => bob.ok('leave-room'),
    'was kicked': ({ ann }) => ann.ok('remove-participant', { participantId: 'bob' }),
    'was banned': ({ ann }) => ann.ok('remove-participant', { participantId: 'bob', ban: true }),
  })) {
    scenario(`and ${way} gets no ticket when their role changes`, async (stage) => {
      const people = await stage.cast('bob');
      await people.ann.ok('make-cohost', { participantId: 'bob' });
      await nextTicket(people.bob, { role: 'co-host' });
      await out(people);
      const { status } = await api(stage.server.url)('DELETE', `meetings/${people.roomId}/roles/bob/co-host`);
      assert.equal(status, 200);
      await people.bob.noMore('provider-token');
    });
  }

  scenario('and was replaced by a newer connection gets none either', async (stage) => {
    const roomId = await stage.meeting('ann', { settings: { devices: 'newest-wins' } });
    const ann = await stage.joined('ann', roomId);
    const [old, fresh] = [await stage.joined('bob', roomId), await stage.joined('bob', roomId)];
    await old.next('session-replaced');
    for (const user of [old, fresh]) user.log.readAll();
    await ann.ok('make-host', { participantId: 'bob' });
    await nextTicket(fresh, { role: 'host' });
    await old.noMore('provider-token');
  });
});
