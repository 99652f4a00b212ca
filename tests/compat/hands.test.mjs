// Raised hands, and moderators who lower them.
import assert from 'node:assert/strict';
import { EVERY } from './lib/clients.mjs';
import { expectUpdate } from './lib/expect.mjs';
import { unheard } from './lib/hearing.mjs';
import { suite } from './lib/stage.mjs';

const raised = ({ isHandRaised }) => isHandRaised === true;

suite('raised hands', { variants: EVERY }, (scenario) => {
  /** Bob and Cy have their hands up, and all know. */
  async function handsUp(stage) {
    const people = await stage.cast('bob', 'cy');
    const users = [people.ann, people.bob, people.cy];
    for (const user of [people.bob, people.cy]) await user.ok('update-my-state', { isHandRaised: true });
    for (const user of users) await user.until(() => user.view().filter(raised).length === 2, 'two hands');
    for (const user of users) user.log.readAll();
    return { users, ...people };
  }

  scenario('are seen by who comes later', async (stage) => {
    const { roomId } = await handsUp(stage);
    const dee = await stage.joined('dee', roomId);
    assert.deepEqual(dee.view().filter(raised).map(({ id }) => id), ['bob', 'cy']);
  });

  scenario('a moderator lowers one', async (stage) => {
    const { users, ann } = await handsUp(stage);
    await ann.ok('lower-hand', { participantId: 'bob' });
    for (const user of users) {
      expectUpdate(await user.next('participant-updated'), 'bob', { isHandRaised: false });
      await user.noMore('participant-updated');
    }
  });

  scenario('a moderator lowers all of them', async (stage) => {
    const { users, ann } = await handsUp(stage);
    await ann.ok('lower-hand');
    for (const user of users) {
      for (const id of ['bob', 'cy']) {
        const own = ({ participantId }) => participantId === id;
        expectUpdate(await user.next('participant-updated', own), id, { isHandRaised: false });
      }
      await user.noMore('participant-updated');
    }
  });

  scenario('a hand that is down is lowered without anybody hearing', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await unheard([ann, bob], async () => {
      await ann.ok('lower-hand', { participantId: 'bob' });
      await ann.ok('lower-hand');
    });
  });

  scenario('one\'s own is lowered without a moderator, and goes up again after one lowered it', async (stage) => {
    const { ann, bob, cy } = await handsUp(stage);
    await cy.ok('update-my-state', { isHandRaised: false });
    await ann.ok('lower-hand');
    await bob.ok('update-my-state', { isHandRaised: true });
    await ann.settle();
    assert.deepEqual(ann.view().filter(raised).map(({ id }) => id), ['bob']);
  });
});
