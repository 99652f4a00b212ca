// Who comes back too late for the events gets one list instead, and is told why.
import assert from 'node:assert/strict';
import { agree } from './lib/agreement.mjs';
import { ONE } from './lib/clients.mjs';
import { ids } from './lib/expect.mjs';
import { eventually } from './lib/log.mjs';
import { comeBack, expectReplayed, expectSnapshot, lose, wave, withoutComings } from './lib/resuming.mjs';
import { onOneAndThree, spread } from './lib/spread.mjs';
import { suite } from './lib/stage.mjs';

// Long enough that nobody is given up.
const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000 };
const HASTY = { PRESENCE__LEAVE_AFTER_LOST_MS: 100, PRESENCE__LEAVE_AFTER_CLOSE_MS: 100, ROOMS__IDLE_CLOSE_MS: 100 };
const LOG_LENGTH = 8;
const OUTLIVES = process.env.USHER_TEST_ROOMS_REDIS_URL ? 'the room outlives its server' : false;

onOneAndThree('a short log', { settings: { ...PATIENT, ROOMS__LOG_LENGTH: LOG_LENGTH } }, (scenario) => {
  scenario('that no longer has what was missed brings the list: log-gone', async (stage, nodes) => {
    const { ann, bob, wim } = await spread(stage, nodes, 'bob', 'wim');
    await lose(bob, wim);
    await wave(ann, 3 * LOG_LENGTH);
    const back = await comeBack(stage, bob, nodes.at(2));
    expectSnapshot(back, 'log-gone');
    await agree([ann, back, wim]);
  });

  scenario('that still has what was missed brings that', async (stage, nodes) => {
    const { ann, bob, wim } = await spread(stage, nodes, 'bob', 'wim');
    await wave(ann, 3 * LOG_LENGTH);
    await agree([ann, bob, wim]);
    await lose(bob, wim);
    await wave(ann, 2);
    const back = await comeBack(stage, bob, nodes.at(2));
    assert.equal(withoutComings(expectReplayed(back), 'bob').length, 2);
    await agree([ann, back, wim]);
  });
});

onOneAndThree('coming back too late', { settings: HASTY }, (scenario) => {
  scenario('to a room that others are in brings the list: left', async (stage, nodes) => {
    const { ann, bob } = await spread(stage, nodes, 'bob');
    await bob.cut();
    await ann.next('participant-left');
    const back = await comeBack(stage, bob, nodes.at(2));
    expectSnapshot(back, 'left');
    await agree([ann, back]);
  });

  scenario('to a room that was forgotten brings the list: epoch-changed', async (stage, nodes) => {
    const { roomId, ann } = await spread(stage, nodes);
    await ann.cut();
    const known = () => stage.rest().get(`/api/meetings/${roomId}/participants`);
    await eventually(async () => (await known()).body.rev === 0, 'the room to be forgotten');
    const back = await comeBack(stage, ann, nodes.at(1));
    expectSnapshot(back, 'epoch-changed');
    assert.deepEqual(ids(await agree([back])), ['ann']);
  });
});

suite('after a restart of the server', { variants: ONE, settings: PATIENT, skip: OUTLIVES }, (scenario) => {
  scenario('coming back brings the list: epoch-changed', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    await stage.server.restart();
    await Promise.all([ann, bob].map((user) => user.next('disconnect')));
    const [host, back] = [await comeBack(stage, ann), await comeBack(stage, bob)];
    for (const user of [host, back]) expectSnapshot(user, 'epoch-changed');
    assert.deepEqual(ids(await agree([host, back])), ['ann', 'bob']);
  });
});
