// A wider ticket is given last: not before the database holds the role. A narrower one comes at once.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { bePatient } from './lib/log.mjs';
import { twoNodes } from './lib/nodes.mjs';
import { Passage, READ_ONLY } from './lib/outage.mjs';
import { suite } from './lib/stage.mjs';
import { WITH_JITSI, expectNeverWider, freshTicket, nextTicket } from './lib/tickets.mjs';

const settings = { ...WITH_JITSI, DATABASE__WRITE_WINDOW_MS: 0 };
const DATABASE = process.env.USHER_TEST_DATABASE_URL ?? '';
const onSqlite = DATABASE === '' ? false : 'these are about a file of SQLite';
const onPostgres = /^postgres/.test(DATABASE) ? false : 'USHER_TEST_DATABASE_URL names no PostgreSQL';

const roles = (user) => user.heard('provider-token').map(({ role }) => role);

/** Bob's role changes to and fro until the database refuses a change; gives back the roles that were recorded. */
async function untilRefused({ roomId, ann }, held) {
  for (const recorded = []; ; held = !held) {
    const reply = await ann.ack(held ? 'remove-cohost' : 'make-cohost', { roomId, participantId: 'bob' });
    if (!reply.ok) {
      assert.equal(reply.error.code, 'unavailable', JSON.stringify(reply));
      return { recorded, held };
    }
    recorded.push(held ? 'participant' : 'co-host');
  }
}

for (const [what, held] of [['promotion', false], ['demotion', true]]) {
  const title = `a ${what} that the database may refuse`;
  suite(title, { variants: ONE, settings, through: READ_ONLY.through, skip: onSqlite }, (scenario) => {
    scenario('brings no ticket of a role that is not recorded', async (stage) => {
      const people = await stage.cast('bob');
      const { ann, bob } = people;
      if (held) {
        await ann.ok('make-cohost', { participantId: 'bob' });
        await nextTicket(bob, { role: 'co-host' });
      }
      const before = roles(bob).length;
      READ_ONLY.begin(stage.server);
      try {
        const refused = await untilRefused(people, held);
        const role = refused.held ? 'co-host' : 'participant';
        await bob.until(() => bob.seen('bob').isCoHost === refused.held, 'the change to be taken back');
        // A demotion is felt until it is undone; a promotion never is.
        const expected = [...refused.recorded, ...(refused.held ? ['participant', 'co-host'] : [])];
        await bob.until(() => roles(bob).length >= before + expected.length, 'the tickets');
        await freshTicket(bob, { role });
        const widest = roles(bob).slice(before).filter((it) => it === 'co-host').length;
        const recorded = expected.filter((it) => it === 'co-host').length;
        // The last one is the answer to `refresh-token`.
        assert.equal(widest, recorded + (refused.held ? 1 : 0), `${roles(bob).slice(before)} after ${refused.recorded}`);
        expectNeverWider(bob);
      } finally {
        READ_ONLY.end(stage.server);
      }
    });
  });
}

const passage = onPostgres ? null : await Passage.to(DATABASE);
// The server itself waits ten seconds before it takes silence for an answer.
bePatient(30_000);

/** Bob is promoted and Cy demoted while the database says nothing; `cast` brings them in. */
async function heldBack(cast) {
  const { ann, bob, cy } = await cast();
  await ann.ok('make-cohost', { participantId: 'cy' });
  await nextTicket(cy, { role: 'co-host' });
  passage.hold();
  let answers = [];
  try {
    answers = [['make-cohost', 'bob'], ['remove-cohost', 'cy']].map(([event, participantId]) => (
      ann.ok(event, { participantId })));
    await nextTicket(cy, { role: 'participant' });
    await bob.until(() => bob.seen('bob').isCoHost, 'the promotion, which is shown');
    await bob.noMore('provider-token', ({ role }) => role !== 'participant');
  } finally {
    passage.release();
  }
  await Promise.all(answers);
  await nextTicket(bob, { role: 'co-host' });
  for (const user of [bob, cy]) expectNeverWider(user);
}

const silent = { ...settings, DATABASE__URL: passage?.url };
suite('a database that is silent for a while', { variants: ONE, settings: silent, skip: onPostgres }, (scenario) => {
  scenario('holds back the ticket of a promotion, and not that of a demotion', (stage) => (
    heldBack(() => stage.cast('bob', 'cy'))));
});

if (!onPostgres) {
  twoNodes('the same on two nodes', { settings: silent }, (scenario) => {
    scenario('holds back the ticket of who is at another node', (stage, url) => heldBack(async () => {
      const roomId = await stage.meeting('ann');
      const people = {};
      for (const [id, where] of Object.entries({ ann: {}, bob: { url }, cy: { url } })) {
        people[id] = await stage.joined(id, roomId, where);
      }
      for (const user of Object.values(people)) {
        await user.until(() => user.view()?.length === 3, 'three people in the view');
        user.log.readAll();
      }
      return people;
    }));
  });
}
