// A node that was stopped for a moment, and finds the log too short for what it missed: whoever was meant hears
// of it all the same.
import assert from 'node:assert/strict';
import { admitted } from './lib/doors-of-rooms.mjs';
import { ids } from './lib/expect.mjs';
import { knock } from './lib/knocks.mjs';
import { twoNodes } from './lib/nodes.mjs';

const settings = {
  STORE__FEED_LENGTH: 1,
  ROOMS__LOG_LENGTH: 2,
  STORE__POSITION_CHECK_MS: 500,
  // Nobody is to be taken for dead meanwhile.
  STORE__LEASE_MS: 60_000,
};
const MESSAGES = 20;

/** What `happens` is told of nowhere but in the room itself by the time that the other node goes on. */
async function unheard(ann, other, happens) {
  const talk = async () => {
    for (let i = 0; i < MESSAGES; i += 1) await ann.ok('send-message', { message: i });
  };
  process.kill(other.pid, 'SIGSTOP');
  try {
    await talk();
    await happens();
    await talk();
  } finally {
    process.kill(other.pid, 'SIGCONT');
  }
}

/** Ann's meeting with a lobby; bob and dan in it, wes and zed waiting, all four at the other node. */
async function set(stage, url) {
  const roomId = await stage.meeting('ann');
  const ann = await stage.joined('ann', roomId);
  const bob = await stage.joined('bob', roomId, { url });
  const dan = await stage.joined('dan', roomId, { url, join: { isAudioMuted: false } });
  await ann.ok('update-room', { lobby: true });
  for (const user of [bob, dan]) await user.next('room-updated');
  const wes = await knock(stage, 'wes', roomId, { url });
  const zed = await knock(stage, 'zed', roomId, { url });
  return { roomId, ann, bob, dan, wes, zed };
}

twoNodes('behind a gap', { settings }, (scenario) => {
  scenario('whoever was let in, denied, muted or kicked is told', async (stage, url, other) => {
    const { ann, bob, dan, wes, zed } = await set(stage, url);
    await unheard(ann, other, async () => {
      await ann.ok('admit-participant', { participantId: 'wes' });
      await ann.ok('deny-participant', { participantId: 'zed' });
      await ann.ok('mute-participant', { participantId: 'dan', kind: 'audio' });
      await ann.ok('remove-participant', { participantId: 'bob' });
    });
    assert.equal((await bob.next('kicked-from-room')).reason, 'kicked');
    assert.equal((await zed.next('lobby-denied')).by, 'Ann');
    assert.equal((await dan.next('force-mute')).kind, 'audio');
    await admitted(wes, 'Ann');
    const { participants } = await ann.ok('room-state');
    assert.deepEqual(ids(participants), ['ann', 'dan', 'wes']);
  });

  scenario('the end is told to everybody, in the room and in the lobby', async (stage, url, other) => {
    const { ann, bob, dan, wes, zed } = await set(stage, url);
    await unheard(ann, other, () => ann.ok('update-room', { maxParticipants: 9 }));
    for (const user of [bob, dan]) await user.next('room-updated', ({ updates }) => updates.maxParticipants === 9);
    process.kill(other.pid, 'SIGSTOP');
    try {
      for (let i = 0; i < MESSAGES; i += 1) await ann.ok('send-message', { message: i });
      await ann.ok('end-meeting');
    } finally {
      process.kill(other.pid, 'SIGCONT');
    }
    for (const user of [bob, dan, wes, zed]) await user.next('meeting-ended');
  });

  scenario('who was kicked and knocked in vain elsewhere is not brought back', async (stage, url, other) => {
    const { roomId, ann, bob } = await set(stage, url);
    await unheard(ann, other, async () => {
      await ann.ok('remove-participant', { participantId: 'bob' });
      const again = await knock(stage, 'bob', roomId);
      await again.ok('leave-room');
    });
    assert.equal((await bob.next('kicked-from-room')).reason, 'kicked');
    const { participants } = await ann.ok('room-state');
    assert.deepEqual(ids(participants), ['ann', 'dan']);
  });
});
