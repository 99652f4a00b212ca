// Whatever is sent in place of a pid or an offset: one connects as always, and is nobody else for it.
import assert from 'node:assert/strict';
import { Bytes } from './lib/bytes.mjs';
import { ONE } from './lib/clients.mjs';
import { PATIENT, PROMPT, away, expectNeverLeft, withTabs } from './lib/recovering.mjs';
import { suite } from './lib/stage.mjs';

const KIB = 1 << 10;
const settings = { ...PATIENT, ...PROMPT, SOCKET__MAX_MESSAGE_BYTES: 256 * KIB };

const TAMPERED = (pid) => [
  pid.slice(1), pid.slice(0, -1), `${pid}A`, ` ${pid}`, `${pid} `, `${pid}\u0000`, pid.toUpperCase(), pid.toLowerCase(),
  [...pid].reverse().join(''), [pid], { pid }, { toString: pid }, [pid, pid],
].filter((other) => other !== pid);
const NONSENSE = [
  null, true, false, 0, 1, -1, 1.5, 1e308, '', ' ', '*', '?', '__proto__', 'undefined', 'null', '\u0000', '😀', '\r\nDEL x',
  [], {}, [[]], { $ne: null }, 'x'.repeat(100 * KIB), '😀'.repeat(20 * KIB), Array.from({ length: 1_000 }, () => 'x'),
];

suite('what is no pid', { variants: ONE, settings }, (start) => {
  const scenario = withTabs(start);

  scenario('recovers nothing, and one connects as always', async (stage, tabs) => {
    const { roomId, ann, bob } = await away(tabs);
    for (const pid of [...TAMPERED(bob.lastPid), ...NONSENSE, '\ud800']) {
      const mallory = await tabs.arriving('bob', { auth: { pid, offset: 'x' } });
      mallory.roomId = roomId;
      mallory.lastPid = pid;
      await mallory.notRecovered();
      mallory.close();
    }
    await ann.noMore('participant-joined');
    bob.returns();
    await bob.recovered('ann', 'bob');
  });

  scenario('nor what is no offset spoils a pid or a connection', async (stage, tabs) => {
    const { ann, bob } = await tabs.meeting(['bob']);
    for (const offset of NONSENSE) {
      bob.socket._lastOffset = offset;
      await bob.drop();
      await bob.recovered('ann', 'bob');
    }
    await expectNeverLeft(ann, 'bob');
  });

  scenario('nor any other CONNECT', async (stage, tabs) => {
    const { ann, bob } = await away(tabs);
    const pid = JSON.stringify(bob.lastPid);
    const connects = [
      `40[${pid}]`, `40${pid}`, `40{"pid":[${pid}]}`, `40{"PID":${pid}}`, `40{"auth":{"pid":${pid}}}`, '40null', '40[]',
      `40{"pid":${'['.repeat(100)}${']'.repeat(100)}}`, `40{"sid":${pid}}`, '40{"pid":1e999}', `40{"x":${pid},"pid":"\\ud800"}`,
    ];
    for (const connect of connects) {
      const mallory = await Bytes.webSocket('mallory', stage.server.url);
      mallory.send(connect);
      const heard = await mallory.log.next(({ event, args }) => event === 'closed' || /^4/.test(args[0]), 'an answer');
      assert.ok(!String(heard.args[0]).includes(bob.lastPid), connect);
      mallory.send('420["room-state",{"roomId":"nowhere"}]');
      await mallory.log.next(({ event, args }) => event === 'closed' || /^430/.test(args[0]), 'another');
      assert.ok(!mallory.texts.some((text) => text.includes('participant-list-update')), connect);
      mallory.close();
    }
    await ann.settle();
    bob.returns();
    await bob.recovered('ann', 'bob');
  });
});
