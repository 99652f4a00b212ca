// Whoever guesses passcodes is locked out: one user, one network, or all but moderators; on all nodes alike.
import assert from 'node:assert/strict';
import { api } from './lib/api.mjs';
import { ONE } from './lib/clients.mjs';
import { expectLockedOut, expectLockout, outcome } from './lib/doors-of-rooms.mjs';
import { bePatient } from './lib/log.mjs';
import { twoNodes } from './lib/nodes.mjs';
import { ranked } from './lib/ranks.mjs';
import { keepSecret } from './lib/secrets.mjs';
import { suite } from './lib/stage.mjs';

const RIGHT = 'friend-of-mellon';
const NEXT = 'enemy-of-mellon';
const WRONG = 'sauron-of-mordor';
for (const passcode of [RIGHT, NEXT, WRONG]) keepSecret(passcode);

const PER_USER = 5;
const PER_NETWORK = 20;
const PER_MEETING = 100;
const settings = { HTTP__TRUSTED_PROXIES: '127.0.0.1' };
// Comparing passcodes is slow on purpose.
bePatient(30_000);

/** Ann's meeting with a passcode, a co-host and a participant in it; Hal and Cleo have roles and are away. */
async function guarded(stage) {
  const people = await ranked(stage, 'hal', 'cleo', 'cora', 'paul');
  for (const id of ['hal', 'cleo']) await people[id].ok('leave-room');
  await people.ann.ok('update-room', { passcode: RIGHT });
  return people;
}

const from = (address, more) => ({ extraHeaders: { 'x-forwarded-for': address }, ...more });

/** So many wrong ones, one after the other; each is told to be wrong. */
async function guess(user, roomId, times) {
  for (let i = 0; i < times; i += 1) {
    assert.equal(await outcome(user, roomId, { passcode: `${WRONG}-${i}` }), 'wrong-passcode');
  }
}

/** Somebody new at this address, who has guessed so often. */
async function guesser(stage, id, roomId, address, times) {
  const user = await stage.user(id, from(address));
  await guess(user, roomId, times);
  return user;
}

/** As many at the same time, over all these connections: how often the answer was which. */
async function volley(users, roomId, each) {
  const replies = await Promise.all(users.flatMap((user) => (
    Array.from({ length: each }, () => user.ack('join-room', user.joinPayload(roomId, { passcode: WRONG }))))));
  const counts = {};
  for (const { error } of replies) counts[error.code] = (counts[error.code] ?? 0) + 1;
  return counts;
}

suite('wrong passcodes of one user', { variants: ONE, settings }, (scenario) => {
  scenario('lock that user out, with the right one too, and nobody else', async (stage) => {
    const { roomId } = await guarded(stage);
    const eve = await guesser(stage, 'eve', roomId, '198.51.100.1', PER_USER);
    for (const passcode of [WRONG, RIGHT]) await expectLockedOut(eve, roomId, passcode);
    await expectLockedOut(await stage.user('eve', from('203.0.113.1')), roomId, RIGHT);
    const gus = await stage.user('gus', from('198.51.100.1'));
    assert.equal(await outcome(gus, roomId, { passcode: RIGHT }), 'in');
  });

  scenario('are told to moderators once they lock somebody out', async (stage) => {
    const { roomId, ann, cora, paul } = await guarded(stage);
    const eve = await guesser(stage, 'eve', roomId, '198.51.100.1', PER_USER - 1);
    for (const user of [ann, cora]) await user.noMore('passcode-lockout');
    await guess(eve, roomId, 1);
    for (let i = 0; i < 3; i += 1) await expectLockedOut(eve, roomId, RIGHT);
    for (const user of [ann, cora]) await expectLockout(user, 'user', 'eve');
    for (const user of [ann, cora, paul, eve]) await user.noMore('passcode-lockout');
  });

  scenario('are all that counts: not none, not the right one', async (stage) => {
    const { roomId, ann } = await guarded(stage);
    const gus = await guesser(stage, 'gus', roomId, '198.51.100.1', PER_USER - 1);
    for (let i = 0; i < PER_USER; i += 1) {
      assert.equal(await outcome(gus, roomId), 'passcode-required');
      assert.equal(await outcome(gus, roomId, { passcode: RIGHT }), 'in');
      await gus.ok('leave-room');
    }
    await ann.noMore('passcode-lockout');
  });

  scenario('count in the meeting in which they were given', async (stage) => {
    const [{ roomId }, other] = [await guarded(stage), await guarded(stage)];
    const eve = await guesser(stage, 'eve', roomId, '198.51.100.1', PER_USER);
    await expectLockedOut(eve, roomId, RIGHT);
    assert.equal(await outcome(eve, other.roomId, { passcode: RIGHT }), 'in');
  });

  scenario('are not more when they come all at once', async (stage) => {
    const { roomId } = await guarded(stage);
    const tabs = [await stage.user('eve'), await stage.user('eve')];
    assert.deepEqual(await volley(tabs, roomId, 15), { 'wrong-passcode': PER_USER, 'rate-limited': 30 - PER_USER });
  });
});

suite('wrong passcodes of many', { variants: ONE, settings }, (scenario) => {
  for (const [kind, near, far] of [
    ['an address', () => '198.51.100.7', '203.0.113.7'],
    ['an IPv6 household', (i) => `2001:db8::${i + 1}`, '2001:db8:0:1::1'],
  ]) {
    scenario(`from ${kind} lock it out, and no other`, async (stage) => {
      const { roomId, ann, cora } = await guarded(stage);
      for (let i = 0; i < PER_NETWORK / 4; i += 1) await guesser(stage, `u${i}`, roomId, near(i), 4);
      await expectLockedOut(await stage.user('gus', from(near(99))), roomId, RIGHT);
      for (const user of [ann, cora]) await expectLockout(user, 'network');
      assert.equal(await outcome(await stage.user('gil', from(far)), roomId, { passcode: RIGHT }), 'in');
      await ann.noMore('passcode-lockout');
    });
  }

  scenario('lock everybody out of the meeting, but moderators', async (stage) => {
    const { roomId, ann } = await guarded(stage);
    const crowd = Array.from({ length: PER_MEETING / 4 }, (_, i) => i);
    await Promise.all(crowd.map((i) => guesser(stage, `u${i}`, roomId, `10.${i}.0.1`, 4)));
    await expectLockedOut(await stage.user('gus', from('203.0.113.7')), roomId, RIGHT);
    await expectLockout(ann, 'meeting');
    for (const id of ['ann', 'hal', 'cleo']) {
      assert.equal(await outcome(await stage.user(id, from('203.0.113.8')), roomId), 'in', id);
    }
    await ann.ok('lift-lockout');
    const gil = await stage.user('gil', from('10.3.0.1'));
    assert.equal(await outcome(gil, roomId, { passcode: RIGHT }), 'in');
  });
});

suite('moderators', { variants: ONE, settings }, (scenario) => {
  scenario('may be wrong as often as they like', async (stage) => {
    const { roomId, ann } = await guarded(stage);
    for (const id of ['hal', 'cleo']) {
      const user = await stage.user(id, from('198.51.100.1'));
      for (let i = 0; i <= PER_USER; i += 1) {
        assert.equal(await outcome(user, roomId, { passcode: WRONG }), 'in');
        await user.ok('leave-room');
      }
    }
    await ann.noMore('passcode-lockout');
  });

  scenario('pass although they were locked out as guests', async (stage) => {
    const { roomId } = await guarded(stage);
    const eve = await guesser(stage, 'eve', roomId, '198.51.100.1', PER_USER);
    await expectLockedOut(eve, roomId, RIGHT);
    const { status, body } = await api(stage.server.url)('PUT', `meetings/${roomId}/roles/eve/co-host`);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(await outcome(eve, roomId, { passcode: WRONG }), 'in');
  });
});

suite('a lock-out', { variants: ONE, settings }, (scenario) => {
  scenario('is lifted by a host, and by nobody else', async (stage) => {
    const { roomId, ann, cora, paul } = await guarded(stage);
    const eve = await guesser(stage, 'eve', roomId, '198.51.100.1', PER_USER);
    for (const user of [cora, paul]) await user.refused('lift-lockout', {}, 'not-host');
    await eve.refused('lift-lockout', { roomId }, ['not-host', 'not-joined']);
    await expectLockedOut(eve, roomId, RIGHT);
    await ann.ok('lift-lockout');
    await guess(eve, roomId, PER_USER - 1);
    assert.equal(await outcome(eve, roomId, { passcode: RIGHT }), 'in');
  });

  scenario('that is not there is lifted all the same', async (stage) => {
    const { ann } = await guarded(stage);
    await ann.ok('lift-lockout');
  });

  for (const [door, change] of [
    ['a socket', ({ ann }) => ann.ok('update-room', { passcode: NEXT })],
    ['REST', async ({ roomId }, stage) => {
      assert.equal((await stage.rest().patch(`/api/meetings/${roomId}`, { passcode: NEXT })).status, 200);
    }],
  ]) {
    scenario(`is forgotten with another passcode, set over ${door}`, async (stage) => {
      const people = await guarded(stage);
      const { roomId, ann } = people;
      const eve = await guesser(stage, 'eve', roomId, '198.51.100.1', PER_USER);
      await ann.ok('update-room', { locked: true });
      await ann.ok('update-room', { locked: false });
      await expectLockedOut(eve, roomId, RIGHT);
      await change(people, stage);
      await guess(eve, roomId, PER_USER - 1);
      assert.equal(await outcome(eve, roomId, { passcode: NEXT }), 'in');
    });
  }
});

twoNodes('wrong passcodes at two nodes', { settings }, (scenario) => {
  scenario('of one user count together, and moderators at both are told', async (stage, url) => {
    const { roomId, ann } = await guarded(stage);
    const hal = await stage.joined('hal', roomId, { url });
    const tabs = [await stage.user('eve'), await stage.user('eve', { url })];
    await guess(tabs[0], roomId, 3);
    await guess(tabs[1], roomId, PER_USER - 3);
    for (const user of tabs) await expectLockedOut(user, roomId, RIGHT);
    for (const user of [ann, hal]) await expectLockout(user, 'user', 'eve');
  });

  scenario('from one network count together', async (stage, url) => {
    const { roomId } = await guarded(stage);
    const address = '198.51.100.7';
    for (let i = 0; i < PER_NETWORK / 4; i += 1) {
      await guess(await stage.user(`u${i}`, from(address, i % 2 ? { url } : {})), roomId, 4);
    }
    for (const more of [{}, { url }]) {
      await expectLockedOut(await stage.user('gus', from(address, more)), roomId, RIGHT);
    }
  });

  scenario('are not more when they come all at once', async (stage, url) => {
    const { roomId } = await guarded(stage);
    const tabs = [await stage.user('eve'), await stage.user('eve', { url })];
    assert.deepEqual(await volley(tabs, roomId, 15), { 'wrong-passcode': PER_USER, 'rate-limited': 30 - PER_USER });
  });

  scenario('are forgotten at both, and the passcode that counts is the same', async (stage, url) => {
    const { roomId, ann } = await guarded(stage);
    const eve = await stage.user('eve', { url });
    for (const forget of [() => ann.ok('lift-lockout'), () => ann.ok('update-room', { passcode: NEXT })]) {
      await guess(eve, roomId, PER_USER);
      await expectLockedOut(eve, roomId, RIGHT);
      await forget();
    }
    assert.equal(await outcome(eve, roomId, { passcode: RIGHT }), 'wrong-passcode');
    assert.equal(await outcome(eve, roomId, { passcode: NEXT }), 'in');
  });
});
