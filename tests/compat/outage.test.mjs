// The database is read-only, full, or silent: roles wait, everything else goes on, and it heals.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { expectLeft, expectParticipant, expectProblem, expectUpdate } from './lib/expect.mjs';
import { bePatient, eventually } from './lib/log.mjs';
import { FULL, Passage, READ_ONLY } from './lib/outage.mjs';
import { suite } from './lib/stage.mjs';

const settings = { ROOMS__IDLE_CLOSE_MS: 50, DATABASE__WRITE_WINDOW_MS: 0, LOG__LEVEL: 'info,usher::db=debug' };
const DATABASE = process.env.USHER_TEST_DATABASE_URL ?? '';
const onSqlite = DATABASE === '' ? false : 'these are about a file of SQLite';
const onPostgres = /^postgres/.test(DATABASE) ? false : 'USHER_TEST_DATABASE_URL names no PostgreSQL';

suite('a read-only SQLite file', { variants: ONE, settings, through: READ_ONLY.through, skip: onSqlite }, (scenario) => {
  scenario('refuses roles, and nothing else', (stage) => outlive(stage, READ_ONLY));
});

suite('a full disk under SQLite', { variants: ONE, settings, through: FULL.through, skip: onSqlite || FULL.skip }, (scenario) => {
  scenario('refuses roles, and nothing else', (stage) => outlive(stage, FULL));
});

const passage = onPostgres ? null : await Passage.to(DATABASE);
const silence = {
  begin: () => passage.hold(),
  /** Unlike a file that takes no writes, it gives no answers either. */
  async settled(server, stage) {
    expectProblem(await stage.rest().get('/api/meetings/never-asked-for'), 503, 'unavailable');
    const zoe = await stage.user('zoe');
    await zoe.refused('join-room', zoe.joinPayload(stage.room()), 'unavailable');
  },
  end: () => passage.release(),
};
// The server itself waits ten seconds before it takes silence for an answer.
bePatient(30_000);

suite('a PostgreSQL that has gone silent', { variants: ONE, settings: { ...settings, DATABASE__URL: passage?.url }, skip: onPostgres }, (scenario) => {
  scenario('refuses roles, and nothing else', (stage) => outlive(stage, silence));

  scenario('makes nobody wait but the one who asked, who is answered when it speaks again', async (stage) => {
    const people = await stage.cast('bob', 'cy', 'dee');
    passage.hold();
    let answered = false;
    const answer = people.ann.ok('make-cohost', { participantId: 'bob' }).finally(() => (answered = true));
    expectUpdate(await people.cy.next('participant-updated'), 'bob', { isCoHost: true });
    await goOn(stage, people);
    assert.equal(answered, false, 'acknowledged before it was durable');
    passage.release();
    await answer;
    await readBack(stage, people, { bob: { isCoHost: true } });
  });
});

/** Bob's role changes until the database refuses one; how often it did not, and what role is left. */
async function untilRefused({ roomId, ann }) {
  for (let changes = 0; ; changes += 1) {
    const held = changes % 2 === 1;
    const reply = await ann.ack(held ? 'remove-cohost' : 'make-cohost', { roomId, participantId: 'bob' });
    if (!reply.ok) return { changes, held, reply };
  }
}

const isBobs = ({ participantId, updates }) => participantId === 'bob' && 'isCoHost' in updates;

/** A meeting lives through an outage of the database and heals afterwards, without a restart. */
async function outlive(stage, outage) {
  const people = await stage.cast('bob', 'cy', 'dee');
  const { roomId, ann, bob, cy } = people;
  const { server } = stage;
  await ann.ok('make-cohost', { participantId: 'dee' });
  await outage.begin(server, stage);

  // The first change that fails: shown, refused, taken back.
  const { changes, held, reply } = await untilRefused(people);
  assert.equal(reply.error.code, 'unavailable', JSON.stringify(reply));
  assert.equal(reply.error.retryable, true);
  await cy.until(() => cy.heard('participant-updated').filter(isBobs).length === changes + 2, 'a change and its undoing');
  for (const user of [ann, bob, cy]) {
    await user.settle();
    assert.equal(user.seen('bob').isCoHost, held, `what ${user.id} sees of bob`);
  }
  const notices = bob.log.entries.filter(({ event }) => /^cohost-/.test(event)).map(({ event }) => event);
  assert.equal(notices.length, changes + 2);
  assert.equal(notices.at(-1), held ? 'cohost-granted' : 'cohost-revoked');
  await outage.settled(server, stage);

  // From now on nobody sees what cannot be recorded.
  cy.log.readAll();
  for (const [event, participantId] of [['make-host', 'cy'], ['remove-cohost', 'dee'], ['make-cohost', 'cy']]) {
    await ann.refused(event, { participantId }, 'unavailable');
  }
  await ann.refused('end-meeting', {}, 'unavailable');
  await cy.noMore('participant-updated');
  expectProblem(await stage.rest().post('/api/meetings', { roomId: stage.room(), userId: 'ann' }), 503, 'unavailable');
  assert.equal((await stage.rest().get('/healthz')).status, 200);

  await goOn(stage, people);
  await outage.end(server);
  await eventually(async () => (await ann.ack('make-host', { roomId, participantId: 'cy' })).ok, 'roles can be changed again');
  await stage.meeting('ann');
  await readBack(stage, people, { bob: { isCoHost: held }, cy: { isHost: true }, dee: { isCoHost: true } });
}

/** Nothing of this is for the database to know. */
async function goOn(stage, { roomId, bob, cy }) {
  const eve = await stage.joined('eve', roomId);
  await cy.next('participant-joined', ({ id }) => id === 'eve');
  assert.equal(eve.view().length, 5);
  await bob.ok('update-my-state', { isHandRaised: true });
  expectUpdate(await cy.next('participant-updated'), 'bob', { isHandRaised: true });
  await eve.ok('leave-room');
  expectLeft(await cy.next('participant-left'), 'eve', 'left');
  await cy.ok('leave-room');
  await cy.join(roomId);
  assert.equal(cy.view().length, 4);
}

/** Once everybody has left the room is forgotten, and who comes again has what the database holds. */
async function readBack(stage, { roomId, ...people }, expected) {
  for (const user of Object.values(people)) await user.ok('leave-room');
  const path = `/api/meetings/${roomId}/participants`;
  await eventually(async () => (await stage.rest().get(path)).body.rev === 0, 'the room is unloaded');
  for (const user of Object.values(people)) await user.join(roomId);
  const { participants } = await people.ann.ok('room-state');
  for (const person of participants) {
    expectParticipant(person, { isHost: person.id === 'ann', isCoHost: false, ...expected[person.id] });
  }
}
