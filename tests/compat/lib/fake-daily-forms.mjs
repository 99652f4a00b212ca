// The names of Daily's properties, and how they are listed in tokens.

export const ROOM_PROPERTIES = [
  'nbf', 'exp', 'max_participants', 'eject_at_room_exp', 'eject_after_elapsed', 'enable_knocking', 'enable_prejoin_ui',
  'enable_people_ui', 'enable_pip_ui', 'enable_network_ui', 'enable_emoji_reactions', 'enable_hand_raising',
  'enable_video_processing_ui', 'enable_noise_cancellation_ui', 'enable_breakout_rooms', 'enable_live_captions_ui',
  'enable_chat', 'enable_advanced_chat', 'enable_shared_chat_history', 'enable_screenshare', 'enable_hidden_participants',
  'start_video_off', 'start_audio_off', 'enable_recording', 'owner_only_broadcast', 'enforce_unique_user_ids', 'geo',
  'rtmp_geo', 'lang', 'permissions', 'meeting_join_hook', 'enable_mesh_sfu', 'sfu_switchover', 'enable_dialout',
];

/** Each property of a token, and its short name. */
const SHORT = {
  nbf: 'nbf', exp: 'exp', room_name: 'r', user_id: 'ud', user_name: 'u', is_owner: 'o', knocking: 'k',
  close_tab_on_exit: 'ctoe', redirect_on_meeting_exit: 'rome', start_cloud_recording: 'sr',
  start_cloud_recording_opts: 'sro', auto_start_transcription: 'ast', enable_recording: 'er', enable_screenshare: 'ss',
  start_video_off: 'vo', start_audio_off: 'ao', eject_at_token_exp: 'ejt', eject_after_elapsed: 'eje', lang: 'uil',
  enable_recording_ui: 'erui', enable_prejoin_ui: 'epui', permissions: 'p',
};
const KINDS = { v: 'video', a: 'audio', sv: 'screenVideo', sa: 'screenAudio', cv: 'customVideo', ca: 'customAudio' };

export const TOKEN_PROPERTIES = Object.keys(SHORT);

/** "v,a" as the list that it stands for. */
export function listed(text) {
  return text.split(',').filter(Boolean).map((kind) => KINDS[kind] ?? kind);
}

/** The claims of a token with these properties. */
export function claimsOf(properties) {
  const claims = {};
  for (const [name, value] of Object.entries(properties)) claims[SHORT[name]] = name === 'permissions' ? permissionsOf(value) : value;
  return claims;
}

function permissionsOf({ hasPresence, canSend, canReceive, canAdmin }) {
  const short = (kind) => Object.keys(KINDS).find((key) => KINDS[key] === kind) ?? kind;
  return {
    ...(hasPresence !== undefined && { hp: hasPresence }),
    ...(canSend !== undefined && { cs: Array.isArray(canSend) ? canSend.map(short).join(',') : canSend }),
    ...(canReceive !== undefined && { cr: canReceive }),
    ...(canAdmin !== undefined && { ca: canAdmin }),
  };
}
