// Over long random histories nobody is ever given a ticket for more than their role, nor one while they are out.
import assert from 'node:assert/strict';
import { FakeDaily } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { bePatient } from './lib/log.mjs';
import { expectNoneOutside, expectNoneWider, ticketsOf, widest } from './lib/provider-rights.mjs';
import { FAST, SLOW_MS } from './lib/providers.mjs';
import { onOneAndThree } from './lib/spread.mjs';

bePatient(20_000);

const SERVICES = {
  livekit: await FakeLiveKit.start(),
  daily: await FakeDaily.start({ limits: null }),
};
const GUESTS = ['bob', 'cy', 'dee'];
const STEPS = Number(process.env.USHER_TEST_STEPS ?? 120);
const SEEDS = (process.env.USHER_TEST_SEEDS ?? '1,2').split(',').map(Number);

/** Numbers that look random and are the same again for the same seed. */
function dice(seed) {
  let state = seed * 7_919 + 17;
  return (sides) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * sides);
  };
}

const ROLE_EVENTS = ['make-host', 'remove-host', 'make-cohost', 'remove-cohost'];

/** Some commands are refused, because there is nothing to change or nobody there: that is part of it. */
async function history({ stage, nodes, fake, roomId, ann, tabs, roll }) {
  const pending = [];
  for (let step = 0; step < STEPS; step += 1) {
    const id = GUESTS[roll(GUESTS.length)];
    const tab = tabs[id][roll(tabs[id].length)];
    const act = [
      () => ann.ack(ROLE_EVENTS[roll(4)], { roomId, participantId: id }),
      () => ann.ack(ROLE_EVENTS[roll(4)], { roomId, participantId: id }),
      () => tab.ack('refresh-token', { roomId }),
      () => tab.ack('join-room', tab.joinPayload(roomId)),
      () => (roll(3) === 0 ? tab.ack('leave-room', { roomId }) : tab.ack('refresh-token', { roomId })),
      () => (roll(4) === 0 ? ann.ack('remove-participant', { roomId, participantId: id, ban: roll(2) === 0 }) : null),
      () => ann.ack('unban-participant', { roomId, participantId: id }),
      () => {
        const trouble = roll(4);
        if (trouble === 0) fake.fail(2);
        else if (trouble === 1) fake.slow(SLOW_MS / 4);
        else return fake.heal();
        return null;
      },
    ][roll(8)];
    pending.push(act());
    // A few at a time, so that they cross each other.
    if (roll(3) === 0) await Promise.all(pending.splice(0));
    if (step % 40 === 39 && tabs[id].length < 4) tabs[id].push(await stage.joined(id, roomId, nodes.at(step)).catch(() => tab));
  }
  await fake.heal();
  await Promise.all(pending);
}

for (const [name, fake] of Object.entries(SERVICES)) {
  onOneAndThree(`tickets of ${name}`, { settings: { ...fake.settings, ...FAST } }, (scenario) => {
    for (const seed of SEEDS) {
      scenario(`are never wider than the role (seed ${seed})`, async (stage, nodes) => {
        const roomId = await stage.meeting('ann');
        const ann = await stage.joined('ann', roomId, nodes.at(0));
        const tabs = {};
        for (const [i, id] of GUESTS.entries()) {
          tabs[id] = [await stage.joined(id, roomId, nodes.at(i)), await stage.joined(id, roomId, nodes.at(i + 1))];
        }
        await history({ stage, nodes, fake, roomId, ann, tabs, roll: dice(seed) });
        const guests = [...new Set(Object.values(tabs).flat())];
        for (const user of [ann, ...guests]) await user.settle();
        const count = expectNoneWider(ann, [ann, ...guests]);
        for (const user of guests) expectNoneOutside(user);
        assert.ok(count > STEPS / 10, `only ${count} tickets`);
        const given = new Set(guests.flatMap((user) => ticketsOf(user).map(({ ticket }) => widest(ticket))));
        assert.ok(given.size > 1, `only tickets for ${[...given]}`);
      });
    }
  });
}
