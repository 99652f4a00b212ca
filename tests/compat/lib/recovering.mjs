// Connection state recovery: how connections end, and meetings of pages whose client has to come back by itself.
import assert from 'node:assert/strict';
import { EVERY } from './clients.mjs';
import { ids } from './expect.mjs';
import { Tab } from './tab.mjs';
import { Wire } from './wire.mjs';

/** Long enough that nobody is given up. */
export const PATIENT = { PRESENCE__LEAVE_AFTER_LOST_MS: 60_000, PRESENCE__LEAVE_AFTER_CLOSE_MS: 60_000 };
/** A server that soon notices that a client is gone, also one that polled. */
export const PROMPT = { SOCKET__PING_INTERVAL_MS: 1_000, SOCKET__PING_TIMEOUT_MS: 2_000 };

/** The clients that know of recovery. */
export const RECOVERING = EVERY.filter(({ client }) => client === '4.8');
export const OLDER = EVERY.filter(({ client }) => client !== '4.8');

/** How a connection ends against the page's will. */
export const ENDS = {
  'the wire is cut': (tab) => tab.interrupted(() => tab.wire.cut()),
  'its transport is closed': (tab) => tab.socket.io.engine.close(),
  'the wire is cut, which the server does not notice': (tab) => tab.interrupted(() => tab.wire.strand()),
};
export const [CUT, CLOSED, STRANDED] = Object.values(ENDS);

/** Scenarios with tabs of their own: `run(stage, tabs, …)`. */
export function withTabs(scenario) {
  return (name, run, ...rest) => scenario(name, async (stage, ...more) => {
    const tabs = new Tabs(stage);
    try {
      await run(stage, tabs, ...more);
      tabs.check();
    } finally {
      tabs.close();
    }
  }, ...rest);
}

class Tabs {
  #stage;
  #open = [];

  constructor(stage) {
    this.#stage = stage;
  }

  async arriving(id, { url = this.#stage.server.url, variant = this.#stage.variant, ...options } = {}) {
    const tab = new Tab(id, await Wire.to(url), variant, options);
    this.#open.push(tab);
    return tab;
  }

  async open(id, options) {
    const tab = await this.arriving(id, options);
    await tab.connected();
    return tab;
  }

  async joined(id, roomId, options) {
    const tab = await this.open(id, options);
    await tab.enter(roomId);
    return tab;
  }

  /**
   * Ann's meeting, with Ann as a delta client who bears witness, and these people in it as tabs; everyone sees
   * everyone. `as(id, i)` are the options of each, Ann being the first.
   */
  async meeting(guests, as = () => ({})) {
    const roomId = this.#stage.room();
    const { token, url } = as('ann', 0);
    const body = { roomId, userId: 'ann', userName: 'Ann' };
    const { status } = await this.#stage.rest(token).post('/api/meetings', body);
    assert.equal(status, 201);
    const ann = await this.#stage.joined('ann', roomId, { token, url });
    const people = {};
    for (const [i, id] of guests.entries()) people[id] = await this.joined(id, roomId, as(id, i + 1));
    await ann.until(() => ann.view().length === guests.length + 1, 'everyone to be seen by Ann');
    for (const tab of Object.values(people)) await tab.shows('ann', ...guests);
    for (const user of [ann, ...Object.values(people)]) user.log.readAll();
    return { roomId, ann, ...people };
  }

  check() {
    for (const { id, log } of this.#open) {
      for (const { event, args: [list] } of log.entries) {
        if (event !== 'participant-list-update') continue;
        assert.equal(new Set(ids(list)).size, list.length, `${id} is shown somebody twice: ${ids(list)}`);
      }
    }
  }

  close() {
    for (const tab of this.#open) tab.close();
  }
}

/** Of all that is unread, this person's going and coming is at most that they were reconnecting for a while. */
export async function expectNeverLeft(witness, id) {
  for (const event of ['participant-left', 'participant-joined']) {
    await witness.noMore(event, (news) => [news.participantId, news.id].includes(id));
  }
  const isMore = ({ participantId, updates }) => participantId === id && Object.keys(updates).join() !== 'isReconnecting';
  await witness.noMore('participant-updated', isMore);
  await witness.until(() => !witness.seen(id).isReconnecting, `${id} to be back`);
}

/** The server has noticed that their connection is lost. */
export function noticed(witness, id) {
  return witness.next('participant-updated', (news) => news.participantId === id && news.updates.isReconnecting);
}

/** Bob is in Ann's room and away for now, as the server knows. */
export async function away(tabs, as) {
  const all = await tabs.meeting(['bob'], as);
  await all.bob.leaveForNow();
  await noticed(all.ann, 'bob');
  return all;
}
