// What a moderator can turn off, and people who have it on.
import assert from 'node:assert/strict';

/** `on` and `off` are what `update-my-state` and `participant-updated` say of it. */
export const KINDS = [
  { kind: 'audio', on: { isAudioMuted: false }, off: { isAudioMuted: true } },
  { kind: 'video', on: { isVideoPaused: false }, off: { isVideoPaused: true } },
  { kind: 'screen', on: { isScreenSharing: true }, off: { isScreenSharing: false } },
];
export const [AUDIO, VIDEO] = KINDS;

/** Of `force-mute` and `unmute-requested`. */
export function expectNotice({ kind, by }, expected) {
  assert.deepEqual({ kind, by }, expected);
}

/** Ann and these people, all of them with everything on. */
export async function live(stage, ...ids) {
  const { roomId, ...people } = await stage.cast(...ids);
  const everything = Object.assign({}, ...KINDS.map(({ on }) => on));
  for (const user of Object.values(people)) await user.ok('update-my-state', everything);
  for (const user of Object.values(people)) {
    await user.settle();
    user.log.readAll();
  }
  return { roomId, ...people };
}
