// Offers, answers and candidates: to every tab of a user or to one socket, unchanged but for who truly sent them.
import assert from 'node:assert/strict';
import { ONE, WEBSOCKET } from './lib/clients.mjs';
import { withTabs } from './lib/recovering.mjs';
import { suite } from './lib/stage.mjs';
import { DIALECTS, PAIRS, RELAYED, enters, expectRelayed, meet } from './lib/wild.mjs';

const LIMIT = 32_768;
const KINDS = ['offer', 'ice-candidate', 'signal'];
/** 2.x does not know its own id. */
const KNOWING = WEBSOCKET.filter(({ client }) => client !== '2.5');

/** Exactly this object. */
async function says(tab, event, payload) {
  const reply = await tab.ack(event, payload);
  assert.equal(reply.success ?? reply.ok, true, `${event} ${JSON.stringify(reply)}`);
}

for (const { from, to } of PAIRS) {
  suite(`what peers say from the ${from} dialect to the ${to} one`, { variants: KNOWING }, (start) => {
    const scenario = withTabs(start);
    const dialects = { ann: 'list', bob: to, cy: from };

    for (const [event, body] of Object.entries(RELAYED)) {
      for (const field of ['to', 'target']) {
        scenario(`${event} goes to every tab of a user, and to one socket (${field})`, async (stage, tabs) => {
          const { roomId, ann, bob, cy } = await meet(stage, tabs, dialects);
          const tab = await enters(await tabs.open('bob'), roomId, to);
          const spoofed = { from: 'ann', socketId: ann.socket.id };
          for (const where of [{ roomId }, {}]) {
            const toUser = { ...where, [field]: 'bob', ...body, ...spoofed };
            await says(cy, event, toUser);
            for (const each of [bob, tab]) await expectRelayed(each, event, toUser, cy);
            const toSocket = { ...where, [field]: tab.socket.id, ...body, ...spoofed };
            await says(cy, event, toSocket);
            await expectRelayed(tab, event, toSocket, cy);
          }
          for (const each of [ann, bob, tab, cy]) await each.noMore(event);
        });
      }
    }

    scenario('comes in order, among the signals, too', async (stage, tabs) => {
      const { bob, cy } = await meet(stage, tabs, dialects);
      const sent = Array.from({ length: 90 }, (_, n) => [KINDS[n % 3], n]);
      await Promise.all(sent.map(([event, n]) => cy.ok(event, { to: 'bob', data: n })));
      await bob.until(() => bob.heard('signal').length === 30, 'the last signal');
      const said = bob.log.entries.filter(({ event, answers }) => answers === undefined && KINDS.includes(event));
      assert.deepEqual(said.map(({ event, args }) => [event, args[0].data]), sent);
    });

    scenario('may be so large and no larger', async (stage, tabs) => {
      const { bob, cy } = await meet(stage, tabs, dialects);
      for (const event of Object.keys(RELAYED)) {
        const large = { to: 'bob', sdp: 'x'.repeat(LIMIT - 1_000) };
        await cy.ok(event, large);
        await expectRelayed(bob, event, large, cy);
        await cy.refused(event, { to: 'bob', sdp: 'x'.repeat(LIMIT + 1) }, 'invalid-payload');
        await bob.noMore(event);
      }
    });

    scenario('reaches nobody outside the room', async (stage, tabs) => {
      const { roomId, cy, ann } = await meet(stage, tabs, dialects);
      const { eve } = await meet(stage, tabs, { eve: to });
      await ann.ok('update-room', { lobby: true });
      const waits = await tabs.open('waits');
      await waits.knock(roomId);
      await waits.next('lobby-waiting');
      for (const event of Object.keys(RELAYED)) {
        for (const target of ['eve', eve.socket.id, 'waits', waits.socket.id, 'nobody', 'f'.repeat(16)]) {
          await cy.refused(event, { to: target, sdp: 'x' }, 'participant-not-found');
        }
        for (const sender of [eve, waits]) await sender.refused(event, { roomId, to: 'ann', sdp: 'x' }, 'not-joined');
        for (const user of [eve, waits, ann]) await user.noMore(event);
      }
    });
  });
}

suite('what peers say', { variants: ONE }, (start) => {
  const scenario = withTabs(start);

  for (const dialect of DIALECTS) {
    scenario(`needs a room where there are two, and one where there is none (${dialect})`, async (stage, tabs) => {
      const { roomId, ann, bob } = await meet(stage, tabs, { ann: 'list', bob: dialect });
      const { dan, roomId: other } = await meet(stage, tabs, { dan: 'list' });
      await enters(bob, other, dialect);
      const reply = await bob.ack('offer', { to: 'ann', sdp: 'x' });
      assert.ok(reply.error, JSON.stringify(reply));
      await ann.noMore('offer');
      await bob.ok('offer', { roomId, to: 'ann', sdp: 'x' });
      await ann.next('offer');
      await bob.refused('offer', { roomId, to: 'dan', sdp: 'x' }, 'participant-not-found');
      await dan.noMore('offer');
      const nowhere = await tabs.open('nowhere');
      const refusal = await nowhere.ack('offer', { to: 'ann', sdp: 'x' });
      assert.ok(refusal.error, JSON.stringify(refusal));
    });

    scenario(`without a target, or to what is none, is refused (${dialect})`, async (stage, tabs) => {
      const { ann, bob } = await meet(stage, tabs, { ann: 'list', bob: dialect });
      for (const event of Object.keys(RELAYED)) {
        for (const field of ['to', 'target']) {
          for (const wrong of [undefined, null, 1, true, '', 'a b', [], ['ann'], {}, 'x'.repeat(1_000)]) {
            await bob.refused(event, { [field]: wrong, sdp: 'x' }, 'invalid-payload');
          }
        }
        for (const args of [[], [null], ['ann'], [[]], [1]]) {
          const reply = await bob.ack(event, ...args);
          assert.ok(reply.error, `${event} ${JSON.stringify([args, reply])}`);
        }
        await ann.noMore(event);
      }
    });
  }
});
