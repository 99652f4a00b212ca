// Frames and packets that no client library would send, from somebody who has no business in the meeting:
// either they end the connection that they came over, or they mean nothing. The meeting hears nothing.
import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { Bytes, frame, OPCODE, RSV } from './lib/bytes.mjs';
import { flat, undisturbed } from './lib/bystanders.mjs';
import { ONE } from './lib/clients.mjs';
import { expectLeft, expectSomeRefusal } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const LARGEST = 65_536;
const MIB = 1 << 20;
const EVENT = '42["room-state",{"roomId":"nowhere"}]';
const isEnd = ({ event, local }) => local && event === 'disconnect';
const nested = (depth, open = '[', close = ']') => `${open.repeat(depth)}1${close.repeat(depth)}`;
/** As deep as one message can be. */
const DEEPEST = nested(32_000);

const both = (...frames) => Buffer.concat(frames);
const joining = (roomId, id = 'mallory') => JSON.stringify({ roomId, userId: id, userName: id });

/** Writes texts as frames and buffers as they are. */
function put(raw, writes) {
  for (const bytes of [writes].flat()) typeof bytes === 'string' ? raw.send(bytes) : raw.sendBytes(bytes);
}

/** Each of these, on a connection of its own, is the end of it. */
async function endsEach(stage, cases) {
  await Promise.all(Object.entries(cases).map(async ([what, writes]) => {
    const mallory = await stage.raw('mallory');
    put(mallory, writes);
    await mallory.log.next(isEnd, `the end after ${what}`);
  }));
}

/** None of these is answered or otherwise acted on: what comes after them is, as if they had not been sent. */
async function ignoresEach(stage, cases) {
  for (const [what, writes] of Object.entries(cases)) {
    const mallory = await stage.raw('mallory');
    put(mallory, writes);
    expectSomeRefusal(await mallory.ack('room-state', { roomId: 'nowhere' }), `what comes after ${what}`);
    const heard = mallory.log.entries.map(({ event, args }) => [event, args[0]?.event]);
    assert.deepEqual(heard, [['connect', undefined], ['ack', undefined], ['error', 'room-state']], what);
  }
}

/** A connection that answers nothing by itself, not even a ping. */
async function connected(stage) {
  const mallory = await Bytes.webSocket('mallory', stage.server.url);
  mallory.send('40');
  await mallory.text((text) => text.startsWith('40{'));
  return mallory;
}

const NOT_WEBSOCKET = {
  'no mask': frame(EVENT, { masked: false }),
  ...Object.fromEntries(RSV.map((rsv) => [`reserved bit ${rsv}`, frame(EVENT, { rsv })])),
  ...Object.fromEntries([3, 7, 11, 15].map((opcode) => [`opcode ${opcode}`, frame(EVENT, { opcode })])),
  'a ping that is too long': frame('x'.repeat(126), { opcode: OPCODE.ping }),
  'a ping in parts': frame('x', { opcode: OPCODE.ping, fin: false }),
  'the rest of nothing': frame(EVENT, { opcode: OPCODE.more }),
  'a message inside of another': both(frame('42', { fin: false }), frame(EVENT)),
  'a close of one byte': frame([3], { opcode: OPCODE.close }),
  'a close for no reason that there is': frame([3, 0xe7], { opcode: OPCODE.close }),
  'a close with a reason that is no text': frame([3, 0xe8, 0xff], { opcode: OPCODE.close }),
  'an overlong character': frame([...Buffer.from('42["'), 0xc0, 0xaf, ...Buffer.from('"]')]),
  'half of a pair': frame([...Buffer.from('42["'), 0xed, 0xa0, 0x80, ...Buffer.from('"]')]),
  'a character that is cut off': frame(Buffer.from('42["é').subarray(0, -1)),
  'a character that goes on wrongly in the next frame': both(
    frame([0x34, 0xc3], { fin: false }),
    frame([0x28], { opcode: OPCODE.more }),
  ),
  'one byte more than the largest': frame('', { announced: LARGEST + 1 }),
  'two gigabytes': frame('', { announced: 2 ** 31 }),
  'exbibytes': frame('', { announced: 2n ** 63n }),
  'all the bytes that there can be': frame('', { announced: 2n ** 64n - 1n }),
};

const NOT_ENGINE = {
  open: '0{}',
  upgrade: '5',
  noop: '6',
  'a probe': '2probe',
  'the answer to a probe': '3probe',
  nothing: '',
  'a letter': 'é',
};

const PLACEHOLDER = '{"_placeholder":true,"num":0}';
const half = frame(Buffer.alloc(LARGEST / 2 + 1), { opcode: OPCODE.binary });
const BINARY = {
  'ten thousand attachments': `4510000-["join-room",${PLACEHOLDER}]`,
  'three attachments': `453-["join-room",${PLACEHOLDER}]`,
  'more attachments than a number holds': `45${2n ** 64n}-["join-room",${PLACEHOLDER}]`,
  'attachments without a number': `45-["join-room",${PLACEHOLDER}]`,
  'minus one attachments': `45-1-["join-room",${PLACEHOLDER}]`,
  'ten thousand in an answer': `4610000-1["x",${PLACEHOLDER}]`,
  'an attachment that never comes, and an event in its place': [`451-["join-room",${PLACEHOLDER}]`, EVENT],
  'an announcement inside of another': [`451-["join-room",${PLACEHOLDER}]`, `451-["join-room",${PLACEHOLDER}]`],
  'an attachment that nobody announced': frame([1, 2, 3], { opcode: OPCODE.binary }),
  'attachments that are too large together': [`452-["join-room",${PLACEHOLDER}]`, both(half, half)],
  'MessagePack': frame([0x83, 0xa4, 0x74, 0x79, 0x70, 0x65, 0x02], { opcode: OPCODE.binary }),
};

suite('frames that are none', { variants: ONE }, (scenario) => {
  scenario('end their connection', async (stage) => {
    await undisturbed(await stage.cast('bob'), () => endsEach(stage, { ...NOT_WEBSOCKET, ...NOT_ENGINE }));
  });

  scenario('cost no memory for what they announce', async (stage) => {
    const announced = [LARGEST, LARGEST - 1, LARGEST + 1, 2 ** 31, 2n ** 63n];
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 16 * MIB, async () => {
      for (let i = 0; i < 400; i += 1) {
        const mallory = await Bytes.webSocket('mallory', stage.server.url);
        mallory.write(frame('42["', { announced: announced[i % announced.length] }));
        await mallory.end();
      }
    }));
  });

  scenario('are told from a character whose bytes come in two', async (stage) => {
    const mallory = await stage.raw('mallory');
    const packet = Buffer.from('427["é",{}]');
    const at = packet.indexOf('é') + 1;
    mallory.sendBytes(both(
      frame(packet.subarray(0, at), { fin: false }),
      frame(packet.subarray(at), { opcode: OPCODE.more }),
    ));
    const { args } = await mallory.log.next(({ answers }) => answers === 7, 'the answer to an unknown event');
    assert.equal(args[0].error.code, 'unknown-event');
  });
});

suite('binary packets', { variants: ONE, settings: { SOCKET__PING_INTERVAL_MS: 600 } }, (scenario) => {
  scenario('that cannot be completed end their connection', async (stage) => {
    await undisturbed(await stage.cast('bob'), () => endsEach(stage, BINARY));
  });

  scenario('are not completed when it is too late', async (stage) => {
    const mallory = await connected(stage);
    mallory.send(`451-7["room-state",${PLACEHOLDER}]`);
    // More than a second: three pings that come after it.
    for (let i = 0; i < 3; i += 1) {
      await mallory.text((text) => text === '2', 'a ping');
      mallory.send('3');
    }
    mallory.write(frame([1], { opcode: OPCODE.binary }));
    await mallory.closed();
    assert.deepEqual(mallory.texts.filter((text) => text.startsWith('43')), []);
  });

  scenario('of megabytes are not collected', async (stage) => {
    const part = (opcode) => frame(Buffer.alloc(LARGEST / 2), { opcode, fin: false });
    const [first, more] = [part(OPCODE.binary), part(OPCODE.more)];
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 16 * MIB, async () => {
      await Promise.all(Array.from({ length: 20 }, async () => {
        const mallory = await connected(stage);
        mallory.send(`452-["join-room",${PLACEHOLDER}]`);
        mallory.write(first);
        let left = 160;
        await mallory.pour(() => (left -= 1) > 0 ? more : null);
        await mallory.closed();
      }));
    }));
  });
});

suite('JSON that is deep', { variants: ONE }, (scenario) => {
  const known = (field) => `{"roomId":"deep","userId":"mallory",${field}}`;
  const DEEP = {
    'as the payload': ['join-room', DEEPEST],
    'as an object': ['join-room', nested(5_000, '{"roomId":', '}')],
    'as an id': ['join-room', `{"roomId":${DEEPEST}}`],
    'as a flag': ['update-my-state', known(`"isHandRaised":${DEEPEST}`)],
    'as a name': ['join-room', known(`"userName":${DEEPEST}`)],
    'as the second argument': ['join-room', `"deep",${DEEPEST}`],
    'as the event': ['unknown', DEEPEST],
  };

  scenario('is refused where something is expected', async (stage) => {
    const mallory = await stage.raw('mallory');
    await undisturbed(await stage.cast('bob'), async () => {
      for (const [what, [event, text]] of Object.entries(DEEP)) {
        expectSomeRefusal((await mallory.ackText(event, text))[0], what);
      }
    });
  });

  scenario('is not looked at where nothing is', async (stage) => {
    const mallory = await stage.raw('mallory');
    for (const field of [`"x":${DEEPEST}`, `"__proto__":${nested(10_000, '{"a":', '}')}`]) {
      assert.equal((await mallory.ackText('join-room', known(field)))[0].ok, true);
    }
  });

  scenario('ends the connection where it is no packet', async (stage) => {
    await undisturbed(await stage.cast('bob'), () => endsEach(stage, {
      'without an end': `42${'['.repeat(60_000)}`,
      'in place of the name': `42[${DEEPEST}]`,
      'of objects without an end': `427["join-room",${'{"a":'.repeat(12_000)}`,
    }));
  });
});

suite('JSON that is deep in CONNECT', { variants: ONE, settings: { AUTH__HS256_SECRET: SECRET } }, (scenario) => {
  const mine = token('mallory');
  const AUTH = {
    'a list': DEEPEST,
    'the token': `{"token":${DEEPEST}}`,
    'objects': nested(5_000, '{"token":', '}'),
    'without an end': '{"token":'.repeat(7_000),
  };
  for (const [what, auth] of Object.entries(AUTH)) {
    scenario(`${what}: lets nobody in`, async (stage) => {
      const mallory = await Bytes.webSocket('mallory', stage.server.url);
      mallory.send(`40${auth}`);
      assert.match(await mallory.text((text) => /^4[04]/.test(text)), /^44\{"message":"unauthorized/);
      mallory.send(`40{"token":"${mine}"}`);
      assert.match(await mallory.text((text) => /^4[04]/.test(text)), /^40\{"sid"/, 'and then as before');
      mallory.close();
    });
  }
});

suite('packets that are cut off or hold what is not ASCII', { variants: ONE }, (scenario) => {
  const PACKETS = [
    '42["room-state",{"roomId":"nowhere"}]', '4217["é",{"ü":"😀"}]', '42/é,17["é"]', '43/é,1[1]', '4317["é"]',
    '451-/é,1["é",{"_placeholder":true,"num":0}]', '461-17["é"]', '40/é,{"token":"é"}', '41/é,', '44/é,{"message":"é"}',
  ];
  const cut = PACKETS.flatMap((packet) => Array.from(packet, (_, i) => packet.slice(0, i)));
  const swollen = PACKETS.flatMap((packet) => Array.from(packet, (_, i) => `${packet.slice(0, i)}é${packet.slice(i)}`));

  for (const [what, packets] of Object.entries({ cut, swollen })) {
    scenario(`${what}: ${packets.length} of them, each on its own connection`, async (stage) => {
      const left = packets.map((packet) => packet.replace(/[\ud800-\udbff]$/, ''));
      await undisturbed(await stage.cast('bob'), () => Promise.all(Array.from({ length: 16 }, async () => {
        while (left.length > 0) {
          const mallory = await stage.raw('mallory');
          mallory.send(left.pop());
          mallory.send('427["no-such-event"]');
          await mallory.log.next((e) => isEnd(e) || e.answers === 7, 'the answer to what came behind, or the end');
          mallory.close();
        }
      })));
    });
  }
});

suite('CONNECT', { variants: ONE }, (scenario) => {
  const letIn = (bytes) => bytes.texts.filter((text) => text.startsWith('40{')).length;

  scenario('counts once, however often it is sent', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const mallory = await Bytes.webSocket('mallory', stage.server.url);
    mallory.write(both(...Array(200).fill(frame('40'))));
    await mallory.text((text) => text.startsWith('40{'));
    mallory.send(`427["join-room",${joining(roomId)}]`);
    mallory.write(both(...Array(200).fill(frame('40{"token":"x"}'))));
    await mallory.text((text) => text.startsWith('437'));
    await ann.next('participant-joined');
    mallory.send('428["no-such-event"]');
    await mallory.text((text) => text.startsWith('438'));
    assert.equal(letIn(mallory), 1);
    const { body } = await stage.rest().get(`/api/meetings/${roomId}/participants`);
    assert.equal(body.participants.find(({ id }) => id === 'mallory').connections, 1);
    await mallory.end();
    await ann.noMore('participant-joined');
  });

  scenario('opens no other namespace', async (stage) => {
    const names = [
      ...Array.from({ length: 1_000 }, (_, i) => `/ns-${i}`),
      '/{*rest}', '/:id', '/{id}', '/*', '/"\\', '/é', '/..', '//', `/${'n'.repeat(60_000)}`,
    ];
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 16 * MIB, async () => {
      const mallory = await stage.raw('mallory');
      for (const name of names) {
        mallory.send(`40${name},{"token":"x"}`);
        mallory.send(`42${name},1["join-room",{}]`);
      }
      expectSomeRefusal(await mallory.ack('room-state', { roomId: 'nowhere' }), 'what comes after');
      const heard = mallory.log.entries.filter(({ event }) => event === 'frame').map(({ args }) => args[0]);
      assert.ok(heard.length > 0, 'some are told that there is no such namespace');
      for (const text of heard) assert.match(text, /^44\/.*Invalid namespace/s);
    }));
  });

  scenario('after a DISCONNECT starts afresh', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const mallory = await stage.raw('mallory');
    assert.equal((await mallory.ackText('join-room', joining(roomId)))[0].ok, true);
    await ann.next('participant-joined');
    for (let i = 0; i < 200; i += 1) {
      mallory.send('41');
      mallory.send('40');
      await mallory.log.next(({ event, local }) => local && event === 'connect', 'being let in again');
    }
    expectLeft(await ann.next('participant-left'), 'mallory', 'left');
    assert.equal((await mallory.ack('room-state', { roomId })).error.code, 'not-joined');
    assert.equal((await mallory.ackText('join-room', joining(roomId, 'trudy')))[0].ok, true, 'as somebody else');
    assert.equal((await ann.next('participant-joined')).id, 'trudy');
    await ann.noMore('participant-left');
  });
});

suite('packets at the wrong time', { variants: ONE }, (scenario) => {
  const tooSoon = (roomId) => ({
    'a join': `421["join-room",${joining(roomId)}]`,
    'an unknown event': '42["x"]',
    'an answer': '431[{"ok":true}]',
    'a disconnect': '41',
    'a refusal': '44{"message":"x"}',
    'an attachment': frame([1], { opcode: OPCODE.binary }),
  });

  scenario('before CONNECT end the connection', async (stage) => {
    const people = await stage.cast('bob');
    await undisturbed(people, () => Promise.all(Object.entries(tooSoon(people.roomId)).map(async ([what, packet]) => {
      const mallory = await Bytes.webSocket('mallory', stage.server.url);
      typeof packet === 'string' ? mallory.send(packet) : mallory.write(packet);
      mallory.send('40');
      await mallory.closed(`the end after ${what}`);
      assert.ok(!mallory.texts.some((text) => text.startsWith('40')), `${what}: let in after all`);
    })));
  });

  scenario('after DISCONNECT end the connection', async (stage) => {
    const people = await stage.cast('bob');
    await undisturbed(people, () => endsEach(stage, Object.fromEntries(
      Object.entries(tooSoon(people.roomId)).map(([what, packet]) => [what, ['41', packet]]),
    )));
  });

  scenario('in one flush with a DISCONNECT: nothing but the leave', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const mallory = await stage.raw('mallory');
    await mallory.ackText('join-room', joining(roomId));
    await ann.next('participant-joined');
    const raised = `42["update-my-state",{"roomId":"${roomId}","isHandRaised":true}]`;
    mallory.sendBytes(both(frame('41'), frame(raised), frame(`42["join-room",${joining(roomId)}]`)));
    await mallory.log.next(isEnd, 'the end');
    expectLeft(await ann.next('participant-left'), 'mallory', 'left');
    for (const event of ['participant-updated', 'participant-joined', 'participant-left']) await ann.noMore(event);
  });
});

suite('numbers of acknowledgements', { variants: ONE }, (scenario) => {
  const LARGEST_NUMBER = 2n ** 63n - 1n;

  scenario('that are none end the connection, and nothing is done', async (stage) => {
    const people = await stage.cast('bob');
    const none = ['-1', `-${2n ** 63n}`, '1e3', '1.5', '0x10', ' 1', '+1', '\u0661', 'NaN'];
    await undisturbed(people, () => endsEach(stage, Object.fromEntries(
      none.map((number) => [number, `42${number}["join-room",${joining(people.roomId)}]`]),
    )));
  });

  scenario('come back as they were sent', async (stage) => {
    const mallory = await connected(stage);
    for (const number of [0n, 2n ** 53n + 1n, LARGEST_NUMBER]) {
      mallory.send(`42${number}["no-such-event"]`);
      assert.match(await mallory.text((text) => text.startsWith('43')), new RegExp(`^43${number}\\[`));
    }
    mallory.close();
  });

  scenario('that are too large are answered under no other', async (stage) => {
    const mallory = await connected(stage);
    for (const number of [LARGEST_NUMBER + 1n, 2n ** 64n, 2n ** 64n + 5n, '9'.repeat(1_000)]) {
      mallory.send(`42${number}["room-state",{"roomId":"nowhere"}]`);
    }
    mallory.send('427["no-such-event"]');
    await mallory.text((text) => text.startsWith('437['));
    assert.deepEqual(mallory.texts.filter((text) => text.startsWith('43')).length, 1);
    mallory.close();
  });

  scenario('that the server never gave out mean nothing', async (stage) => {
    const numbers = [0n, 1n, 99n, 2n ** 53n, LARGEST_NUMBER];
    await undisturbed(await stage.cast('bob'), () => ignoresEach(stage, {
      ...Object.fromEntries(numbers.map((number) => [`${number}`, `43${number}[{"ok":true}]`])),
      'what is no list': ['431{}', '431[', '431[null]'],
      'ten thousand': Array.from({ length: 10_000 }, (_, i) => `43${i}[{"ok":true}]`),
      'with an attachment': [`461-1["x",${PLACEHOLDER}]`, frame([1], { opcode: OPCODE.binary })],
    }));
  });
});

suite('compression', { variants: ONE }, (scenario) => {
  const OFFER = ['Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame'];

  scenario('is not agreed to, and what is compressed all the same is not inflated', async (stage) => {
    const bomb = deflateRawSync(Buffer.alloc(48 * MIB, 'x'));
    assert.ok(bomb.length < LARGEST);
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 16 * MIB, async () => {
      for (const opcode of [OPCODE.text, OPCODE.binary]) {
        const mallory = await Bytes.webSocket('mallory', stage.server.url, { headers: OFFER });
        assert.doesNotMatch(mallory.handshake, /extensions/i);
        mallory.write(frame(bomb, { opcode, rsv: RSV[0] }));
        await mallory.closed();
      }
    }));
  });
});
