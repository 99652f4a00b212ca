// Connections that take their time: a head, a body or a frame that comes a byte at a time or not at all,
// messages without an end, floods of what needs an answer. Each is over when its time is, and nobody waits for it.
import assert from 'node:assert/strict';
import { Bytes, frame, http, OPCODE } from './lib/bytes.mjs';
import { flat, goesOn, undisturbed } from './lib/bystanders.mjs';
import { ONE } from './lib/clients.mjs';
import { expectLeft, expectSomeRefusal } from './lib/expect.mjs';
import { bePatient } from './lib/log.mjs';
import { engine, Session } from './lib/session.mjs';
import { suite } from './lib/stage.mjs';

bePatient(15_000);

const MIB = 1 << 20;
const HOST = 'Host: 127.0.0.1';
const settings = {
  HTTP__HEADER_TIMEOUT_MS: 1_000,
  SOCKET__CONNECT_TIMEOUT_MS: 1_000,
  SOCKET__PING_INTERVAL_MS: 500,
  SOCKET__PING_TIMEOUT_MS: 1_500,
  PRESENCE__LEAVE_AFTER_LOST_MS: 100,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: 100,
};
/** How long an attacker waits between two bytes: all of them would take minutes. */
const PACE_MS = 50;
const LONG = 20_000;

/** Ann's and Bob's meeting, without REST: its client keeps connections that this server soon closes. */
async function meeting(stage) {
  const roomId = stage.room();
  const ann = await stage.joined('ann', roomId);
  const bob = await stage.joined('bob', roomId);
  await ann.until(() => ann.view().length === 2, 'both');
  for (const user of [ann, bob]) user.log.readAll();
  return { roomId, ann, bob };
}

/** Writes one byte after the other until the server hangs up. */
async function drip(connection, bytes) {
  let at = 0;
  const timer = setInterval(() => {
    connection.write(bytes.subarray(at, at + 1));
    at += 1;
  }, PACE_MS);
  await connection.closed().finally(() => clearInterval(timer));
  assert.ok(at < bytes.length, 'the end came with the last byte only');
}

async function connected(id, url) {
  const bytes = await Bytes.webSocket(id, url);
  bytes.send('40');
  await bytes.text((text) => text.startsWith('40{'));
  return bytes;
}

const webSocket = (version) => engine(`EIO=${version}&transport=websocket`);
const several = (many, run) => Promise.all(Array.from({ length: many }, run));

suite('heads that do not come', { variants: ONE, settings }, (scenario) => {
  const START = `GET /healthz HTTP/1.1\r\n${HOST}\r\n`;
  const HEADS = {
    'nothing': '',
    'half of the first line': 'GET /hea',
    'no empty line': START,
    'half of a header': `${START}X: y`,
    'half of a WebSocket handshake': `GET ${webSocket(4)} HTTP/1.1\r\n${HOST}\r\nUpgrade: websocket\r\n`,
    'nothing after a request': http(['GET /healthz HTTP/1.1', HOST]),
  };

  scenario('end their connection', async (stage) => {
    await undisturbed(await meeting(stage), () => Promise.all(Object.entries(HEADS).flatMap(([what, head]) => (
      Array.from({ length: 20 }, async () => {
        const mallory = new Bytes('mallory', stage.server.url);
        mallory.write(head);
        await mallory.closed(`the end after ${what}`);
      })))));
  });

  scenario('soon enough end theirs, too', async (stage) => {
    const bytes = Buffer.from(http(['GET /healthz HTTP/1.1', HOST, `X: ${'y'.repeat(LONG)}`]));
    const { url } = stage.server;
    await undisturbed(await meeting(stage), () => several(20, () => drip(new Bytes('mallory', url), bytes)));
  });
});

suite('bodies that do not come', { variants: ONE, settings }, (scenario) => {
  const posting = (path, headers, body = '') => http([`POST ${path} HTTP/1.1`, HOST, ...headers], body);
  const STALLED = {
    'nothing': [['Content-Length: 100'], ''],
    'less than was said': [['Content-Length: 100'], '{"roomId":'],
    'a chunk that is not the last': [['Transfer-Encoding: chunked'], '1\r\n4\r\n'],
    'half of a chunk': [['Transfer-Encoding: chunked'], 'ff\r\n4'],
  };
  const DRIPPING = {
    'a long body': [['Content-Length: 60000'], 'x'.repeat(60_000)],
    'one chunk after another': [['Transfer-Encoding: chunked'], '1\r\nx\r\n'.repeat(10_000)],
    'the noughts of a size': [['Transfer-Encoding: chunked'], '0'.repeat(60_000)],
  };

  scenario('end their connection', async (stage) => {
    const session = await Session.connected(stage.server.url);
    const stall = async (path, [what, [headers, body]]) => {
      const mallory = new Bytes('mallory', stage.server.url);
      mallory.write(posting(path, headers, body));
      await mallory.closed(`the end of ${path} after ${what}`);
    };
    await undisturbed(await meeting(stage), () => Promise.all(Object.entries(STALLED).flatMap((stalled) => (
      ['/api/meetings', `/socket.io/?${session.query}`].map((path) => stall(path, stalled))))));
  });

  scenario('soon enough end theirs, too', async (stage) => {
    await undisturbed(await meeting(stage), () => Promise.all(Object.values(DRIPPING).map(async ([headers, body]) => {
      const mallory = new Bytes('mallory', stage.server.url);
      mallory.write(posting('/api/meetings', headers));
      await drip(mallory, Buffer.from(body));
    })));
  });
});

suite('WebSockets that do not come to the point', { variants: ONE, settings }, (scenario) => {
  /** They join, and then only do this; the others are told of their end, and go on. */
  async function areLost(stage, attacks) {
    const people = await meeting(stage);
    const { roomId, ann, bob } = people;
    await Promise.all(Object.entries(attacks).map(async ([id, attack]) => {
      const mallory = await connected(id, stage.server.url);
      mallory.send(`427["join-room",{"roomId":"${roomId}","userId":"${id}","userName":"M"}]`);
      await mallory.text((text) => text.startsWith('437'));
      await attack(mallory);
      await mallory.closed(`the end of ${id}`);
      for (const user of [ann, bob]) {
        expectLeft(await user.next('participant-left', (left) => left.id === id), id, 'disconnected');
      }
    }));
    for (const user of [ann, bob]) {
      await user.settle();
      user.log.readAll();
    }
    await goesOn(people);
  }

  scenario('before CONNECT: end their connection', async (stage) => {
    const bytes = frame(`40${JSON.stringify({ token: 'x'.repeat(LONG) })}`);
    const space = frame(' ', { opcode: OPCODE.more, fin: false });
    const parts = Buffer.concat([frame('40', { fin: false }), ...Array(LONG).fill(space)]);
    const slowly = async (one) => drip(await Bytes.webSocket('mallory', stage.server.url), one);
    await undisturbed(await meeting(stage), () => (
      Promise.all([bytes, parts].map((one) => several(20, () => slowly(one))))));
  });

  scenario('byte by byte: are lost, as they cannot answer a ping', (stage) => areLost(stage, {
    'in-one-frame': (mallory) => drip(mallory, frame(`42["x","${'y'.repeat(LONG)}"]`)),
    'in-ever-more-frames': (mallory) => {
      mallory.write(frame('42["x","', { fin: false }));
      return drip(mallory, Buffer.concat(Array(LONG).fill(frame('y', { opcode: OPCODE.more, fin: false }))));
    },
  }));

  scenario('frames without an end, as fast as they can be sent: are lost', (stage) => areLost(stage, {
    'nothing-but-empty-frames': async (mallory) => {
      const empty = Buffer.concat(Array(1_000).fill(frame('', { opcode: OPCODE.more, fin: false })));
      mallory.write(frame('42["x"]', { fin: false }));
      // Against time, not against a number: until the server waits for the answer to a ping no longer.
      await mallory.pour(() => empty);
    },
  }));

  scenario('a frame that comes a byte at a time, but comes, is a frame', async (stage) => {
    const mallory = await connected('mallory', stage.server.url);
    for (const byte of frame('427["no-such-event"]')) mallory.write(Buffer.from([byte]));
    await mallory.text((text) => text.startsWith('437'));
    mallory.close();
  });
});

suite('floods of what needs an answer', { variants: ONE }, (scenario) => {
  const MANY = 20_000;
  const ping = frame('x'.repeat(125), { opcode: OPCODE.ping });
  const FLOODS = {
    'pings': ping,
    'pongs': frame('x'.repeat(125), { opcode: OPCODE.pong }),
    'answers to pings that nobody sent': frame('3'),
    'pings of the older protocol': frame('2'),
  };

  for (const [what, one] of Object.entries(FLOODS)) {
    scenario(`${what}: cost nothing, and the sender is served as before`, async (stage) => {
      const people = await stage.cast('bob');
      await undisturbed(people, () => flat(stage.server, 16 * MIB, async () => {
        const mallory = await stage.raw('mallory');
        const thousand = Buffer.concat(Array(1_000).fill(one));
        for (let i = 0; i < MANY / 1_000; i += 1) mallory.sendBytes(thousand);
        expectSomeRefusal(await mallory.ack('room-state', { roomId: 'nowhere' }), 'what comes after');
      }));
    });
  }

  scenario('pings over protocol 3: as well', async (stage) => {
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 16 * MIB, async () => {
      const mallory = await Bytes.webSocket('mallory', stage.server.url, { path: webSocket(3) });
      mallory.write(Buffer.concat(Array(MANY).fill(frame('2'))));
      mallory.send('427["no-such-event"]');
      await mallory.text((text) => text.startsWith('437'));
      mallory.close();
    }));
  });

  scenario('pings of somebody who reads no answer: end the connection', async (stage) => {
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 16 * MIB, async () => {
      const mallory = await connected('mallory', stage.server.url);
      mallory.stopReading();
      const thousand = Buffer.concat(Array(1_000).fill(ping));
      let left = 512 * MIB;
      await mallory.pour(() => (left -= thousand.length) > 0 ? thousand : null);
      assert.ok(left > 0, 'all of it was taken');
      await mallory.closed();
    }));
  });
});
