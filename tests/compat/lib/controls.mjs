// What moderators can forbid by remote and global controls, and what that looks like on the pages of the list dialect.
import assert from 'node:assert/strict';

/** What each kind of control looks like: `mark` on a tile, and what the target is told. */
export const KINDS = {
  audio: {
    mark: 'mic', remote: 'toggle-remote-audio', all: 'mute-all-participants', none: 'unmute-all-participants',
    off: ['force-mute', { audio: true }], allowed: ['allow-unmute', {}],
    allOff: ['force-mute', { audio: true, locked: true }], allAllowed: ['allow-unmute', {}],
  },
  video: {
    mark: 'cam', remote: 'toggle-remote-video', all: 'disable-all-cameras', none: 'enable-all-cameras',
    off: ['force-video-pause', { video: true }], allowed: ['allow-video-enable', {}],
    allOff: ['disable-all-cameras', {}], allAllowed: ['enable-all-cameras', {}],
  },
  screen: {
    mark: 'screen', all: 'disable-all-screen-sharing', none: 'enable-all-screen-sharing',
    allOff: ['screenshare-global-update', { enabled: false }], allAllowed: ['screenshare-global-update', { enabled: true }],
  },
};
export const REMOTE = Object.keys(KINDS).filter((kind) => KINDS[kind].remote);

export async function isTold(user, [event, fields], by) {
  const { rev, ...notice } = await user.next(event);
  assert.deepEqual(notice, { ...fields, by });
  assert.ok(Number.isInteger(rev), `${event} has a revision`);
}

/** All of them have it on, and all show that. */
export async function live(kind, everyone) {
  for (const user of everyone) user.turnOn(kind);
  for (const user of everyone) for (const { id } of everyone) await user.showsLights(id, KINDS[kind].mark);
  for (const user of everyone) {
    await user.settle();
    user.log.readAll();
  }
}

export const mayNot = (user, kind) => user.until(() => !user.screen.may[kind] && !user.screen.on[kind], `no ${kind}`);
export const may = (user, kind) => user.until(() => user.screen.may[kind], `leave for ${kind}`);

/** It goes on everywhere. */
export async function switchesOn(user, kind, everyone) {
  user.turnOn(kind);
  for (const one of everyone) await one.showsLights(user.id, KINDS[kind].mark);
  assert.equal(user.screen.on[kind], true);
}

/** It is off again by itself, and nobody ever saw it on. */
export async function isKeptOff(user, kind, everyone) {
  const before = everyone.map((one) => one.heard('participant-state-changed').length);
  user.turnOn(kind);
  await user.toldOff(kind === 'screen' ? 'screen-share-started' : 'update-my-state', 'media-locked');
  await mayNot(user, kind);
  for (const [i, one] of everyone.entries()) {
    await one.settle();
    assert.equal(one.heard('participant-state-changed').length, before[i], `${one.id} saw a change`);
    await one.showsLights(user.id, '');
  }
}
