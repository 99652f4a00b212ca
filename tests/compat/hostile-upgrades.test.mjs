// A session that polls is to go on as a WebSocket, and then is not: the upgrade fails, or is never finished.
// The session goes on by polling or ends; it does not stay behind without anybody in it.
import assert from 'node:assert/strict';
import { Bytes } from './lib/bytes.mjs';
import { goesOn } from './lib/bystanders.mjs';
import { ONE } from './lib/clients.mjs';
import { expectLeft } from './lib/expect.mjs';
import { bePatient, eventually } from './lib/log.mjs';
import { Session, webSocketOf } from './lib/session.mjs';
import { suite } from './lib/stage.mjs';

// The library gives an upgrade ten seconds, and that is no setting.
bePatient(15_000);

const settings = {
  SOCKET__PING_INTERVAL_MS: 500,
  SOCKET__PING_TIMEOUT_MS: 1_500,
  PRESENCE__LEAVE_AFTER_LOST_MS: 100,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: 100,
};

async function probed(upgrade) {
  upgrade.send('2probe');
  await upgrade.text((text) => text === '3probe');
}

async function andThen(upgrade, text) {
  upgrade.send(text);
  await upgrade.closed();
}

/** What may become of the WebSocket that was to take over. */
const FAILED = {
  'cut-off': (upgrade) => upgrade.close(),
  'ended': (upgrade) => upgrade.end(),
  'begun-with-nonsense': (upgrade) => andThen(upgrade, 'hello'),
  'begun-with-a-join': (upgrade) => andThen(upgrade, '420["join-room",{}]'),
  'probed-and-cut-off': (upgrade) => probed(upgrade).then(() => upgrade.close()),
  'probed-and-then-CONNECT': (upgrade) => probed(upgrade).then(() => andThen(upgrade, '40')),
  'probed-twice': (upgrade) => probed(upgrade).then(() => andThen(upgrade, '2probe')),
};

/** The ends that an upgrade may come to without being finished, at the server's patience. */
const UNFINISHED = {
  silent: () => {},
  probing: (upgrade) => upgrade.send('2probe'),
};

/** A member of the room who polls and has just answered a ping: the server waits for nothing. */
async function polling(stage, roomId, id) {
  const session = await Session.connected(stage.server.url);
  await session.join(roomId, id);
  await session.answersPing();
  return session;
}

const upgrade = (stage, { sid }) => Bytes.webSocket('upgrade', stage.server.url, { path: webSocketOf(sid) });

async function failed(stage, roomId, id) {
  const session = await polling(stage, roomId, id);
  const bytes = await upgrade(stage, session);
  await FAILED[id](bytes);
  bytes.close();
  return session;
}

suite('upgrades that fail', { variants: ONE, settings }, (scenario) => {
  scenario('leave nobody in the room who is not there any more', async (stage) => {
    const { roomId, ann } = await stage.cast();
    await Promise.all(Object.keys(FAILED).map((id) => failed(stage, roomId, id)));
    const there = () => ann.view().filter(({ id }) => id !== 'ann').map(({ id }) => id);
    await ann.until(() => there().length === 0).catch((error) => error);
    assert.deepEqual(there(), [], 'still listed, though nobody polls for them');
    for (const id of Object.keys(FAILED)) {
      expectLeft(await ann.next('participant-left', (left) => left.id === id), id, 'disconnected');
    }
  });

  /** Whether a session that goes on polling is told of the hand that Ann raises, or that it is over. */
  async function isTold(session) {
    for (;;) {
      const { status, text } = await session.polled();
      if (status === 400 || text.includes('"isHandRaised":true')) return true;
      // Nothing but the word that the WebSocket has taken over, which it has not.
      if (text === '6') return false;
    }
  }

  scenario('leave a client that goes on polling in the room, or tell it to come again', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const sessions = await Promise.all(Object.keys(FAILED).map((id) => failed(stage, roomId, id)));
    await ann.ok('update-my-state', { isHandRaised: true });
    const deaf = new Set(Object.keys(FAILED));
    await eventually(async () => {
      const told = await Promise.all(sessions.map(isTold));
      Object.keys(FAILED).forEach((id, i) => told[i] && deaf.delete(id));
      return deaf.size === 0;
    }).catch((error) => error);
    assert.deepEqual([...deaf], [], 'poll for ever and hear nothing');
  });
});

suite('upgrades that are never finished', { variants: ONE, settings }, (scenario) => {
  scenario('end with their session, and the others are told once', async (stage) => {
    const people = await stage.cast('bob');
    const { roomId, ann, bob } = people;
    await Promise.all(Object.entries(UNFINISHED).map(async ([id, stop]) => {
      const session = await polling(stage, roomId, id);
      // The same session three times over, as no client would.
      const upgrades = await Promise.all(Array.from({ length: 3 }, () => upgrade(stage, session)));
      upgrades.forEach(stop);
      await Promise.all(upgrades.map((it) => it.closed()));
      expectLeft(await ann.next('participant-left', (left) => left.id === id), id, 'disconnected');
      assert.equal((await session.poll()).status, 400);
    }));
    await ann.noMore('participant-left');
    for (const user of [ann, bob]) {
      await user.settle();
      user.log.readAll();
    }
    await goesOn(people);
  });
});
