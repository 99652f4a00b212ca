// Engine.IO sessions that are begun in a wrong way, never finished, or asked for too often: each ends, and
// nobody else's does.
import assert from 'node:assert/strict';
import { Bytes, http } from './lib/bytes.mjs';
import { flat, goesOn, undisturbed } from './lib/bystanders.mjs';
import { ONE } from './lib/clients.mjs';
import { expectLeft } from './lib/expect.mjs';
import { eventually } from './lib/log.mjs';
import { ask, engine, Session, webSocketOf } from './lib/session.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET } from './lib/token.mjs';

const MIB = 1 << 20;
const prompt = {
  SOCKET__CONNECT_TIMEOUT_MS: 500,
  SOCKET__PING_INTERVAL_MS: 500,
  SOCKET__PING_TIMEOUT_MS: 1_500,
  PRESENCE__LEAVE_AFTER_LOST_MS: 100,
  PRESENCE__LEAVE_AFTER_CLOSE_MS: 100,
};

const SIDS = [
  '', 'x', 'AAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAA%00', 'AAAAAAAAAAAAAAA+', '../../etc/passwd',
  '%2e%2e%2fAAAAAAAA', '*',
  'undefined', 'null', '%C3%A9AAAAAAAAAAAAAA', '%ff', 'AAAAAAAA%20AAAAAAA', 'A'.repeat(10_000), 'AAAAAAAAAAAAAAAA',
  '________________',
];

suite('session ids that nobody has', { variants: ONE }, (scenario) => {
  scenario('open no session, by no method and no transport', async (stage) => {
    const { url } = stage.server;
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 16 * MIB, async () => {
      for (let round = 0; round < 20; round += 1) {
        for (const sid of SIDS) {
          const query = `EIO=4&transport=polling&sid=${sid}`;
          for (const how of [{ method: 'GET' }, { method: 'POST', body: '40' }]) {
            const { status, text } = await ask(url, query, how);
            assert.equal(status, 400, `${sid}: ${text}`);
            assert.doesNotMatch(text, /"sid"/, sid);
          }
        }
      }
    }));
  });

  scenario('open no WebSocket', async (stage) => {
    const { url } = stage.server;
    for (const sid of SIDS) {
      const bytes = await Bytes.webSocket('mallory', url, { path: webSocketOf(sid) }).catch((error) => error);
      if (bytes instanceof Error) {
        assert.match(bytes.message, /HTTP\/1\.1 400 /, sid);
        continue;
      }
      bytes.send('2probe');
      await bytes.closed(`the end of ${sid}`);
      assert.deepEqual(bytes.texts, [], sid);
    }
  });

  scenario('nor does anything else that is no handshake', async (stage) => {
    const queries = [
      '', 'EIO=4', 'transport=polling', 'EIO=5&transport=polling', 'EIO=&transport=polling',
      'EIO=4&transport=webtransport',
      'EIO=3=&transport=polling', 'EIO=3=x&transport=polling', 'EIO=4&EIO=3&transport=polling',
      'EIO=4&transport=', 'EIO=4%00&transport=polling', 'EIO=-4&transport=polling', 'EIO=4&transport=websocket',
    ];
    for (const query of queries) {
      const { status, text } = await ask(stage.server.url, query);
      assert.ok(status >= 400 && status < 500, `${query}: ${status}`);
      assert.doesNotMatch(text, /"sid"/, query);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const { status } = await ask(stage.server.url, 'EIO=4&transport=polling', { method });
      assert.ok(status >= 400 && status < 500, `${method}: ${status}`);
    }
  });
});

suite('sessions that go no further', { variants: ONE, settings: prompt }, (scenario) => {
  scenario('are over when nobody connects', async (stage) => {
    const { url } = stage.server;
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 24 * MIB, async () => {
      const sessions = await Promise.all(Array.from({ length: 500 }, () => Session.open(url)));
      const isOver = async (session) => (await session.post('3')).status === 400;
      await eventually(async () => (await Promise.all(sessions.map(isOver))).every(Boolean), 'the end of all of them');
    }));
  });

  scenario('over WebSocket, too', async (stage) => {
    const people = await stage.cast('bob');
    await undisturbed(people, async () => {
      await Promise.all(Array.from({ length: 100 }, async () => {
        await (await Bytes.webSocket('mallory', stage.server.url)).closed();
      }));
    });
  });
});

const locked = { ...prompt, AUTH__HS256_SECRET: SECRET };

suite('whoever was not let in', { variants: ONE, settings: locked }, (scenario) => {
  for (const version of [3, 4]) {
    scenario(`protocol ${version}: does not keep the connection, however alive it is`, async (stage) => {
      const path = engine(`EIO=${version}&transport=websocket`);
      const mallory = await Bytes.webSocket('mallory', stage.server.url, { path });
      if (version === 4) mallory.send('40{"token":"x"}');
      assert.match(await mallory.text((text) => text.startsWith('44')), /unauthorized/);
      // In the newer protocol the server asks and this answers, in the older one it is the other way round.
      const alive = setInterval(() => mallory.send(version === 4 ? '3' : '2'), 100);
      await mallory.closed().finally(() => clearInterval(alive));
    });

    scenario(`protocol ${version}: does not keep a session by polling`, async (stage) => {
      const mallory = await Session.open(stage.server.url, version);
      if (version === 4) await mallory.post('40{"token":"x"}');
      // It fetches what it is sent: a session that nobody polls ends by itself.
      await eventually(async () => {
        const { status } = await mallory.post(version === 4 ? '3' : '1:2');
        return status === 400 || (await mallory.poll()).status === 400;
      }, 'the end of the session');
    });
  }
});

suite('polls', { variants: ONE, settings: prompt }, (scenario) => {
  scenario('many at once end the session, and only it', async (stage) => {
    const people = await stage.cast('bob');
    const mallory = await Session.connected(stage.server.url);
    await undisturbed(people, async () => {
      const replies = await Promise.all(Array.from({ length: 50 }, () => mallory.poll()));
      const statuses = replies.map(({ status }) => status);
      assert.ok(statuses.filter((status) => status === 400).length >= 48, statuses.join());
      assert.equal((await mallory.post('3')).status, 400);
    });
  });

  scenario('of somebody in the room, too: they are lost, and may come back', async (stage) => {
    const people = await stage.cast('bob');
    const { roomId, ann, bob } = people;
    const mallory = await Session.connected(stage.server.url);
    await mallory.join(roomId, 'mallory');
    await Promise.all(Array.from({ length: 50 }, () => mallory.poll()));
    for (const user of [ann, bob]) expectLeft(await user.next('participant-left'), 'mallory', 'disconnected');
    await (await Session.connected(stage.server.url)).join(roomId, 'mallory');
    for (const user of [ann, bob]) {
      await user.next('participant-joined', ({ rev }) => rev > 3);
      user.log.readAll();
    }
    await goesOn(people);
  });

  scenario('many sessions of one client, each with a poll that waits', async (stage) => {
    const people = await stage.cast('bob');
    await undisturbed(people, () => flat(stage.server, 24 * MIB, async () => {
      const sessions = await Promise.all(Array.from({ length: 200 }, () => Session.connected(stage.server.url)));
      // Nobody answers a ping: all of them end, and every poll is answered.
      await Promise.all(sessions.map(async (it) => {
        while ((await it.poll()).status === 200);
      }));
    }));
  });
});

suite('requests of a polling client that are cut off or hold what is not ASCII', { variants: ONE }, (scenario) => {
  const TEXT = { 'content-type': 'text/plain;charset=UTF-8' };
  const BYTES = { 'content-type': 'application/octet-stream' };
  const NEW = [
    '4', '42', '42[', '42["é"', '42é', '4é', 'é', 'é\x1e', '\x1e', '\x1e\x1e\x1e', '42["x"]\x1e', '42["x"]\x1eé',
    '2\x1e3\x1e2', '0{}', '5', '6',
    'b', 'b!', 'bAQID', 'bé', `b${'A'.repeat(60_000)}`, '2probe', '1\x1e42["x"]', '42["x"]\x1e'.repeat(5_000),
    Buffer.from([0x34, 0x32, 0xff, 0xfe]), Buffer.from([0x34, 0xc3]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0]),
    '451-["x",{"_placeholder":true,"num":0}]\x1ebAQID', '4510000-["x"]', '452-["x"]\x1ebAQID',
  ].map((body) => [body, TEXT]);
  const OLD = [
    '', ':', '1', '1:', '1:2', '2:2', '99:42["x"]', '0:', '-1:4', '+1:4', '1e3:4', '18446744073709551615:4',
    '18446744073709551616:4',
    '7:42["é"]', '8:42["é"]', '7:42["😀"]', '8:42["😀"]', '2:é', '1:é', '6:42["x"]6:42["x"', '3:b4A', '2:b4', '1:b',
    '8:b4AQID==',
    '6:42["x"]'.repeat(5_000), ':'.repeat(10_000), '1'.repeat(10_000),
  ].map((body) => [body, TEXT]);
  const OLD_BYTES = [
    [], [0], [1], [0, 255], [1, 255], [2, 1, 255, 52], [0, 1, 255], [1, 1, 255], [0, 1, 255, 52], [1, 1, 255, 4],
    [1, 0, 255], [0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 255],
    [0, 200, 255, 52], [0, 2, 255, 0xc3], [0, 2, 255, 0xc3, 0x28], [0, 1, 255, 0xff], [1, 3, 255, 4, 1, 2],
    [0, 7, 255, ...Buffer.from('42["x"]')],
    [1, 5, 255, 4, 1], [0, 1, 0, 255, ...Buffer.alloc(10, 52)], [0, 6, 5, 5, 3, 6, 255, ...Buffer.alloc(65_000, 52)],
  ].map((body) => [Buffer.from(body), BYTES]);

  for (const [version, bodies] of [[4, NEW], [3, OLD], [3, OLD_BYTES]]) {
    scenario(`protocol ${version}, ${bodies[0][1]['content-type']}: ${bodies.length} of them`, async (stage) => {
      await undisturbed(await stage.cast('bob'), async () => {
        for (const [body, headers] of bodies) {
          const mallory = await Session.open(stage.server.url, version);
          if (version === 4) await mallory.post('40');
          const { status } = await mallory.post(body, headers);
          const said = JSON.stringify(body.toString('latin1')).slice(0, 80);
          assert.ok([200, 400, 413].includes(status), `${status} for ${said}`);
          await mallory.post(version === 4 ? '1' : '1:1');
        }
      });
    });
  }
});

/** Each on a server of its own: where it goes wrong, nothing else works there any more. */
const onItsOwn = (title, scenario, run) => suite(title, { variants: ONE }, (it) => it(scenario, run));

/** Posts to a session of its own, and gets an answer or at least the end of the connection. */
async function answered(stage, version, headers, body) {
  const { query } = await Session.open(stage.server.url, version);
  const mallory = new Bytes('mallory', stage.server.url);
  mallory.write(http([`POST /socket.io/?${query} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...headers]));
  mallory.write(body);
  await mallory.closed('the answer');
}

// The older protocol counts UTF-16 units, of which these characters have two.
for (const text of ['1:😀x', '5:42["😀"]', '2:4😀2:4😀']) {
  onItsOwn('a length that ends inside of a character', `${text} is answered`, async (stage) => {
    const body = Buffer.from(text);
    const headers = ['Content-Type: text/plain;charset=UTF-8', `Content-Length: ${body.length}`];
    await undisturbed(await stage.cast('bob'), () => answered(stage, 3, headers, body));
  });
}

const LONG = 60_000;

for (const [what, version, type, start] of [
  ['protocol 4', 4, 'text/plain', '4'],
  ['protocol 3', 3, 'text/plain', `${LONG}:4`],
  ['protocol 3, a length without an end', 3, 'text/plain', ''],
  ['protocol 3, bytes', 3, 'application/octet-stream', Buffer.from([0, 6, 0, 0, 0, 0, 255, 0x34])],
]) {
  onItsOwn('a long body in chunks of one byte', `${what} is answered`, async (stage) => {
    const bytes = Buffer.concat([Buffer.from(start), Buffer.alloc(LONG, '1')]);
    const chunks = Buffer.concat([...bytes].map((byte) => Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a])));
    const body = Buffer.concat([chunks, Buffer.from('0\r\n\r\n')]);
    const headers = [`Content-Type: ${type}`, 'Transfer-Encoding: chunked'];
    await undisturbed(await stage.cast('bob'), () => answered(stage, version, headers, body));
  });
}
