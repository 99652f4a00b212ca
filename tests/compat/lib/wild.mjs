// People in one room, each spoken to in a dialect of their own, whose socket ids are known.
import assert from 'node:assert/strict';
import { ids } from './expect.mjs';
import { fold } from './view.mjs';

export const DIALECTS = ['delta', 'list'];
/** Who sends, who receives. */
export const PAIRS = DIALECTS.flatMap((from) => DIALECTS.map((to) => ({ from, to })));

/** How an event names its target: `of(tab)` is what stands in that field. */
export const TARGETS = {
  participantId: (tab) => tab.id,
  targetUserId: (tab) => tab.id,
  targetSocketId: (tab) => tab.socket.id,
};

/** What WebRTC peers say to each other, each as some frontend sends it. */
export const RELAYED = {
  offer: { offer: { type: 'offer', sdp: 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n' } },
  answer: { sdp: 'v=0\r\n', type: 'answer', renegotiation: false },
  'ice-candidate': { candidate: { candidate: 'candidate:1 1 udp 1 192.0.2.1 1 typ host', sdpMid: '0', sdpMLineIndex: 0 } },
};

/** The people whom this page knows of. */
export function peopleOf(tab) {
  return (tab.dialect === 'list' ? tab.people : fold(tab.log.entries).people) ?? [];
}

export const personAt = (tab, id) => peopleOf(tab).find((person) => person.id === id);

export async function enters(tab, roomId, dialect) {
  tab.dialect = dialect;
  if (dialect === 'list') {
    await tab.enter(roomId);
    return tab;
  }
  tab.roomId = roomId;
  const reply = await tab.ack('join-room', { roomId, userId: tab.id, userName: tab.name });
  assert.equal(reply.ok, true, `${tab.id} joins: ${JSON.stringify(reply)}`);
  await tab.next('existing-participants');
  return tab;
}

/** A meeting of the first of these people, each in the dialect that is given; `where(i)` says at which node. */
export async function meet(stage, tabs, dialects, where = () => ({})) {
  const everyone = Object.keys(dialects);
  const roomId = await stage.meeting(everyone[0]);
  const people = {};
  for (const [i, [id, dialect]] of Object.entries(dialects).entries()) {
    people[id] = await enters(await tabs.open(id, where(i)), roomId, dialect);
  }
  for (const tab of Object.values(people)) {
    await tab.until(() => ids(peopleOf(tab)).join() === [...everyone].sort().join(), `${everyone} to be seen by ${tab.id}`);
    tab.log.readAll();
  }
  return { roomId, ...people };
}

/** The same object under the same name, and the truth about who sent it. */
export async function expectRelayed(tab, event, payload, sender) {
  const { from, socketId, ...got } = await tab.next(event);
  assert.deepEqual({ from, socketId }, { from: sender.id, socketId: sender.socket.id });
  for (const [field, value] of Object.entries(payload)) {
    if (!['from', 'socketId'].includes(field)) assert.deepEqual(got[field], value, field);
  }
}
