// Ten thousand hostile frames against a node with a meeting running: the meeting notices nothing, memory stays
// where it was, and the node serves afterwards.
import assert from 'node:assert/strict';
import { Random } from '../chaos/lib/random.mjs';
import { Bytes } from './lib/bytes.mjs';
import { flat } from './lib/bystanders.mjs';
import { ONE } from './lib/clients.mjs';
import { Hostility } from './lib/hostile.mjs';
import { Session } from './lib/session.mjs';
import { suite } from './lib/stage.mjs';

const FRAMES = 10_000;
/** Until the server has the buffers that it needs for so many connections. */
const WARM_UP = 4_000;
/** A polling client's share; the rest comes over WebSocket. */
const BODIES = FRAMES / 10;
const AT_ONCE = 16;
const SEED = process.env.USHER_TEST_SEED ?? '1';
const MIB = 1 << 20;
/** A third of what is sent; a connection that is not let go of costs tens of kilobytes. */
const MOST_MEMORY = 16 * MIB;

const settings = {
  PRESENCE__LEAVE_AFTER_LOST_MS: 100,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: 100,
  ROOMS__IDLE_CLOSE_MS: 1_000,
};

/** Over one connection after another: sends a frame, and then asks for something to learn that it was dealt with. */
async function sendFrames(url, random, roomId, count) {
  const hostility = new Hostility(random, roomId);
  let bytes = 0;
  for (let sent = 0; sent < count;) {
    const mallory = await enter(url, random);
    while (sent < count && !mallory.isClosed) {
      const { bytes: hostile, last } = hostility.draw();
      mallory.write(hostile);
      bytes += hostile.length;
      sent += 1;
      if (last) await mallory.end();
      else await dealtWith(mallory, sent);
    }
    mallory.close();
  }
  return bytes;
}

/** Most of them connect before they begin, some speak the older protocol, some say nothing first. */
async function enter(url, random) {
  const version = random.chance(0.2) ? 3 : 4;
  const mallory = await Bytes.webSocket('mallory', url, { path: `/socket.io/?EIO=${version}&transport=websocket` });
  if (version === 4 && random.chance(0.9)) {
    mallory.send('40');
    await mallory.text((text) => text.startsWith('40'));
  }
  return mallory;
}

async function dealtWith(mallory, number) {
  const id = 1_000_000 + number;
  mallory.send(`42${id}["no-such-event"]`);
  const answered = () => mallory.texts.at(-1)?.startsWith(`43${id}[`);
  await mallory.log.until(() => mallory.isClosed || answered(), 'an answer, or the end');
}

/** The same by polling: a new session for every few requests. */
async function sendBodies(url, random, roomId, count) {
  const hostility = new Hostility(random, roomId);
  let bytes = 0;
  for (let sent = 0; sent < count;) {
    const version = random.pick([3, 4]);
    const mallory = await Session.open(url, version);
    if (version === 4) await mallory.post('40');
    for (let status = 200; status === 200 && sent < count && random.chance(0.8); sent += 1) {
      const body = hostility.body(version);
      const type = random.chance(0.2) ? 'application/octet-stream' : 'text/plain;charset=UTF-8';
      ({ status } = await mallory.post(body, { 'content-type': type }));
      assert.ok([200, 400, 413].includes(status), `${status} for ${String(body).slice(0, 200)}`);
      bytes += body.length;
    }
    await mallory.post(version === 4 ? '1' : '1:1');
  }
  return bytes;
}

async function storm(url, seed, roomId, frames) {
  const random = new Random(seed);
  const each = (attackers, what, send, many) => Array.from({ length: attackers }, (_, i) => (
    send(url, random.fork(`${what} ${i}`), roomId, Math.ceil(many / attackers))));
  const sent = await Promise.all([
    ...each(AT_ONCE, 'frames', sendFrames, frames),
    ...each(2, 'bodies', sendBodies, BODIES),
  ]);
  return sent.reduce((sum, bytes) => sum + bytes, 0);
}

/** While `running`, the people of the meeting do things, one after the other: what each of them should hear. */
async function goingOn(people, running) {
  const done = [];
  let over = false;
  const ended = running.finally(() => { over = true; });
  for (let turn = 0; !over; turn += 1) {
    const speaker = people[turn % people.length];
    const updates = { isHandRaised: turn % (2 * people.length) < people.length };
    await speaker.ok('update-my-state', updates);
    done.push([speaker.id, updates]);
    for (const user of people) {
      await user.until(() => user.heard('participant-updated').length === done.length, 'what was done');
    }
  }
  await ended;
  return done;
}

suite('ten thousand hostile frames', { variants: ONE, settings }, (scenario) => {
  scenario(`beside a meeting, which notices nothing (seed ${SEED})`, async (stage) => {
    const { roomId, ann, bob, cy } = await stage.cast('bob', 'cy');
    const people = [ann, bob, cy];
    const { url, pid } = stage.server;
    await storm(url, `warm up ${SEED}`, roomId, WARM_UP);
    const before = people.map((user) => user.log.entries.length);

    let done;
    await flat(stage.server, MOST_MEMORY, async () => {
      const running = storm(url, SEED, roomId, FRAMES);
      done = await goingOn(people, running);
      const bytes = await running;
      assert.ok(bytes > 2 * MOST_MEMORY, `only ${bytes} bytes, of which one would hardly see a leak`);
    });

    assert.ok(done.length > 10, 'the meeting went on');
    for (const [i, user] of people.entries()) {
      await user.settle();
      const heard = user.log.entries.slice(before[i]).filter(({ answers }) => answers === undefined);
      assert.deepEqual(heard.map(({ event, args: [{ participantId, updates }] }) => [event, participantId, updates]), (
        done.map(([id, updates]) => ['participant-updated', id, updates])));
      assert.deepEqual(user.view().map(({ id }) => id).sort(), ['ann', 'bob', 'cy']);
      assert.ok(user.connected);
    }

    assert.equal(stage.server.pid, pid);
    assert.equal((await stage.rest().get('/readyz')).status, 200);
    await stage.meeting('dee');
    const dee = await stage.joined('dee', roomId);
    assert.deepEqual(dee.view().map(({ id }) => id).sort(), ['ann', 'bob', 'cy', 'dee']);
    await ann.ok('make-cohost', { participantId: 'dee' });
    await dee.next('cohost-granted');
  });
});
