// Daily is slow or away when people join: they are in at once, wait for their answer no longer than the budget,
// and get their ticket when it comes.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { expectProblem } from './lib/expect.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { knock } from './lib/knocks.mjs';
import { bePatient, eventually } from './lib/log.mjs';
import { BUDGET_MS, SLACK_MS, askingFor, expectPending, healed, joins } from './lib/pending.mjs';
import { askForToken, enter, nextTicket } from './lib/providers.mjs';
import { suite } from './lib/stage.mjs';

bePatient(15_000);

const daily = await FakeDaily.start();
const livekit = await FakeLiveKit.start();

/** Every token is asked for, so that every join depends on the provider. */
const REST = { ...livekit.settings, ...askingFor(daily), MESH__STUN_URLS: 'stun:127.0.0.1:3478' };
const SELF_SIGNED = { ...REST, DAILY__TOKENS: 'self-signed' };
const TOKENS = 'POST /meeting-tokens';
const healing = healed(daily, livekit);

suite('a join when Daily does not answer', { variants: ONE, settings: REST }, (plain) => {
  const scenario = healing(plain);

  scenario('is seen by the others at once, and answered when the budget is used up', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const letGo = daily.hold();
    const bob = await stage.user('bob');
    const began = Date.now();
    const answer = bob.join(roomId).then((reply) => ({ reply, took: Date.now() - began }));
    await ann.next('participant-joined');
    const seen = Date.now() - began;
    const { reply, took } = await answer;
    assert.ok(seen < took && seen < SLACK_MS, `seen after ${seen} ms, answered after ${took} ms`);
    assert.ok(took >= BUDGET_MS - 20, `it waits for the ticket as long as it may, not ${took} ms`);
    await expectPending(Object.assign(bob, { joinReply: reply, joinTook: took }));
    assert.equal(reply.participants.length, 2);
    letGo();
    const ticket = await nextTicket(bob);
    assert.equal((await enter(daily, bob, ticket)).out, null);
    for (const event of ['provider-pending', 'provider-token']) await ann.noMore(event, (it) => it.participantId !== 'ann');
  });

  scenario('has its ticket in the answer when it comes within the budget', async (stage) => {
    const { roomId } = await stage.cast();
    daily.slow(BUDGET_MS / 3);
    const bob = await joins(stage, 'bob', roomId);
    assert.equal(bob.joinReply.provider?.token, (await nextTicket(bob)).token);
    assert.ok(!bob.joinReply.providerPending);
    await bob.noMore('provider-pending');
  });

  scenario('gets it later when the answer is later', async (stage) => {
    const { roomId } = await stage.cast();
    daily.slow(2 * BUDGET_MS, { only: TOKENS });
    const bob = await joins(stage, 'bob', roomId);
    await expectPending(bob);
    await enter(daily, bob, await nextTicket(bob));
    await bob.noMore('provider-token');
  });

  for (const how of ['reset', 'refused', 'silent']) {
    scenario(`gets it when Daily is up again, which was down (${how})`, async (stage) => {
      const { roomId, ann } = await stage.cast();
      await daily.down(how);
      const bob = await joins(stage, 'bob', roomId);
      await expectPending(bob);
      await ann.next('participant-joined');
      await daily.up();
      await enter(daily, bob, await nextTicket(bob));
    });
  }

  for (const status of [429, 500, 503]) {
    scenario(`gets it after some answers of ${status}`, async (stage) => {
      const { roomId } = await stage.cast();
      daily.fail(3, { only: TOKENS, status });
      const bob = await joins(stage, 'bob', roomId);
      await enter(daily, bob, await nextTicket(bob));
    });
  }

  scenario('in a meeting that Daily has not seen yet', async (stage) => {
    await daily.down();
    const roomId = await stage.meeting('ann');
    const ann = await joins(stage, 'ann', roomId);
    await expectPending(ann);
    await daily.up();
    await enter(daily, ann, await nextTicket(ann));
    assert.equal(ann.session.role, 'host');
  });

  scenario('and a way through the lobby', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await ann.ok('update-room', { lobby: true });
    const paul = await knock(stage, 'paul', roomId);
    await daily.down();
    await ann.ok('admit-participant', { participantId: 'paul' });
    await paul.next('existing-participants');
    assert.equal((await paul.next('provider-pending')).provider, 'daily');
    await daily.up();
    await enter(daily, paul, await nextTicket(paul));
  });

  scenario('and a refresh: the same budget, and the ticket when it comes', async (stage) => {
    const { ann, bob } = await stage.cast('bob');
    const letGo = daily.hold();
    const began = Date.now();
    const reply = await bob.ok('refresh-token');
    const took = Date.now() - began;
    assert.deepEqual([reply.provider, reply.providerPending], [null, true]);
    assert.ok(took < BUDGET_MS + SLACK_MS, `${took} ms`);
    await bob.next('provider-pending');
    letGo();
    await nextTicket(bob);
    await ann.noMore('provider-pending');
  });

  scenario('and a request over REST: refused for now', async (stage) => {
    const { roomId } = await stage.cast('bob');
    const letGo = daily.hold();
    const began = Date.now();
    const reply = await askForToken(stage.server.url, roomId, { userId: 'bob' });
    const took = Date.now() - began;
    expectProblem({ ...reply, type: reply.headers.get('content-type') }, 503, 'unavailable');
    assert.ok(Number(reply.headers.get('retry-after')) >= 1);
    assert.ok(took < BUDGET_MS + SLACK_MS, `${took} ms`);
    letGo();
    await eventually(async () => (await askForToken(stage.server.url, roomId, { userId: 'bob' })).status === 200, 'an answer');
  });
});

suite('when Daily is away', { variants: ONE, settings: SELF_SIGNED }, (plain) => {
  const scenario = healing(plain);

  for (const provider of ['livekit', 'mesh']) {
    scenario(`joins to a meeting of ${provider} do not notice`, async (stage) => {
      await daily.down('silent');
      const elsewhere = await stage.meeting('ann');
      const waiting = ['ann', 'bob', 'cy'].map((id) => joins(stage, `${id}-at-daily`, elsewhere));
      const roomId = await stage.meeting('ann', { settings: { provider } });
      for (const id of ['ann', 'bob']) {
        const user = await joins(stage, id, roomId);
        assert.equal(user.joinReply.provider?.provider, provider);
        assert.ok(user.joinTook < SLACK_MS, `${user.joinTook} ms`);
        await user.noMore('provider-pending');
      }
      await Promise.all(waiting);
    });
  }

  scenario('LiveKit’s being away is not noticed by those who join there', async (stage) => {
    await livekit.down('silent');
    const roomId = await stage.meeting('ann', { settings: { provider: 'livekit' } });
    const ann = await joins(stage, 'ann', roomId);
    assert.equal((await nextTicket(ann)).token, ann.joinReply.provider.token);
  });

  scenario('those who come into a room that is known there do not notice either', async (stage) => {
    const { roomId } = await stage.cast();
    await daily.down();
    const bob = await joins(stage, 'bob', roomId);
    await enter(daily, bob, bob.joinReply.provider);
  });
});
