// Connection state recovery where a person may have one connection: the one that comes back is not a second one.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { ENDS, PATIENT, PROMPT, expectNeverLeft, noticed, withTabs } from './lib/recovering.mjs';
import { suite } from './lib/stage.mjs';

for (const devices of ['newest-wins', 'reject-new']) {
  suite(`with ${devices}`, { variants: ONE, settings: { ...PATIENT, ...PROMPT, ROOMS__DEVICES: devices } }, (start) => {
    const scenario = withTabs(start);

    for (const [what, how] of Object.entries(ENDS)) {
      scenario(`a page is back when ${what}`, async (stage, tabs) => {
        const { ann, bob } = await tabs.meeting(['bob']);
        for (let round = 0; round < 2; round += 1) {
          await bob.drop(how);
          await bob.recovered('ann', 'bob');
          await expectNeverLeft(ann, 'bob');
        }
        assert.deepEqual(bob.heard('session-replaced'), []);
        await ann.ok('send-message', { message: 'still you?' });
        await bob.says('still you?');
      });
    }

    scenario('of a page and the one that came while it was away one is in the room', async (stage, tabs) => {
      const { roomId, ann, bob } = await tabs.meeting(['bob']);
      await bob.leaveForNow();
      await noticed(ann, 'bob');
      const newest = await tabs.joined('bob', roomId);
      bob.returns();
      await bob.connected();
      if (devices === 'reject-new') assert.ok(!bob.socket.recovered, 'the other has the place');
      await ann.ok('send-message', { message: 'which one?' });
      const inside = [];
      for (const tab of [bob, newest]) if ((await tab.settle()).ok) inside.push(tab);
      assert.equal(inside.length, 1);
      for (const tab of [bob, newest]) assert.equal(tab.chat.includes('which one?'), inside.includes(tab), 'who is in hears it');
      await expectNeverLeft(ann, 'bob');
    });
  });
}
