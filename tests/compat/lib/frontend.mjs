// A stand-in for the real frontend of the host and co-host document, written by us from CONTRACT 1.4: it speaks the list
// dialect, has a second, anonymous socket, presses buttons without asking for an answer, and never joins by itself again.
import assert from 'node:assert/strict';
import { wire } from './expect.mjs';
import { eventually } from './log.mjs';
import { badge, lights, padlocks, screenOf } from './screen.mjs';
import { User } from './user.mjs';

const BUTTONS = { audio: ['isAudioMuted', false], video: ['isVideoPaused', false] };
const REMOTE = {
  audio: ['toggle-remote-audio', 'mute', 'unmute'],
  video: ['toggle-remote-video', 'pause', 'unpause'],
};
const GLOBAL = {
  audio: ['mute-all-participants', 'unmute-all-participants'],
  video: ['disable-all-cameras', 'enable-all-cameras'],
  screen: ['disable-all-screen-sharing', 'enable-all-screen-sharing'],
};

export class Frontend extends User {
  #said = 0;

  constructor(id, url, variant, { isCreator = false, imageUrl = `https://img.example/${id}.png`, ...options } = {}) {
    super(id, url, variant, options);
    this.isCreator = isCreator;
    this.imageUrl = imageUrl;
    this.anonymous = new User(`the anonymous socket of ${id}`, url, variant, options);
  }

  async connect() {
    await Promise.all([super.connect(), this.anonymous.connect()]);
    this.anonymous.emit('join-room', 'test-room');
    this.router = await this.anonymous.ack('getRouterRtpCapabilities');
    return this;
  }

  /** In the order of the real one, which waits for every answer for ever. */
  async enter(roomId) {
    this.roomId = roomId;
    this.#does('enters');
    this.emit('set-user-id', this.id);
    this.emit('join-room', roomId);
    const { rtpCapabilities, error } = await this.ack('get-rtp-capabilities', { roomId });
    assert.ok(rtpCapabilities || typeof error === 'string', 'capabilities or an error');
    this.joinReply = await this.ack('join-mediasoup-room', this.entry({ rtpCapabilities: rtpCapabilities ?? null }));
    if (!this.joinReply.success) return this.joinReply;
    this.transport = await this.ack('create-webrtc-transport', { roomId, direction: 'send' });
    assert.equal(typeof this.transport.error, 'string', 'no transport without an SFU');
    this.emit('request-chat-history', { roomId });
    return this.joinReply;
  }

  entry(extra) {
    const { roomId, id: userId, name: userName, imageUrl: userImageUrl, isCreator } = this;
    return { roomId, userId, userName, userImageUrl, isCreator, ...extra };
  }

  // Buttons: nothing is acknowledged, what comes of it is shown.

  press(event, payload = {}) {
    this.emit(event, { roomId: this.roomId, userId: this.id, ...payload });
  }

  makeHost(participantId) { this.press('make-host', { participantId }); }
  removeHost(participantId) { this.press('remove-host', { participantId }); }
  makeCohost(participantId) { this.press('make-cohost', { participantId }); }
  removeCohost(participantId) { this.press('remove-cohost', { participantId }); }
  kick(targetUserId) { this.press('remove-participant', { targetUserId }); }

  /** `forbid` mutes or pauses somebody, `permit` lets them; `kind` is `audio` or `video`. */
  forbid(kind, targetUserId) {
    const [event, force] = REMOTE[kind];
    this.press(event, { targetUserId, force });
  }

  permit(kind, targetUserId) {
    const [event, , force] = REMOTE[kind];
    this.press(event, { targetUserId, force });
  }

  forbidAll(kind) { this.press(GLOBAL[kind][0]); }
  permitAll(kind) { this.press(GLOBAL[kind][1]); }

  /** The own microphone, camera or screen; the page takes for granted that it may. */
  turnOn(kind) { this.#turn(kind, true); }
  turnOff(kind) { this.#turn(kind, false); }

  #turn(kind, on) {
    this.#does('turns', { [kind]: on });
    if (kind === 'screen') {
      this.press(on ? 'screen-share-started' : 'screen-share-stopped', { producerId: 'none' });
      return;
    }
    const [flag, whenOn] = BUTTONS[kind];
    this.press('update-my-state', { [flag]: on ? whenOn : !whenOn });
  }

  /** The message's id, which this page makes up. */
  say(text, more = {}) {
    this.#said += 1;
    const id = `${this.id}-${this.#said}`;
    const sender = { id: this.id, name: this.name };
    const message = { id, text, createdAt: new Date().toISOString(), pinned: false, sender, ...more };
    this.emit('send-message', { roomId: this.roomId, message });
    return id;
  }

  react(messageId, emoji) {
    this.#does('reacts', { messageId, emoji });
    this.press('message-react', { messageId, emoji });
  }

  pin(messageId, pinned = true) { this.press('pin-message', { messageId, pinned }); }
  type() { this.press('typing-start', { name: this.name }); }
  stopTyping() { this.press('typing-stop'); }
  float(emoji) { this.press('video-reaction', { emoji, sessionId: 's1', userName: this.name }); }

  async leave() {
    this.#does('leaves');
    this.emit('leave-room', this.roomId);
    await this.settle();
  }

  #does(event, payload) {
    this.log.add({ event, args: [payload], local: true, own: true });
  }

  // What it shows.

  get screen() {
    return screenOf(this.id, this.log.entries);
  }

  view() {
    return this.screen.people;
  }

  get badges() {
    return Object.fromEntries((this.view() ?? []).map((person) => [person.id, badge(person)]));
  }

  /** `{ ann: '👑', bob: '' }`: these people and no others. */
  shows(badges) {
    const wanted = JSON.stringify(Object.entries(badges).sort());
    return this.until(() => JSON.stringify(Object.entries(this.badges).sort()) === wanted, `${wanted} on the screen`);
  }

  showsLights(id, names) {
    return this.until(() => this.seen(id) && lights(this.seen(id)) === names, `"${names}" at ${id}`);
  }

  showsPadlocks(id, names) {
    return this.until(() => this.seen(id) && padlocks(this.seen(id)) === names, `locks "${names}" at ${id}`);
  }

  showsPage(page) {
    return this.until(() => this.screen.page === page, `the page "${page}"`);
  }

  /** `[from, text]` of each message, with pins and reactions where there are any. */
  get chat() {
    return this.screen.messages.map(({ from, text, pinned, reactions }) => (
      [from, text, ...(pinned ? ['📌'] : []), ...(Object.keys(reactions).length > 0 ? [reactions] : [])]));
  }

  showsChat(...messages) {
    const wanted = JSON.stringify(messages);
    return this.until(() => JSON.stringify(this.chat) === wanted, `the chat ${wanted}`);
  }

  showsTyping(...names) {
    const typing = () => [...this.screen.typing.values()].sort().join();
    return this.until(() => typing() === names.sort().join(), `"${names}" typing, not "${typing()}"`);
  }

  /** A notice to this person, by whom. */
  async toast(event, by) {
    const notice = await this.next(event);
    assert.equal(notice.by, by, `${event} is by`);
    return notice;
  }

  /** What the press of a button came to. */
  async toldOff(event, codes, message) {
    const error = await this.next('error', (e) => e.event === event);
    assert.ok([codes].flat().includes(error.code), `${event} is refused as ${codes}: ${JSON.stringify(error)}`);
    if (message !== undefined) assert.equal(error.message, message);
    return error;
  }

  // The answers of the list dialect.

  async ok(event, payload = {}) {
    const reply = await this.ack(event, { roomId: this.roomId, ...payload });
    assert.equal(event === 'room-state' ? reply.ok : reply.success, true, `${this.id}: ${event}: ${JSON.stringify(reply)}`);
    return reply;
  }

  async expectRefusal(event, reply, codes, message) {
    assert.equal(typeof reply.error, 'string', `${this.id}: ${event} is refused, not ${JSON.stringify(reply)}`);
    assert.ok(!('success' in reply) && !('ok' in reply), `no more than an error: ${JSON.stringify(reply)}`);
    assert.ok([codes].flat().includes(reply.code), `${event} is refused as ${codes}: ${JSON.stringify(reply)}`);
    if (message !== undefined) assert.equal(reply.error, message);
    const error = await this.next('error', (e) => e.event === event);
    assert.deepEqual([error.code, error.message], [reply.code, reply.error]);
    return reply;
  }

  anomalies() {
    const { entries } = this.anonymous.log;
    const overheard = entries.filter(({ event, local, answers, args }) => (
      !local && answers === undefined && !(event === 'error' && args[0].event === 'room-state')));
    return [...this.screen.anomalies, ...overheard.map(({ event }) => `the anonymous socket heard ${event}`)];
  }

  // Both sockets end with the page.

  disconnect() {
    this.anonymous.disconnect();
    super.disconnect();
  }

  async closeTab() {
    await Promise.all([this.anonymous.closeTab(), super.closeTab()]);
  }

  async cut() {
    await Promise.all([this.anonymous.cut(), super.cut()]);
  }

  close() {
    this.anonymous.close();
    super.close();
  }
}

/** A page that is open and knows nobody yet. */
export function page(stage, id, options) {
  return stage.user(id, { as: Frontend, ...options });
}

/** A page in the room. */
export async function enters(stage, id, roomId, options) {
  const frontend = await page(stage, id, options);
  const reply = await frontend.enter(roomId);
  assert.equal(reply.success, true, `${id} enters: ${JSON.stringify(reply)}`);
  return frontend;
}

/** Ann's meeting with these pages in it, Ann's as the host's; everyone shows everyone. `options(i)`: of which node. */
export async function meetup(stage, guests, options = () => ({})) {
  const roomId = await stage.meeting('ann');
  const people = {};
  for (const [i, id] of ['ann', ...guests].entries()) people[id] = await enters(stage, id, roomId, options(i));
  const everyone = Object.values(people);
  await gathered(...everyone);
  return { roomId, everyone, ...people };
}

/** All of them show all of them, and nothing that they heard so far is news. */
export async function gathered(...members) {
  for (const member of members) {
    await member.until(() => member.view()?.length === members.length, `${members.length} people`);
    await member.settle();
    member.log.readAll();
  }
}

const OPTIONAL = ['audioLocked', 'videoLocked', 'screenShareLocked', 'isScreenSharing', 'isHandRaised', 'isReconnecting'];

function brief(people) {
  return people.map((person) => ({ ...wire(person), ...Object.fromEntries(OPTIONAL.map((flag) => [flag, person[flag] ?? false])) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Clients of either dialect: their servers are at one revision and say the same, which is also what each shows. */
export async function agreed(...members) {
  let found = [];
  const look = async (member) => {
    const { rev, participants } = await member.ok('room-state');
    return [{ rev, people: brief(participants) }, { rev, people: brief(member.view() ?? []) }];
  };
  const seen = () => found.flat().map((one) => JSON.stringify(one));
  await eventually(async () => {
    found = await Promise.all(members.map(look));
    return new Set(seen()).size === 1;
  }, 'everybody to show the same people at one revision').catch((error) => {
    error.message += `\n${seen().join('\n')}`;
    throw error;
  });
  return found[0][0].people;
}

/** What everybody shows is the same after `happen` as before. */
export async function unchanged(members, happen) {
  const before = await agreed(...members);
  await happen();
  assert.deepEqual(await agreed(...members), before);
}
