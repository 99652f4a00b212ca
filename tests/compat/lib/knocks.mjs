// Somebody at the door of a room whose lobby is on.
import assert from 'node:assert/strict';

/** They wait, and have been told so. */
export async function knock(stage, id, roomId, options) {
  const user = await stage.user(id, options);
  await knockAgain(user, roomId);
  return user;
}

export async function knockAgain(user, roomId) {
  user.roomId = roomId;
  const reply = await user.ack('join-room', user.joinPayload(roomId));
  assert.deepEqual([reply.ok, reply.waiting], [true, true], `${user.id} has to wait: ${JSON.stringify(reply)}`);
  await user.next('lobby-waiting');
}
