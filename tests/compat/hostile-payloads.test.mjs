// Payloads that are well-formed and mean harm: names and keys that some program would stumble over, claims
// about who one is, ids that would reach into a place where they do not belong.
import assert from 'node:assert/strict';
import { undisturbed } from './lib/bystanders.mjs';
import { ONE } from './lib/clients.mjs';
import { expectLeft, expectParticipant, expectProblem, expectSomeRefusal, expectUpdate, ids } from './lib/expect.mjs';
import { suite } from './lib/stage.mjs';
import { SECRET, token } from './lib/token.mjs';

const isEnd = ({ event, local }) => local && event === 'disconnect';
const PARTICIPANT_KEYS = ['id', 'imageUrl', 'isAudioMuted', 'isCoHost', 'isHost', 'isVideoPaused', 'name', 'rev'];
const nested = (depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

const ODD = [
  '"quoted" \\ and/slashed\\u0041', '</script><img src=x onerror=alert(1)>', '\'; DROP TABLE meetings; --',
  '${7*7} {{7*7}} %s%n %00',
  '\u00e9', 'e\u0301', '\u212b', 'ﬁ', '👩‍🚀👨‍👩‍👧‍👦', '\u{10ffff}', '\ufffe\uffff', `Z${'\u0300'.repeat(100)}`,
  '😀'.repeat(128), 'ﷺ'.repeat(128),
  ' on both sides ', '\u00a0', '\ufeff', 'null', '[object Object]', '__proto__', 'שלום', '=cmd()',
];
const CONTROL = [
  '\u0000', '\u0007', '\u001b[31m', '\r\n', '\n', '\t', '\u007f', '\u0085', '\u009f', '\u2028', '\u2029', '\u202a',
  '\u202b', '\u202c', '\u202d',
  '\u202e', '\u2066', '\u2067', '\u2068', '\u2069', '\u200e', '\u200f', '\u061c',
];
const DECEIVING = [...CONTROL.map((odd) => `a${odd}b`), '\ud800', 'a\udfff', '😀'.repeat(129), 'ﷺ'.repeat(20_000)];

suite('names that some program would stumble over', { variants: ONE }, (scenario) => {
  scenario('are told to everybody as they were given', async (stage) => {
    const { roomId, ann } = await stage.cast();
    for (const [i, userName] of ODD.entries()) {
      const id = `odd-${i}`;
      const raw = await stage.raw(id);
      const reply = await raw.ack('join-room', { roomId, userId: id, userName, userImageUrl: userName });
      const told = await ann.next('participant-joined');
      for (const person of [told, reply.participant]) {
        expectParticipant(person, { id, name: userName, imageUrl: userName });
      }
    }
    const state = await ann.ok('room-state');
    const { body } = await stage.rest().get(`/api/meetings/${roomId}/participants`);
    for (const people of [state.participants, body.participants]) {
      assert.deepEqual(people.slice(1).map(({ name }) => name), ODD);
    }
  });

  scenario('are stored as they were given', async (stage) => {
    for (const text of ODD) {
      const roomId = await stage.meeting('ann', { userName: text, description: text });
      const { body } = await stage.rest().get(`/api/meetings/${roomId}`);
      assert.deepEqual([body.creatorName, body.description], [text, text]);
    }
  });

  scenario('are refused where they would deceive', async (stage) => {
    const people = await stage.cast('bob');
    const { roomId } = people;
    const mallory = await stage.raw('mallory');
    await undisturbed(people, async () => {
      const cases = [
        ...DECEIVING.map((text) => ({ userName: text })),
        ...CONTROL.map((odd) => ({ userImageUrl: `https://a/${odd}` })),
      ];
      for (const fields of cases) {
        const reply = await mallory.ack('join-room', { roomId, userId: 'mallory', ...fields });
        assert.equal(reply.error?.code, 'invalid-payload', JSON.stringify(fields).slice(0, 80));
      }
    });
  });

  scenario('are refused over REST, too', async (stage) => {
    const taken = await stage.meeting('ann', { description: 'before' });
    const rest = stage.rest();
    for (const text of DECEIVING) {
      const roomId = stage.room();
      expectProblem(await rest.post('/api/meetings', { roomId, userId: 'ann', userName: text }), [400, 422]);
      // A description may be longer than a name.
      if (text.length > 128 && text.length < 2_000) continue;
      expectProblem(await rest.patch(`/api/meetings/${taken}`, { description: text, userId: 'ann' }), [400, 422]);
      expectProblem(await rest.get(`/api/meetings/${roomId}`), 404);
    }
    assert.equal((await rest.get(`/api/meetings/${taken}`)).body.description, 'before');
  });
});

suite('keys', { variants: ONE }, (scenario) => {
  const POLLUTED = [
    '"__proto__":{"isHost":true,"polluted":1}', '"constructor":{"prototype":{"isHost":true}}', '"prototype":{}',
    '"toString":"x"',
  ].join();

  scenario('that are JavaScript\'s own are not passed on', async (stage) => {
    const { roomId, ann } = await stage.cast();
    const mallory = await stage.raw('mallory');
    const join = `{"roomId":"${roomId}","userId":"mallory","userName":"M",${POLLUTED}}`;
    assert.equal((await mallory.ackText('join-room', join))[0].ok, true);
    const joined = await ann.next('participant-joined');
    assert.deepEqual(Object.keys(joined).sort(), PARTICIPANT_KEYS);
    assert.equal(joined.isHost, false);
    await mallory.ackText('update-my-state', `{"roomId":"${roomId}","isHandRaised":true,${POLLUTED}}`);
    const updated = await ann.next('participant-updated');
    assert.deepEqual(Object.keys(updated).sort(), ['participantId', 'rev', 'updates']);
    expectUpdate(updated, 'mallory', { isHandRaised: true });
  });

  scenario('nor stored', async (stage) => {
    const rest = stage.rest();
    const roomId = stage.room();
    const plain = (await rest.get(`/api/meetings/${await stage.meeting('ann')}`)).body;
    const created = await rest.postText('/api/meetings', `{"roomId":"${roomId}","userId":"ann",${POLLUTED}}`);
    assert.equal(created.status, 201, JSON.stringify(created.body));
    const stored = (await rest.get(`/api/meetings/${roomId}`)).body;
    assert.deepEqual(Object.keys(stored).sort(), Object.keys(plain).sort());
    assert.deepEqual(stored.settings, plain.settings);
    expectProblem(await rest.postText('/api/meetings', `{"roomId":"x","userId":"ann","settings":{${POLLUTED}}}`), 422);
  });

  scenario('are needed: a list is not read as their values in some order', async (stage) => {
    const rest = stage.rest();
    const roomId = await stage.meeting('ann');
    for (const text of [
      '["listed","ann"]', '["listed","ann",null,null,null,null]', '{"roomId":"listed","userId":"ann","settings":[]}',
    ]) {
      expectProblem(await rest.postText('/api/meetings', text), [400, 422]);
    }
    for (const body of [[], ['mine'], ['mine', null, null, null, null]]) {
      expectProblem(await rest.patch(`/api/meetings/${roomId}`, body), [400, 422]);
    }
    expectProblem(await rest.get('/api/meetings/listed'), 404);
  });

  scenario('that come twice are refused, however they are spelled', async (stage) => {
    const people = await stage.cast('bob');
    const { roomId } = people;
    const mallory = await stage.raw('mallory');
    const twice = {
      'join-room': [
        `{"roomId":"${roomId}","roomId":"other","userId":"mallory"}`,
        `{"roomId":"${roomId}","userId":"mallory","userId":"ann"}`,
        `{"roomId":"${roomId}","userId":"mallory","user\\u0049d":"ann"}`,
        `{"roomId":"${roomId}","userId":"mallory","userName":"M","userName":"M"}`,
        `{"roomId":"${roomId}","userId":"mallory","isAudioMuted":true,"isAudioMuted":false}`,
      ],
      'make-host': [`{"roomId":"${roomId}","participantId":"bob","participantId":"mallory"}`],
      'update-my-state': [`{"roomId":"${roomId}","isHandRaised":true,"isHandRaised":false}`],
      'room-state': [`{"roomId":"nowhere","room\\u0049d":"${roomId}"}`],
      'end-meeting': [`{"roomId":"nowhere","roomId":"${roomId}"}`],
      'leave-room': [`{"roomId":"nowhere","roomId":"${roomId}"}`],
    };
    await undisturbed(people, async () => {
      for (const [event, texts] of Object.entries(twice)) {
        for (const text of texts) {
          assert.equal((await mallory.ackText(event, text))[0].error?.code, 'invalid-payload', text);
        }
      }
      for (const text of [
        '{"roomId":"twice","roomId":"twice","userId":"ann"}', '{"roomId":"twice","id":"other","userId":"ann"}',
        '{"roomId":"twice","userId":"ann","userId":"bob"}',
        '{"roomId":"twice","userId":"ann","settings":{"devices":"multiple","devices":"multiple"}}',
      ]) {
        expectProblem(await stage.rest().postText('/api/meetings', text), [400, 422]);
      }
      expectProblem(await stage.rest().get('/api/meetings/twice'), 404);
    });
  });
});

suite('numbers', { variants: ONE }, (scenario) => {
  const TOO_LARGE = ['1e400', '-1e400', '1e99999', '9'.repeat(400), `0.${'0'.repeat(400)}1`, '-0', '1E+2'];
  const NONE = ['NaN', 'Infinity', '-Infinity', 'undefined', '0x10', '01', '+1', '1.', '.5', '-', '1e', '1_000', '1n'];

  scenario('that are none are refused or end the connection', async (stage) => {
    const people = await stage.cast('bob');
    await undisturbed(people, async () => {
      const mallory = await stage.raw('mallory');
      for (const number of TOO_LARGE) {
        const text = `{"roomId":"numbers","isHandRaised":${number}}`;
        assert.equal((await mallory.ackText('update-my-state', text))[0].error?.code, 'invalid-payload', number);
        expectSomeRefusal((await mallory.ackText('join-room', `{"roomId":${number},"userId":"m"}`))[0], number);
      }
      await Promise.all(NONE.map(async (number) => {
        const trudy = await stage.raw('trudy');
        trudy.send(`427["join-room",{"roomId":"${people.roomId}","userId":"trudy","x":${number}}]`);
        await trudy.log.next(isEnd, `the end after ${number}`);
      }));
    });
  });

  scenario('make no meeting', async (stage) => {
    const rest = stage.rest();
    const fields = (number) => [
      `"startsAt":${number}`, `"settings":{"maxParticipants":${number}}`, `"settings":{"leaveAfterLostMs":${number}}`,
      `"description":${number}`,
    ];
    for (const number of [...TOO_LARGE, ...NONE, '-1', '1.5', '18446744073709551616', '253402300800000']) {
      for (const field of fields(number)) {
        // Times go further than the other numbers, and people.
        if (field.startsWith('"settings"') && number === '253402300800000') continue;
        expectProblem(await rest.postText('/api/meetings', `{"roomId":"numbers","userId":"ann",${field}}`), [400, 422]);
      }
    }
    expectProblem(await rest.get('/api/meetings/numbers'), 404);
    for (const limit of ['-1', '1e400', 'NaN', '1.5', '99999999999999999999', '%00', '']) {
      expectProblem(await rest.get(`/api/meetings?limit=${limit}`), 422, 'invalid-payload');
    }
  });

  scenario('of levels: deep JSON is refused', async (stage) => {
    const rest = stage.rest();
    for (const field of ['startsAt', 'settings', 'description', 'roomId', 'userName']) {
      expectProblem(await rest.postText('/api/meetings', `{"userId":"ann","${field}":${nested(30_000)}}`), [400, 422]);
    }
    expectProblem(await rest.postText('/api/meetings', nested(30_000)), [400, 422]);
    expectProblem(await rest.postText('/api/meetings', '['.repeat(60_000)), [400, 422]);
    expectProblem(await rest.postText('/api/meetings', '{"a":'.repeat(12_000)), [400, 422]);
  });
});

/** Everything that somebody might say about themselves. */
const CLAIMS = {
  uid: 'ann', sub: 'ann', actor: 'ann', by: 'ann', from: 'ann', createdBy: 'ann', role: 'host', roles: ['host'],
  isHost: true, isCoHost: true,
  isCreator: true, isAdmin: true, tenant: 'other', connection: 1, connectionId: 1, socketId: 'x', sid: 'x', node: 1,
  rev: 1_000_000,
  epoch: 'ffffffffffffffff', commit: 1, room: 'other',
};

suite('claims in payloads, with a key', { variants: ONE, settings: { AUTH__HS256_SECRET: SECRET } }, (scenario) => {
  async function meeting(stage) {
    const roomId = stage.room();
    const { status } = await stage.rest(token('ann')).post('/api/meetings', { roomId });
    assert.equal(status, 201);
    const people = { roomId };
    for (const id of ['ann', 'bob', 'cy']) {
      people[id] = await stage.joined(id, roomId, { token: token(id, CLAIMS_IN_TOKEN) });
    }
    for (const id of ['ann', 'bob']) {
      await people[id].until(() => people[id].view().length === 3, 'everybody');
      people[id].log.readAll();
    }
    return people;
  }

  /** What a token says besides who it is. */
  const CLAIMS_IN_TOKEN = {
    role: 'host', roles: ['admin'], isHost: true, isCoHost: true, admin: true, userId: 'ann', uid: 'ann', rooms: ['*'],
  };

  scenario('make nobody a host', async (stage) => {
    const { roomId, ann, bob } = await meeting(stage);
    assert.deepEqual(ann.view().map(({ id, isHost, isCoHost }) => [id, isHost, isCoHost]), [
      ['ann', true, false], ['bob', false, false], ['cy', false, false],
    ]);
    await bob.refused('join-room', { roomId, ...CLAIMS, userId: 'ann' }, 'unauthorized');
    assert.equal((await bob.ack('join-room', { roomId, ...CLAIMS })).participant.isHost, false);
    for (const event of ['make-host', 'make-cohost', 'remove-host', 'remove-cohost']) {
      await bob.refused(event, { ...CLAIMS, userId: 'ann', participantId: 'cy' }, 'not-host');
    }
    await bob.refused('end-meeting', { ...CLAIMS, userId: 'ann' }, 'not-host');
    for (const event of ['participant-updated', 'participant-joined', 'meeting-ended']) await ann.noMore(event);
  });

  scenario('make one speak for nobody else', async (stage) => {
    const { ann, bob, cy } = await meeting(stage);
    await bob.ok('update-my-state', { ...CLAIMS, userId: 'ann', participantId: 'cy', isHandRaised: true });
    expectUpdate(await ann.next('participant-updated'), 'bob', { isHandRaised: true });
    await bob.ok('leave-room', { ...CLAIMS, userId: 'cy', participantId: 'cy' });
    expectLeft(await ann.next('participant-left'), 'bob', 'left');
    for (const event of ['participant-updated', 'participant-left']) await ann.noMore(event);
    assert.deepEqual(ids(ann.view()), ['ann', 'cy']);
    assert.ok(cy.connected);
  });

  scenario('do not move the history', async (stage) => {
    const { ann, bob } = await meeting(stage);
    const { rev, room } = await ann.ok('room-state');
    const acked = await bob.ok('update-my-state', { ...CLAIMS, isHandRaised: true });
    const heard = await ann.next('participant-updated');
    assert.deepEqual([acked.rev, heard.rev], [rev + 1, rev + 1]);
    assert.equal((await ann.ok('room-state')).room.epoch, room.epoch);
  });

  scenario('on the address of the socket are not read', async (stage) => {
    const { roomId, ann } = await meeting(stage);
    const query = { userId: 'ann', uid: 'ann', role: 'host', tenant: 'other', roomId };
    const dee = await stage.joined('dee', roomId, { token: token('dee'), query });
    expectParticipant(await ann.next('participant-joined'), { id: 'dee', isHost: false });
    await dee.refused('make-host', { participantId: 'bob' }, 'not-host');
    await assert.rejects(stage.user('dee', { query: { ...query, sub: 'ann' } }), { refused: true });
  });

  scenario('to be the server are not heard by anybody', async (stage) => {
    const { roomId, ann, bob } = await meeting(stage);
    const before = ann.log.entries.length;
    for (const event of [
      'existing-participants', 'participant-joined', 'participant-left', 'participant-updated', 'host-granted',
      'host-revoked', 'cohost-granted',
      'cohost-revoked', 'host-vacant', 'host-changed', 'meeting-ended', 'session-replaced', 'usher:switch', 'message',
      'kicked-from-room',
    ]) {
      const reply = await bob.ack(event, { roomId, participantId: 'ann', updates: { isHost: false }, ...CLAIMS });
      assert.equal(reply.error?.code, 'unknown-event', event);
    }
    await ann.settle();
    assert.deepEqual(ann.log.entries.slice(before).filter(({ answers }) => answers === undefined), []);
  });

  scenario('over REST move no meeting', async (stage) => {
    const { roomId } = await meeting(stage);
    const bob = stage.rest(token('bob', CLAIMS_IN_TOKEN));
    const before = (await bob.get(`/api/meetings/${roomId}`)).body;
    const then = '2020-01-01T00:00:00Z';
    const claims = { ...CLAIMS, creatorId: 'ann', status: 'ended', endedAt: then, createdAt: then, success: false };
    const own = await bob.post('/api/meetings', { roomId: stage.room(), ...claims });
    assert.equal(own.status, 201, JSON.stringify(own.body));
    const { createdBy, status, endedAt, success } = own.body;
    assert.deepEqual([createdBy, status, endedAt, success], ['bob', 'open', null, true]);
    assert.notEqual(own.body.createdAt.slice(0, 4), '2020');
    for (const userId of ['ann', 'bob']) {
      expectProblem(await bob.patch(`/api/meetings/${roomId}`, { description: 'mine', userId }), [401, 403]);
      expectProblem(await bob.patch(`/api/meetings/${roomId}`, { createdBy: 'bob', userId }), [401, 403]);
      expectProblem(await bob.delete(`/api/meetings/${roomId}?userId=${userId}`), [401, 403]);
      expectProblem(await bob.post(`/api/meetings/${roomId}/end?userId=${userId}`, {}), [401, 403]);
      expectProblem(await bob.get(`/api/meetings/${roomId}/audit?userId=${userId}`), [401, 403]);
    }
    expectProblem(await bob.get('/api/meetings?createdBy=ann'), [401, 403]);
    assert.deepEqual((await bob.get(`/api/meetings/${roomId}`)).body, before);
  });
});

suite('ids', { variants: ONE }, (scenario) => {
  const BAD = [
    '*', '?', '#', '$', '{}', '{a}', 'a{b}c', '[a]', 'a,b', 'a;b', 'a+b', 'a b', 'a\nb', 'a\r\nFLUSHALL\r\n',
    'a\u0000b', '../a', 'a/../b', '/a', 'a\\b',
    '%', '%00', 'a%2fb', '<a>', '\'', '"', '`', '!', '~', '^', '&', '=', '+', '(', 'ａ', 'а', 'a\u0301', '\u202ea',
    'x'.repeat(129), 'x'.repeat(10_240),
  ];
  /** Within the grammar, and each of them a room of its own. */
  const GOOD = [
    '.', '..', '...', ':', '::', '@', '-', '--', '_', 'a', 'A', 'a:b', 'a:', ':a', 'a.b', 'a:meta', 'a:people', 'meta',
    'rooms', 'default', 'default:a',
    'usher', 'usher:a', '__proto__', 'constructor', '0', '-1', '1e3', 'null', 'true', 'undefined', 'x'.repeat(127),
    'x'.repeat(128),
  ];

  scenario('outside of the grammar name no room and no person', async (stage) => {
    const people = await stage.cast('bob');
    const mallory = await stage.raw('mallory');
    await undisturbed(people, async () => {
      for (const bad of BAD) {
        for (const payload of [{ roomId: bad, userId: 'mallory' }, { roomId: people.roomId, userId: bad }]) {
          assert.equal((await mallory.ack('join-room', payload)).error?.code, 'invalid-payload', bad.slice(0, 40));
        }
      }
    });
  });

  scenario('outside of the grammar are none over REST', async (stage) => {
    const rest = stage.rest();
    for (const bad of BAD) {
      for (const fields of [{ roomId: bad }, { id: bad }, { roomId: stage.room(), userId: bad }]) {
        expectProblem(await rest.post('/api/meetings', { userId: 'ann', ...fields }), 422);
      }
      expectProblem(await rest.get(`/api/meetings?createdBy=${encodeURIComponent(bad)}`), 422);
      for (const path of ['', '/participants', '/audit']) {
        expectProblem(await rest.get(`/api/meetings/${encodeURIComponent(bad)}${path}`), 404, 'meeting-not-found');
      }
    }
  });

  scenario('that look like places are rooms like any other', async (stage) => {
    const members = await Promise.all(GOOD.map(async (roomId, i) => {
      const raw = await stage.raw(`member-${i}`);
      const reply = await raw.ack('join-room', { roomId, userId: raw.id, userName: roomId });
      assert.deepEqual([reply.ok, reply.room?.id], [true, roomId], roomId);
      return raw;
    }));
    await Promise.all(GOOD.map((roomId, i) => members[i].ack('update-my-state', { roomId, isHandRaised: true })));
    for (const [i, roomId] of GOOD.entries()) {
      const { participants } = await members[i].ack('room-state', { roomId });
      assert.deepEqual(participants.map(({ id, isHandRaised }) => [id, isHandRaised]), [[`member-${i}`, true]], roomId);
      const heard = members[i].log.entries.filter(({ event }) => event.startsWith('participant-'));
      assert.deepEqual(heard.map(({ args }) => args[0].participantId), [`member-${i}`], roomId);
    }
  });

  scenario('where a list goes on are nothing but that', async (stage) => {
    const rest = stage.rest();
    for (const after of ['\'', '%00', '..', '1;drop', '*', '%F0%9F%98%80', 'x'.repeat(5_000), '-1', '9'.repeat(30)]) {
      const { status, body } = await rest.get(`/api/meetings?after=${after}`);
      assert.ok(status === 200 || status === 422, `${status} for ${after.slice(0, 40)}`);
      if (status === 200) assert.deepEqual(Object.keys(body).sort(), ['items', 'next']);
    }
  });
});
