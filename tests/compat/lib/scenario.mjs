// The main scenario of the list dialect: a meeting from the first join to the last, between pages and a delta client,
// wherever each of them is connected.
import assert from 'node:assert/strict';
import { expectLeft } from './expect.mjs';
import { agreed, enters } from './frontend.mjs';

/** `at(id)` are the options of that person's connection. */
export async function meeting(stage, at) {
  const roomId = await stage.meeting('ann');
  const ann = await enters(stage, 'ann', roomId, at('ann'));
  const bob = await enters(stage, 'bob', roomId, at('bob'));
  const dee = await stage.joined('dee', roomId, at('dee'));
  const pages = [ann, bob];
  const show = (badges) => Promise.all(pages.map((one) => one.shows(badges)));
  await show({ ann: '👑', bob: '', dee: '' });
  await agreed(ann, bob, dee);
  return { roomId, ann, bob, dee, pages, everyone: [ann, bob, dee], show };
}

/** Both pairs of roles, given by a page, to a page and to a delta client. */
export async function rolesGoRound({ ann, bob, dee, everyone, show }) {
  ann.makeCohost('bob');
  await show({ ann: '👑', bob: '🤝', dee: '' });
  await bob.toast('cohost-granted', 'Ann');
  ann.makeHost('dee');
  await show({ ann: '👑', bob: '🤝', dee: '👑' });
  assert.equal((await dee.next('host-granted')).by, 'Ann');
  await agreed(...everyone);
  await dee.ok('remove-cohost', { participantId: 'bob' });
  await bob.toast('cohost-revoked', 'Dee');
  await dee.ok('make-host', { participantId: 'bob' });
  await bob.toast('host-granted', 'Dee');
  await show({ ann: '👑', bob: '👑', dee: '👑' });
  ann.removeHost('dee');
  await dee.next('host-revoked');
  ann.removeHost('bob');
  await bob.toast('host-revoked', 'Ann');
  await show({ ann: '👑', bob: '', dee: '' });
  for (const role of ['HOST', 'PARTICIPANT']) await bob.next('role-changed', ({ role: now }) => now === role);
  await agreed(...everyone);
}

/** A microphone that is switched on, muted from afar, and allowed again. */
export async function mutedFromAfar({ ann, bob, dee, pages, everyone }) {
  const sees = (lights) => Promise.all([
    ...pages.map((one) => one.showsLights('bob', lights)),
    dee.until(() => dee.seen('bob').isAudioMuted === (lights === ''), `"${lights}" at bob`),
  ]);
  bob.turnOn('audio');
  await sees('mic');
  ann.forbid('audio', 'bob');
  await bob.toast('force-mute', 'Ann');
  await sees('');
  assert.deepEqual([bob.screen.may.audio, bob.screen.on.audio], [false, false]);
  bob.turnOn('audio');
  await bob.toldOff('update-my-state', 'media-locked');
  await bob.next('force-mute');
  await agreed(...everyone);
  ann.permit('audio', 'bob');
  await bob.toast('allow-unmute', 'Ann');
  bob.turnOn('audio');
  await sees('mic');
  ann.forbidAll('audio');
  for (const user of [bob, dee]) assert.equal((await user.next('force-mute')).by, 'Ann');
  await sees('');
  ann.permitAll('audio');
  await bob.toast('allow-unmute', 'Ann');
  await agreed(...everyone);
}

/** Words, a reaction, a pin, and somebody typing. */
export async function talk({ ann, bob, dee, pages }) {
  const id = bob.say('Hello');
  for (const user of pages) await user.showsChat(['Bob', 'Hello']);
  assert.equal((await dee.next('receive-message')).message.text, 'Hello');
  ann.react(id, '👍');
  await bob.showsChat(['Bob', 'Hello', { '👍': ['ann'] }]);
  await dee.ok('send-message', { message: 'Hi' });
  bob.pin(id);
  for (const user of pages) await user.showsChat(['Bob', 'Hello', '📌', { '👍': ['ann'] }], ['Dee', 'Hi']);
  bob.type();
  await ann.showsTyping('Bob');
  bob.stopTyping();
  await ann.showsTyping();
}

/** Kicked, back again, and the tab closed. */
export async function kickedAndClosed(stage, { roomId, ann, bob, dee }, at) {
  ann.kick('bob');
  await bob.showsPage('kicked');
  assert.equal((await bob.next('kicked-from-room')).by, 'Ann');
  await ann.shows({ ann: '👑', dee: '' });
  expectLeft(await dee.next('participant-left'), 'bob', 'kicked');
  await agreed(ann, dee);
  const back = await enters(stage, 'bob', roomId, at('bob'));
  for (const user of [ann, back]) await user.shows({ ann: '👑', dee: '', bob: '' });
  await back.showsChat(['Bob', 'Hello', '📌', { '👍': ['ann'] }], ['Dee', 'Hi']);
  await agreed(ann, back, dee);
  await back.closeTab();
  expectLeft(await dee.next('participant-left'), 'bob', 'disconnected');
  await ann.shows({ ann: '👑', dee: '' });
  await agreed(ann, dee);
}
