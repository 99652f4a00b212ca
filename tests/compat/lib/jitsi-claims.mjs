// What tokens of Jitsi allow by role, and what comes with them for clients to show.
import assert from 'node:assert/strict';
import { FEATURES, JAAS_FEATURES } from './jitsi-verifier.mjs';
import { RIGHTS } from './tickets.mjs';

/** Which of its rights a feature goes with; what is not listed everybody has. */
const NEEDS = {
  recording: 'record', livestreaming: 'record', transcription: 'record', 'live-translation': 'record',
  moderation: 'moderate', lobby: 'moderate', 'list-visitors': 'moderate', 'screen-sharing': 'publishScreen',
};
/** Nobody calls or is called by telephone. */
const NEVER = ['outbound-call', 'inbound-call', 'sip-outbound-call', 'sip-inbound-call'];

function features(role, names) {
  const may = (name) => !NEVER.includes(name) && (NEEDS[name] === undefined || RIGHTS[role][NEEDS[name]]);
  return names.map((name) => [name, may(name)]);
}

/** What an own server is told of each feature. */
export const jitsiFeatures = (role) => Object.fromEntries(features(role, FEATURES));

/** JaaS knows fewer of them, and reads words. */
export const jaasFeatures = (role) => (
  Object.fromEntries(features(role, JAAS_FEATURES).map(([name, may]) => [name, String(may)])));

/** Flags of the mobile SDK by their exact names; it ignores what it does not know. */
const FLAGS = [
  'lobby-mode.enabled', 'prejoinpage.enabled', 'prejoinpage.hideDisplayName', 'recording.enabled',
  'ios.recording.enabled', 'live-streaming.enabled', 'chat.enabled', 'invite.enabled', 'kick-out.enabled',
  'meeting-name.enabled', 'meeting-password.enabled', 'security-options.enabled', 'raise-hand.enabled',
  'reactions.enabled', 'breakout-rooms.enabled', 'pip.enabled', 'ios.screensharing.enabled',
  'android.screensharing.enabled', 'audio-mute.enabled', 'video-mute.enabled', 'toolbox.enabled',
  'welcomepage.enabled', 'unsaferoomwarning.enabled', 'resolution', 'notifications.enabled', 'tile-view.enabled',
  'video-share.enabled',
];
/** Options of the web client. */
const OPTIONS = [
  'prejoinConfig.enabled', 'startWithAudioMuted', 'startWithVideoMuted', 'lobby.autoKnock', 'lobby.enableChat',
  'securityUi.hideLobbyButton', 'recordingService.enabled', 'subject', 'disableDeepLinking',
];
/** Buttons that only work for those who may. */
const FOR_MODERATORS = ['lobby-mode.enabled', 'kick-out.enabled', 'meeting-password.enabled', 'security-options.enabled'];
const FOR_RECORDING = ['recording.enabled', 'ios.recording.enabled', 'live-streaming.enabled'];

/** Known names only, and no button for what the role may not do. */
export function expectHints({ role, featureFlags, configOverwrite }) {
  const { moderate, record } = RIGHTS[role];
  const unknown = (given, known) => Object.keys(given).filter((name) => !known.includes(name));
  assert.deepEqual(unknown(featureFlags, FLAGS), []);
  assert.deepEqual(unknown(flat(configOverwrite), OPTIONS), []);
  for (const value of [...Object.values(featureFlags), ...Object.values(flat(configOverwrite))]) {
    assert.ok(value !== null && ['boolean', 'number', 'string'].includes(typeof value), JSON.stringify(value));
  }
  for (const [names, may] of [[FOR_MODERATORS, moderate], [FOR_RECORDING, record]]) {
    for (const name of names) if (!may) assert.notEqual(featureFlags[name], true, `${name} for a ${role}`);
  }
  assert.equal(typeof featureFlags['prejoinpage.enabled'], 'boolean');
  assert.equal(typeof flat(configOverwrite)['prejoinConfig.enabled'], 'boolean');
}

/** `{ a: { b } }` and `{ 'a.b' }` are the same to the web client. */
function flat(object, path = []) {
  return Object.assign({}, ...Object.entries(object).map(([name, value]) => (
    typeof value === 'object' && value !== null ? flat(value, [...path, name]) : { [[...path, name].join('.')]: value })));
}
