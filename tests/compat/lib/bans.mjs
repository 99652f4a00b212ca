// Bans given, lifted and felt.

export const ban = (actor, participantId) => actor.ok('remove-participant', { participantId, ban: true });
export const unban = (actor, participantId) => actor.ok('unban-participant', { participantId });

/** They do not get in, by a new connection. */
export async function expectBanned(stage, id, roomId, options) {
  const user = await stage.user(id, options);
  await user.refused('join-room', user.joinPayload(roomId), 'banned');
  user.roomId = roomId;
  await user.noMore('existing-participants');
}
