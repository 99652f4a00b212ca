// Requests that two programs would read differently, that never come to an end, or that ask for a place in a
// roundabout way: refused, the connection closed where it cannot be trusted any more, nothing done.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { Bytes, http } from './lib/bytes.mjs';
import { flat, undisturbed } from './lib/bystanders.mjs';
import { ONE } from './lib/clients.mjs';
import { expectProblem } from './lib/expect.mjs';
import { Session } from './lib/session.mjs';
import { suite } from './lib/stage.mjs';

const MIB = 1 << 20;
const HOST = 'Host: 127.0.0.1';
const CLOSE = 'Connection: close';
/** Far more than any message may be. */
const ENDLESS = 64 * MIB;

const CHUNKED = 'Transfer-Encoding: chunked';
const post = (headers, body = '') => http(['POST /api/meetings HTTP/1.1', HOST, ...headers], body);
const creating = (roomId) => JSON.stringify({ roomId, userId: 'mallory' });
const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** Everything that the server says to these bytes, which it then hangs up on. */
async function exchange(stage, bytes, what) {
  const mallory = new Bytes('mallory', stage.server.url);
  mallory.write(bytes);
  await mallory.closed(`the end of ${what}`);
  return mallory;
}

async function refusedEach(stage, statuses, cases) {
  for (const [what, bytes] of Object.entries(cases)) {
    const { statuses: heard } = await exchange(stage, bytes, what);
    assert.equal(heard.length, 1, `${what}: one answer, not ${heard}`);
    assert.ok(statuses.includes(heard[0]), `${what}: ${heard}`);
  }
}

/** Chunk after chunk until the server hangs up, which it does long before all of it is sent. */
async function pourEach(stage, statuses, cases) {
  for (const [what, [head, piece]] of Object.entries(cases)) {
    const mallory = new Bytes('mallory', stage.server.url);
    mallory.write(head);
    let left = ENDLESS;
    await mallory.pour(() => (left -= piece.length) > 0 ? piece : null);
    assert.ok(left > 0, `${what}: all of it was taken`);
    await mallory.closed(`the end of ${what}`);
    // The answer may be lost on a client that is still writing; there is no other.
    assert.deepEqual(mallory.statuses.filter((status) => !statuses.includes(status)), [], what);
  }
}

suite('two requests in one', { variants: ONE }, (scenario) => {
  /** What a second reader might take for a request of its own. */
  const behind = (roomId) => post([`Content-Length: ${creating(roomId).length}`], creating(roomId));
  const AMBIGUOUS = {
    'a length and another length': (rest) => post(['Content-Length: 5', 'Content-Length: 6'], `hello${rest}`),
    'a list of lengths': (rest) => post(['Content-Length: 5, 5'], `hello${rest}`),
    'a length with a sign': (rest) => post(['Content-Length: +5'], `hello${rest}`),
    'a negative length': (rest) => post(['Content-Length: -1'], `hello${rest}`),
    'a length with a space inside': (rest) => post(['Content-Length: 1 0'], `hello${rest}`),
    'a length in hexadecimal': (rest) => post(['Content-Length: 0x5'], `hello${rest}`),
    'a length that wraps round': (rest) => post([`Content-Length: ${2n ** 64n + 5n}`], `hello${rest}`),
    'a space before the colon': (rest) => post(['Transfer-Encoding : chunked'], `0\r\n\r\n${rest}`),
    'a folded line': (rest) => post(['Transfer-Encoding:\r\n chunked'], `0\r\n\r\n${rest}`),
    'another encoding': (rest) => post(['Transfer-Encoding: xchunked'], `0\r\n\r\n${rest}`),
    'chunked and then another': (rest) => post(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${rest}`),
    'chunked with a control character': (rest) => post(['Transfer-Encoding: \u000bchunked'], `0\r\n\r\n${rest}`),
    'chunked in HTTP/1.0': (rest) => (
      http(['POST /api/meetings HTTP/1.0', HOST, CHUNKED], `0\r\n\r\n${rest}`)),
    'a size that is none': (rest) => post([CHUNKED], `zz\r\n\r\n${rest}`),
    'a size with a sign': (rest) => post([CHUNKED], `-1\r\n\r\n${rest}`),
    'a size that wraps round': (rest) => post([CHUNKED], `10000000000000005\r\nhello\r\n0\r\n\r\n${rest}`),
    'a chunk that is longer than it says': (rest) => post([CHUNKED], `3\r\nhello\r\n0\r\n\r\n${rest}`),
    'a header without an end of line': (rest) => (
      `POST /api/meetings HTTP/1.1\r\n${HOST}\rContent-Length: 0\r\n\r\n${rest}`),
  };

  scenario('are one that is refused, and no second', async (stage) => {
    const rooms = [];
    const hidden = () => rooms[rooms.push(stage.room()) - 1];
    await undisturbed(await stage.cast('bob'), () => refusedEach(stage, [400], Object.fromEntries(
      Object.entries(AMBIGUOUS).map(([what, request]) => [what, request(behind(hidden()))]),
    )));
    for (const roomId of rooms) expectProblem(await stage.rest().get(`/api/meetings/${roomId}`), 404);
  });

  for (const [order, headers] of Object.entries({
    'a length, then chunks': (length) => [`Content-Length: ${length}`, CHUNKED],
    'chunks, then a length': (length) => [CHUNKED, `Content-Length: ${length}`],
    'chunks twice and a length': (length) => [CHUNKED, `Content-Length: ${length}`, CHUNKED],
  })) {
    scenario(`${order}: one answer, and the connection is over`, async (stage) => {
      const [outer, hidden] = [stage.room(), stage.room()];
      const body = `${chunk(creating(outer))}0\r\n\r\n${behind(hidden)}`;
      // By its length all of it is one body; by its chunks the hidden request follows.
      for (const length of [body.length, 4]) {
        const { statuses } = await exchange(stage, post(headers(length), body), order);
        assert.equal(statuses.length, 1, `one answer, not ${statuses}`);
        expectProblem(await stage.rest().get(`/api/meetings/${hidden}`), 404);
      }
    });
  }
});

suite('requests that are too large', { variants: ONE }, (scenario) => {
  const line = `X: ${'y'.repeat(1_000)}\r\n`;
  const START = `GET /healthz HTTP/1.1\r\n${HOST}\r\n`;

  scenario('with their head are refused', async (stage) => {
    await refusedEach(stage, [431], {
      'a hundred and one headers': `${START}${'x:y\r\n'.repeat(100)}\r\n`,
      'ten thousand': `${START}${'x:\r\n'.repeat(10_000)}\r\n`,
    });
  });

  scenario('by a head without an end cost no memory', async (stage) => {
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 16 * MIB, () => pourEach(stage, [414, 431], {
      'a header': [`${START}X: `, 'y'.repeat(65_536)],
      'headers': [START, line.repeat(64)],
      'an address': ['GET /', 'x'.repeat(65_536)],
      'a method': ['', 'X'.repeat(65_536)],
    })));
  });

  scenario('by a body without an end cost no memory', async (stage) => {
    const piece = chunk('x'.repeat(16_384));
    const polling = ({ query }, headers) => http([`POST /socket.io/?${query} HTTP/1.1`, HOST, ...headers]);
    const session = await Session.connected(stage.server.url);
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 16 * MIB, async () => {
      await pourEach(stage, [413], {
        'chunks': [post([CHUNKED]), piece],
        'a length': [post([`Content-Length: ${ENDLESS * 2}`]), 'x'.repeat(16_384)],
        'a length of exbibytes': [post([`Content-Length: ${2n ** 63n}`]), 'x'.repeat(16_384)],
        'a poll\'s chunks': [polling(session, [CHUNKED]), piece],
      });
      const after = await Session.connected(stage.server.url);
      await pourEach(stage, [413], {
        'a poll\'s length': [polling(after, [`Content-Length: ${ENDLESS * 2}`]), 'x'.repeat(16_384)],
      });
      await pourEach(stage, [400, 413], {
        'the extension of a chunk': [post([CHUNKED], '1;'), 'x'.repeat(16_384)],
        'the size of a chunk': [post([CHUNKED]), 'f'.repeat(16_384)],
        'trailers': [post([CHUNKED], '0\r\n'), line.repeat(16)],
      });
    }));
  });

  scenario('once they are inflated are not inflated', async (stage) => {
    const bomb = gzipSync(Buffer.alloc(48 * MIB, 'x'));
    assert.ok(bomb.length < 65_536);
    const { query } = await Session.connected(stage.server.url);
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 16 * MIB, async () => {
      for (const path of ['/api/meetings', `/socket.io/?${query}`]) {
        const headers = { 'content-encoding': 'gzip' };
        const response = await fetch(stage.server.url + path, { method: 'POST', body: bomb, headers });
        await response.arrayBuffer();
        assert.ok([400, 415].includes(response.status), `${path}: ${response.status}`);
      }
    }));
  });

  scenario('in number, of somebody who does not read the answers, cost little memory', async (stage) => {
    const long = { description: 'd'.repeat(1_900) };
    const fill = (count) => Promise.all(Array.from({ length: count }, () => stage.meeting('ann', long)));
    await fill(50);
    const request = http(['GET /api/meetings?limit=100 HTTP/1.1', HOST]);
    await undisturbed(await stage.cast('bob'), () => flat(stage.server, 48 * MIB, async () => {
      const readers = Array.from({ length: 100 }, () => new Bytes('mallory', stage.server.url));
      for (const reader of readers) {
        reader.stopReading();
        reader.write(request.repeat(1_000));
      }
      // Somebody who came after all of them is served.
      await fill(10);
      for (const reader of readers) reader.close();
    }));
  });
});

suite('bodies of another kind', { variants: ONE }, (scenario) => {
  const form = 'roomId=form&userId=mallory';
  const KINDS = {
    'application/x-www-form-urlencoded': form,
    'multipart/form-data; boundary=x': `--x\r\nContent-Disposition: form-data; name="roomId"\r\n\r\nform\r\n--x--`,
    'application/xml': '<meeting><roomId>form</roomId></meeting>',
    'application/json; charset=utf-16': Buffer.from(`\ufeff${creating('form')}`, 'utf16le'),
    'application/json': Buffer.concat([Buffer.from(creating('form')), Buffer.from([0])]),
    'application/json; charset=utf-8': Buffer.from(`\ufeff${creating('form')}`),
    'application/x-ndjson': `${creating('form')}\n${creating('form')}`,
    'text/plain': Buffer.from([0x7b, 0x22, 0xff, 0xfe]),
    'application/octet-stream': Buffer.alloc(1_000, 0),
  };

  scenario('make no meeting', async (stage) => {
    for (const [type, body] of Object.entries(KINDS)) {
      const headers = { 'content-type': type };
      const response = await fetch(`${stage.server.url}/api/meetings`, { method: 'POST', body, headers });
      const { status } = response;
      const problem = { status, type: response.headers.get('content-type'), body: await response.json() };
      expectProblem(problem, 400, 'malformed-json');
    }
    expectProblem(await stage.rest().get('/api/meetings/form'), 404);
  });
});

suite('places', { variants: ONE }, (scenario) => {
  const POLL = '?EIO=4&transport=polling';
  const roundabout = (roomId) => [
    `/socket.io/../api/meetings/${roomId}`, `/socket.io/..%2fapi%2fmeetings%2f${roomId}`,
    `/socket.io/%2e%2e/api/meetings/${roomId}`,
    `/healthz/../api/meetings/${roomId}`, `/api/../api/meetings/${roomId}`, `//api/meetings/${roomId}`,
    `/api//meetings/${roomId}`,
    `/api/./meetings/${roomId}`, `/api/meetings/${roomId}/`, `/api/meetings//${roomId}`,
    `/api/meetings/x/../${roomId}`, `/API/meetings/${roomId}`,
    `/api;x=1/meetings/${roomId}`, `/api/meetings;x/${roomId}`, `/api/meetings/${roomId};x`,
    `/api/meetings/${roomId}%00`, `/api/meetings/${roomId}%2f`,
    `/api%2fmeetings%2f${roomId}`, `/api\\meetings\\${roomId}`, `/api/meetings/${roomId}%20`,
    `/api/meetings/%2e%2e%2f${roomId}`,
    `/socket.iox/../api/meetings/${roomId}`, `/api/meetings/${roomId}%zz`, `/api/meetings/${roomId}%ff`,
    `/api/meetings/${roomId}%c0%80`,
  ];
  const NOT_SOCKET = [
    '/socket.iox/', '/socket.io.evil/', '/socket.i', '/socketXio/', '/SOCKET.IO/', '//socket.io/', '/x/socket.io/',
    '/socket.io;x/', '/socket.io%2f', '/socket.io\\',
    '/socket.io%00/', '/./socket.io/', '/socket%2eio%2f', '/api/socket.io/', '/engine.io/',
  ];

  scenario('asked for in a roundabout way are not there', async (stage) => {
    const roomId = await stage.meeting('ann');
    const before = (await stage.rest().get(`/api/meetings/${roomId}`)).body;
    for (const path of roundabout(roomId)) {
      for (const method of ['GET', 'DELETE', 'PATCH']) {
        const what = `${method} ${path}`;
        const bytes = http([`${what} HTTP/1.1`, HOST, CLOSE, 'Content-Length: 0']);
        await refusedEach(stage, [400, 404, 405], { [what]: bytes });
      }
    }
    assert.deepEqual((await stage.rest().get(`/api/meetings/${roomId}`)).body, before);
  });

  scenario('beside the one of Socket.IO open no session', async (stage) => {
    for (const path of NOT_SOCKET) {
      const { statuses, heard } = await exchange(stage, http([`GET ${path}${POLL} HTTP/1.1`, HOST, CLOSE]), path);
      assert.deepEqual(statuses, [404], path);
      assert.doesNotMatch(heard, /"sid"/, path);
      const webSocket = Bytes.webSocket('mallory', stage.server.url, { path: `${path}?EIO=4&transport=websocket` });
      await assert.rejects(webSocket, /HTTP\/1\.1 404 /, path);
    }
  });

  scenario('of other servers are not fetched', async (stage) => {
    const roomId = await stage.meeting('ann');
    const absolute = http([`GET http://evil.example/api/meetings/${roomId} HTTP/1.1`, HOST, CLOSE]);
    const own = await exchange(stage, absolute, 'the absolute form');
    assert.deepEqual(own.statuses, [200]);
    // The host in the address means nothing: it is answered from here.
    assert.match(own.heard, new RegExp(`"id":"${roomId}"`));
    await refusedEach(stage, [400, 403, 404, 405], {
      'another one\'s page': http([
        'GET http://evil.example/healthz HTTP/1.1', 'Host: evil.example', 'Origin: http://evil.example', CLOSE,
      ]),
      'a tunnel': http(['CONNECT 127.0.0.1:22 HTTP/1.1', HOST, CLOSE]),
      'a file': http(['GET file:///etc/passwd HTTP/1.1', HOST, CLOSE]),
      'the path of a file': http(['GET /etc/passwd HTTP/1.1', HOST, CLOSE]),
    });
  });
});

suite('methods', { variants: ONE }, (scenario) => {
  const OVERRIDES = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-Original-Method'];

  scenario('are what they are, whatever another header says', async (stage) => {
    const roomId = await stage.meeting('ann');
    const path = `/api/meetings/${roomId}`;
    for (const name of OVERRIDES) {
      const { statuses } = await exchange(stage, http([`GET ${path} HTTP/1.1`, HOST, CLOSE, `${name}: DELETE`]), name);
      assert.deepEqual(statuses, [200], name);
    }
    await refusedEach(stage, [405], {
      ...Object.fromEntries(OVERRIDES.map((name) => (
        [name, http([`POST ${path} HTTP/1.1`, HOST, CLOSE, `${name}: DELETE`, 'Content-Length: 0'])]))),
      'in the query': http([`POST ${path}?_method=DELETE HTTP/1.1`, HOST, CLOSE, 'Content-Length: 0']),
      'in a form': http([`POST ${path} HTTP/1.1`, HOST, CLOSE, 'Content-Length: 14'], '_method=DELETE'),
      'in lower case': http([`delete ${path} HTTP/1.1`, HOST, CLOSE]),
    });
    for (const name of ['X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Path']) {
      const { heard } = await exchange(stage, http(['GET /healthz HTTP/1.1', HOST, CLOSE, `${name}: ${path}`]), name);
      assert.ok(heard.endsWith('ok'), name);
    }
    assert.equal((await stage.rest().get(path)).body.status, 'open');
  });

  scenario('that nobody needs are refused, and nothing is echoed', async (stage) => {
    for (const method of ['TRACE', 'TRACK', 'DEBUG', 'PROPFIND', 'MOVE', 'PURGE', 'LINK', 'x', 'G-E.T']) {
      const bytes = http([`${method} /healthz HTTP/1.1`, HOST, CLOSE, 'Cookie: secret=1']);
      const { statuses, heard } = await exchange(stage, bytes, method);
      assert.deepEqual(statuses, [405], method);
      assert.doesNotMatch(heard, /secret/);
    }
  });
});

suite('bytes that are no request', { variants: ONE }, (scenario) => {
  const CONTROLS = {
    'NUL in the path': `GET /heal\0thz HTTP/1.1\r\n${HOST}\r\n\r\n`,
    'NUL in a value': `GET /healthz HTTP/1.1\r\n${HOST}\r\nX: a\0b\r\n\r\n`,
    'NUL in a name': `GET /healthz HTTP/1.1\r\n${HOST}\r\nX\0: a\r\n\r\n`,
    'NUL in the method': `GE\0T /healthz HTTP/1.1\r\n${HOST}\r\n\r\n`,
    'a carriage return in a value': `GET /healthz HTTP/1.1\r\n${HOST}\r\nX: a\rb\r\n\r\n`,
    'a space in the path': `GET /heal thz HTTP/1.1\r\n${HOST}\r\n\r\n`,
    'a name with a space': `GET /healthz HTTP/1.1\r\n${HOST}\r\nX Y: a\r\n\r\n`,
    'a line without a colon': `GET /healthz HTTP/1.1\r\n${HOST}\r\nX\r\n\r\n`,
    'a line without a name': `GET /healthz HTTP/1.1\r\n${HOST}\r\n: x\r\n\r\n`,
    'a version that there is not': `GET /healthz HTTP/9.9\r\n${HOST}\r\n\r\n`,
    'no version': 'GET /healthz\r\n\r\n',
    'TLS': Buffer.from('16030102000100', 'hex'),
  };
  const OTHERS = {
    'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'Redis': '*1\r\n$8\r\nFLUSHALL\r\n',
    'SSH': 'SSH-2.0-OpenSSH_9.6\r\n',
    'a WebSocket frame': Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]),
    'bytes': Buffer.from(Array.from({ length: 256 }, (_, i) => 255 - i)),
  };

  scenario('are refused', async (stage) => {
    await undisturbed(await stage.cast('bob'), async () => {
      await refusedEach(stage, [400], CONTROLS);
      for (const [what, bytes] of Object.entries(OTHERS)) {
        const { statuses } = await exchange(stage, bytes, what);
        assert.deepEqual(statuses.filter((status) => status !== 400), [], what);
      }
    });
  });
});
