// The canonical REST surface: meetings, their people, their end and their history.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { expectProblem } from './lib/expect.mjs';
import { listIn } from './lib/rest.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

suite('creating and reading meetings', { variants: ONE }, (scenario) => {
  for (const field of ['roomId', 'id']) {
    scenario(`create with ${field}, then read`, async (stage) => {
      const rest = stage.rest();
      const id = stage.room();
      const startsAt = '2030-01-02T03:04:05Z';
      const created = await rest.post('/api/meetings', { [field]: id, userId: 'ann', userName: 'Ann', description: 'Stand-up', startsAt });
      assert.equal(created.status, 201, JSON.stringify(created.body));
      assert.match(created.type, /^application\/json/);
      assert.equal(created.body.id, id);
      assert.equal(created.body.createdBy, 'ann');
      assert.equal(created.body.description, 'Stand-up');
      assert.equal(created.body.success, true);
      assert.equal(created.body.meeting.id, id);
      assert.equal(created.body.meeting.creatorId, 'ann');
      assert.match(created.body.meeting.createdAt, RFC3339);

      const { status, body } = await rest.get(`/api/meetings/${id}`);
      assert.equal(status, 200);
      assert.equal(body.id, id);
      assert.equal(body.createdBy, 'ann');
      assert.equal(body.meeting.creatorId, 'ann');
      assert.equal(body.description, 'Stand-up');
      assert.match(body.startsAt, RFC3339);
      assert.equal(new Date(body.startsAt).getTime(), new Date(startsAt).getTime());
    });
  }

  scenario('what is left out gets a default', async (stage) => {
    const { status, body } = await stage.rest().post('/api/meetings', { roomId: stage.room(), userId: 'ann' });
    assert.equal(status, 201, JSON.stringify(body));
    assert.match(body.startsAt, RFC3339);
    assert.match(body.createdAt, RFC3339);
    assert.equal(typeof body.description, 'string');
  });

  scenario('several people create several meetings', async (stage) => {
    const created = await Promise.all(['ann', 'bob', 'cy'].map(async (creator) => [creator, await stage.meeting(creator)]));
    for (const [creator, id] of created) {
      assert.equal((await stage.rest().get(`/api/meetings/${id}`)).body.createdBy, creator);
    }
  });

  scenario('a taken id is a conflict and changes nothing', async (stage) => {
    const id = await stage.meeting('ann');
    for (const userId of ['bob', 'ann']) {
      expectProblem(await stage.rest().post('/api/meetings', { roomId: id, userId }), 409);
    }
    assert.equal((await stage.rest().get(`/api/meetings/${id}`)).body.createdBy, 'ann');
  });

  scenario('of ten who want the same id at once one gets it', async (stage) => {
    const roomId = stage.room();
    const create = (_, i) => stage.rest().post('/api/meetings', { roomId, userId: `u${i}` });
    const replies = await Promise.all(Array.from({ length: 10 }, create));
    const [winner, ...more] = replies.filter(({ status }) => status === 201);
    assert.ok(winner && more.length === 0, replies.map(({ status }) => status).join());
    assert.equal((await stage.rest().get(`/api/meetings/${roomId}`)).body.createdBy, winner.body.createdBy);
  });

  scenario('JSON that does not parse is a 400 that says where', async (stage) => {
    const reply = await stage.rest().postText('/api/meetings', '{\n  "roomId": "x",\n  oops\n}');
    expectProblem(reply, 400);
    assert.match(`${reply.body.detail} ${reply.body.title}`, /line 3|column|position|offset/i);
  });

  scenario('values that do not fit are refused', async (stage) => {
    const id = stage.room();
    const bad = [
      {}, { roomId: id }, { roomId: 5, userId: 'ann' }, { roomId: id, userId: 5 }, { roomId: '', userId: 'ann' },
      { roomId: 'a b', userId: 'ann' }, { roomId: 'a/b', userId: 'ann' },
      { roomId: 'x'.repeat(129), userId: 'ann' }, { roomId: id, userId: 'x'.repeat(129) },
      { roomId: id, userId: 'ann', startsAt: 'tomorrow' }, { roomId: id, userId: 'ann', description: 5 },
    ];
    for (const body of bad) expectProblem(await stage.rest().post('/api/meetings', body), [400, 422]);
    for (const text of ['', '[]', 'null', '"x"', '5']) expectProblem(await stage.rest().postText('/api/meetings', text), [400, 422]);
    expectProblem(await stage.rest().get(`/api/meetings/${id}`), 404);
  });

  scenario('an unknown id is a 404', async (stage) => {
    expectProblem(await stage.rest().get(`/api/meetings/${stage.room()}`), 404);
    expectProblem(await stage.rest().get('/api/meetings/a%20b'), [400, 404]);
    expectProblem(await stage.rest().get('/api/no-such-thing'), 404);
  });
});

suite('managing meetings', { variants: ONE, settings: { AUTH__HS256_SECRET: SECRET } }, (scenario) => {
  const as = (stage, id) => stage.rest(token(id));

  async function meetingOf(stage, creator) {
    const id = stage.room();
    assert.equal((await as(stage, creator).post('/api/meetings', { roomId: id, description: 'Before' })).status, 201);
    return id;
  }

  const inRoom = (stage, id, roomId) => stage.joined(id, roomId, { token: token(id) });

  scenario('the list has one\'s meetings', async (stage) => {
    const creator = stage.room();
    const made = [await meetingOf(stage, creator), await meetingOf(stage, creator)];
    const { status, body } = await as(stage, creator).get('/api/meetings');
    assert.equal(status, 200);
    const found = listIn(body, 'meetings', 'items', 'data').filter(({ id }) => made.includes(id));
    assert.deepEqual(found.map(({ id }) => id).sort(), made.sort());
    for (const meeting of found) assert.equal(meeting.createdBy, creator);
  });

  scenario('change: by the creator, not by others', async (stage) => {
    const id = await meetingOf(stage, 'ann');
    expectProblem(await as(stage, 'bob').patch(`/api/meetings/${id}`, { description: 'Mine' }), [403, 404]);
    const { status, body } = await as(stage, 'ann').patch(`/api/meetings/${id}`, { description: 'After' });
    assert.equal(status, 200, JSON.stringify(body));
    const now = (await as(stage, 'ann').get(`/api/meetings/${id}`)).body;
    assert.deepEqual([now.description, now.createdBy], ['After', 'ann']);
    expectProblem(await as(stage, 'ann').patch(`/api/meetings/${id}`, { description: 5 }), [400, 422]);
    expectProblem(await as(stage, 'ann').patch(`/api/meetings/${stage.room()}`, { description: 'x' }), 404);
  });

  scenario('delete: by the creator, not by others', async (stage) => {
    const id = await meetingOf(stage, 'ann');
    expectProblem(await as(stage, 'bob').delete(`/api/meetings/${id}`), [403, 404]);
    const { status } = await as(stage, 'ann').delete(`/api/meetings/${id}`);
    assert.ok([200, 204].includes(status), `${status}`);
    expectProblem(await as(stage, 'ann').get(`/api/meetings/${id}`), [404, 410]);
    expectProblem(await as(stage, 'ann').delete(`/api/meetings/${id}`), [404, 410]);
  });

  scenario('end: everyone in the room is told, nobody gets in again', async (stage) => {
    const id = await meetingOf(stage, 'ann');
    const ann = await inRoom(stage, 'ann', id);
    const bob = await inRoom(stage, 'bob', id);
    expectProblem(await as(stage, 'bob').post(`/api/meetings/${id}/end`, {}), [403, 404]);
    await bob.noMore('meeting-ended');
    const { status } = await as(stage, 'ann').post(`/api/meetings/${id}/end`, {});
    assert.ok([200, 204].includes(status), `${status}`);
    for (const user of [ann, bob]) await user.next('meeting-ended');
    await bob.refused('join-room', bob.joinPayload(id), 'meeting-ended');
    expectProblem(await as(stage, 'ann').post(`/api/meetings/${stage.room()}/end`, {}), 404);
  });

  scenario('participants: who is in the room now', async (stage) => {
    const id = await meetingOf(stage, 'ann');
    const people = async () => {
      const { status, body } = await as(stage, 'ann').get(`/api/meetings/${id}/participants`);
      assert.equal(status, 200, JSON.stringify(body));
      return listIn(body, 'participants', 'items').map((person) => [person.id, person.isHost]).sort();
    };
    assert.deepEqual(await people(), []);
    await inRoom(stage, 'ann', id);
    const bob = await inRoom(stage, 'bob', id);
    assert.deepEqual(await people(), [['ann', true], ['bob', false]]);
    await bob.ok('leave-room');
    assert.deepEqual(await people(), [['ann', true]]);
    expectProblem(await as(stage, 'ann').get(`/api/meetings/${stage.room()}/participants`), 404);
  });

  scenario('audit: who gave which role to whom', async (stage) => {
    const id = await meetingOf(stage, 'ann');
    const ann = await inRoom(stage, 'ann', id);
    await inRoom(stage, 'bob', id);
    await ann.ok('make-cohost', { participantId: 'bob' });
    await ann.ok('remove-cohost', { participantId: 'bob' });
    const { status, body } = await as(stage, 'ann').get(`/api/meetings/${id}/audit`);
    assert.equal(status, 200, JSON.stringify(body));
    const entries = listIn(body, 'entries', 'audit', 'events', 'items').map((entry) => JSON.stringify(entry));
    assert.ok(entries.filter((text) => text.includes('"bob"') && text.includes('"user:ann"')).length >= 2, entries.join('\n'));
    expectProblem(await as(stage, 'eve').get(`/api/meetings/${id}/audit`), [403, 404]);
  });
});
