// The live rooms of a tenant, page by page, and the end of all of them; and who is banned, page by page.
import assert from 'node:assert/strict';
import { api } from './lib/api.mjs';
import { expectProblem } from './lib/expect.mjs';
import { ADMIN, CALLERS, GUEST, WRITE, expectDone, hosted, service, settings } from './lib/hosted.mjs';
import { knockAgain } from './lib/knocks.mjs';
import { eventually } from './lib/log.mjs';
import { onOneAndThree } from './lib/spread.mjs';
import { token } from './lib/token.mjs';
import { rows } from './lib/trail.mjs';

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const QUICK = { ...settings, ROOMS__IDLE_CLOSE_MS: 100 };

/** A tenant that nobody else uses: what its people and its back end may ask, the latter at any node. */
function tenantOf(stage, nodes) {
  const tenant = stage.room();
  const bearer = (id) => token(id, { tenant });
  const admin = service('meetings:admin', { tenant });
  return {
    admin,
    back: (i = 2, as = admin) => api(nodes.at(i).url, as),
    enter: (id, roomId, i) => stage.joined(id, roomId, { ...nodes.at(i), token: bearer(id) }),
    arrive: (id, i) => stage.user(id, { ...nodes.at(i), token: bearer(id) }),
    /** A meeting of Ann's with her in it. */
    async held(i) {
      const roomId = stage.room();
      const { status } = await api(nodes.at(i).url, bearer('ann'))('POST', 'meetings', { roomId });
      assert.equal(status, 201);
      return stage.joined('ann', roomId, { ...nodes.at(i), token: bearer('ann') });
    },
  };
}

/** All items, so many at once. */
async function paged(ask, path, limit) {
  const items = [];
  for (let after = ''; after !== null;) {
    const { status, body } = await ask('GET', `${path}?limit=${limit}${after && `&after=${after}`}`);
    assert.equal(status, 200, JSON.stringify(body));
    assert.ok(body.items.length <= limit, `${body.items.length} on a page of ${limit}`);
    items.push(...body.items);
    after = body.next;
  }
  return items;
}

const listed = async (ask) => (await paged(ask, 'rooms', 100)).map(({ id }) => id).sort();

onOneAndThree('the live rooms', { settings: QUICK }, (scenario) => {
  scenario('are told with how many are in and at them, whatever node is asked', async (stage, nodes) => {
    const { held, enter, arrive, back } = tenantOf(stage, nodes);
    const ann = await held(0);
    await enter('bob', ann.roomId, 1);
    await ann.ok('update-room', { lobby: true });
    await knockAgain(await arrive('wendy', 2), ann.roomId);
    for (const i of [0, 1, 2]) {
      const { body } = await back(i)('GET', 'rooms');
      assert.equal(body.next, null);
      const [{ id, count, waiting, locked, lobby, host, createdBy, rev, epoch, startedAt }, ...others] = body.items;
      assert.deepEqual(others, []);
      assert.deepEqual({ id, count, waiting, locked, lobby, host, createdBy }, {
        id: ann.roomId, count: 2, waiting: 1, locked: false, lobby: true, host: 'present', createdBy: 'ann' });
      assert.equal(epoch, ann.joinReply.room.epoch);
      assert.ok(rev >= ann.joinReply.rev, `rev ${rev}`);
      assert.match(startedAt, RFC3339);
    }
  });

  scenario('come page by page, each once', async (stage, nodes) => {
    const { held, back } = tenantOf(stage, nodes);
    const made = [];
    for (let i = 0; i < 7; i += 1) made.push((await held(i)).roomId);
    for (const limit of [1, 3, 7, 100]) {
      const found = await paged(back(limit), 'rooms', limit);
      assert.deepEqual(found.map(({ id }) => id).sort(), [...made].sort(), `pages of ${limit}`);
    }
  });

  scenario('are those with somebody in them', async (stage, nodes) => {
    const { held, back } = tenantOf(stage, nodes);
    const [left, ended, stays] = [await held(0), await held(1), await held(2)];
    await left.ok('leave-room');
    await ended.ok('end-meeting');
    await eventually(async () => (await listed(back())).join() === stays.roomId, 'only the room with somebody in it');
  });

  scenario('are the tenant\'s own', async (stage, nodes) => {
    const [one, other] = [tenantOf(stage, nodes), tenantOf(stage, nodes)];
    const [mine, theirs] = [await one.held(0), await other.held(1)];
    assert.deepEqual([await listed(one.back()), await listed(other.back())], [[mine.roomId], [theirs.roomId]]);
  });

  scenario('are shown to back ends that administer', async (stage, nodes) => {
    for (const [bearer, status, code] of [
      [undefined, 401, 'unauthorized'], [token('ann'), 403, 'forbidden'], [WRITE, 403, 'forbidden'],
    ]) {
      expectProblem(await api(nodes.at(0).url, bearer)('GET', 'rooms'), status, code);
      expectProblem(await api(nodes.at(0).url, bearer)('POST', 'rooms/end'), status, code);
    }
  });

  scenario('with a page that is none are not shown', async (stage, nodes) => {
    const admin = api(nodes.at(0).url, ADMIN);
    for (const query of ['limit=x', 'limit=-1', 'limit=1.5']) {
      expectProblem(await admin('GET', `rooms?${query}`), 422, 'invalid-payload');
    }
  });
});

onOneAndThree('the end of all live rooms', { settings: QUICK }, (scenario) => {
  scenario('is told to everybody in them and at them, and lasts', async (stage, nodes) => {
    const { held, enter, arrive, back, admin } = tenantOf(stage, nodes);
    const hosts = [await held(0), await held(1), await held(2)];
    const [first] = hosts;
    const bob = await enter('bob', first.roomId, 1);
    await first.ok('update-room', { lobby: true });
    const wendy = await arrive('wendy', 2);
    await knockAgain(wendy, first.roomId);

    const { status, body } = await back()('POST', 'rooms/end');
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.ended.sort(), body.failed], [hosts.map(({ roomId }) => roomId).sort(), []]);
    for (const user of [...hosts, bob, wendy]) assert.equal((await user.next('meeting-ended')).reason, 'ended');
    for (const [i, user] of hosts.entries()) {
      const again = await arrive('ann', i + 1);
      await again.refused('join-room', again.joinPayload(user.roomId), 'meeting-ended');
      const [entry] = await rows(stage.rest(admin), user.roomId, 'meeting-ended');
      assert.equal(entry.actor, 'service:back-end');
    }
    assert.deepEqual(await listed(back()), []);
  });

  scenario('is none of another tenant\'s, nor of meetings that nobody is in', async (stage, nodes) => {
    const [one, other] = [tenantOf(stage, nodes), tenantOf(stage, nodes)];
    const [mine, left, theirs] = [await one.held(0), await one.held(1), await other.held(1)];
    await left.ok('leave-room');
    await eventually(async () => (await listed(one.back())).length === 1, 'one live room');
    assert.deepEqual((await one.back()('POST', 'rooms/end')).body.ended, [mine.roomId]);
    await mine.next('meeting-ended');
    await theirs.noMore('meeting-ended');
    assert.deepEqual(await listed(other.back()), [theirs.roomId]);
    await one.enter('ann', left.roomId, 2);
  });

  scenario('of none is none', async (stage, nodes) => {
    const { status, body } = await tenantOf(stage, nodes).back()('POST', 'rooms/end');
    assert.deepEqual([status, body.ended, body.failed], [200, [], []]);
  });
});

onOneAndThree('the people of a room', { settings }, (scenario) => {
  scenario('come page by page, each once, or all at once', async (stage, nodes) => {
    const { as, everyone } = await hosted(stage, nodes);
    const all = (await as(ADMIN)('GET', 'participants')).body;
    assert.deepEqual([all.count, all.participants.length, all.next], [everyone.length, everyone.length, null]);
    for (const limit of [1, 2, everyone.length, 100]) {
      const found = [];
      for (let after = ''; after !== null;) {
        const { body } = await as(ADMIN)('GET', `participants?limit=${limit}${after && `&after=${after}`}`);
        assert.ok(body.participants.length <= limit && body.count === everyone.length);
        found.push(...body.participants);
        after = body.next;
      }
      assert.deepEqual(found.map(({ id }) => id), all.participants.map(({ id }) => id), `pages of ${limit}`);
    }
  });
});

onOneAndThree('who is banned', { settings }, (scenario) => {
  scenario('comes page by page, each once', async (stage, nodes) => {
    const { as } = await hosted(stage, nodes);
    const banned = Array.from({ length: 7 }, (_, i) => `banned-${i}`);
    for (const id of banned) expectDone(await as(WRITE)('PUT', `bans/${id}`));
    for (const limit of [1, 3, 7, 100]) {
      const found = await paged(as(ADMIN), 'bans', limit);
      assert.deepEqual(found.map(({ userId }) => userId).sort(), banned, `pages of ${limit}`);
      for (const { since } of found) assert.match(since, RFC3339);
    }
    for (const query of ['limit=x', 'limit=-1']) {
      expectProblem(await as(ADMIN)('GET', `bans?${query}`), 422, 'invalid-payload');
    }
  });

  scenario('shows nobody twice who was banned twice', async (stage, nodes) => {
    const { as, ann } = await hosted(stage, nodes);
    await ann.ok('remove-participant', { participantId: 'gus', ban: true });
    expectDone(await as(WRITE)('PUT', 'bans/gus'));
    assert.deepEqual((await as(ADMIN)('GET', 'bans')).body.items.map(({ userId }) => userId), ['gus']);
    expectProblem(await as(CALLERS[GUEST])('GET', 'bans'), 403);
  });
});
