// A thousand people into one room: every view complete, nobody dropped.
import assert from 'node:assert/strict';
import { ONE } from './lib/clients.mjs';
import { suite } from './lib/stage.mjs';

const PEOPLE = Number(process.env.USHER_TEST_STORM ?? 1_000);
const AT_ONCE = 50;
const PATIENCE_MS = 30_000;

/** A member that keeps nothing but the ids it has heard of; the frames are not even parsed. */
class Member {
  known = new Set();
  repeats = 0;

  constructor(id, onComplete) {
    this.id = id;
    this.onComplete = onComplete;
  }

  hear(text) {
    if (text.startsWith('42["participant-joined"')) this.#add(/"id":"([^"]+)"/.exec(text)[1]);
    else if (text.startsWith('42["existing-participants"')) {
      for (const { id } of JSON.parse(text.slice(2))[1]) this.#add(id);
    } else return false;
    return true;
  }

  #add(id) {
    if (this.known.has(id)) this.repeats += 1;
    this.known.add(id);
    if (this.known.size === PEOPLE) this.onComplete();
  }
}

suite('a join storm', { variants: ONE }, (scenario) => {
  scenario(`${PEOPLE} people see each other`, async (stage) => {
    const roomId = await stage.meeting('p0');
    let incomplete = PEOPLE;
    let allComplete;
    const complete = new Promise((resolve) => {
      allComplete = resolve;
    });
    const oneMore = () => (incomplete -= 1) === 0 && allComplete();
    const waiting = Array.from({ length: PEOPLE }, (_, i) => new Member(`p${i}`, oneMore));
    const members = [...waiting];
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let member = waiting.shift(); member; member = waiting.shift()) {
        const { id } = member;
        member.raw = await stage.raw(id, { onText: (text) => member.hear(text) });
        const reply = await member.raw.ack('join-room', { roomId, userId: id, userName: id });
        assert.equal(reply.ok, true, `${id}: ${JSON.stringify(reply.error)}`);
      }
    }));
    const late = setTimeout(allComplete, PATIENCE_MS);
    await complete;
    clearTimeout(late);
    assert.equal(incomplete, 0, 'views that are not complete');
    for (const { id, raw, repeats } of members) {
      assert.ok(raw.connected, `${id} is still connected`);
      assert.equal(repeats, 0, `${id} heard of nobody twice`);
    }
    const state = await members[0].raw.ack('room-state', { roomId });
    assert.equal(state.participants.length, PEOPLE);
  });
});
