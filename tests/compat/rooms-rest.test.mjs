// Running a meeting over REST: who may, who may not, and what is no request at all.
import assert from 'node:assert/strict';
import { api } from './lib/api.mjs';
import { expectProblem, ids } from './lib/expect.mjs';
import { heardBy } from './lib/hearing.mjs';
import {
  ADMINISTRATOR, CALLERS, COHOST, CREATOR, HOST, WRITER, comes, expectDone, hosted, knocks, service, settings,
} from './lib/hosted.mjs';
import { appoint, onOneAndThree } from './lib/spread.mjs';
import { token } from './lib/token.mjs';

const HOSTS = [HOST, CREATOR, WRITER, ADMINISTRATOR];
const MODERATORS = [COHOST, ...HOSTS];
const READERS = [COHOST, HOST, CREATOR, ADMINISTRATOR];
const NOT_ALLOWED = ['forbidden', 'not-moderator', 'not-host'];

const anybody = async () => ({ id: 'zoe' });

/** What one can do: who may, to whom it is done, and the request. */
const ACTIONS = {
  'see who waits': [READERS, anybody, () => ['GET', 'lobby']],
  'see who is banned': [READERS, anybody, () => ['GET', 'bans']],
  'admit somebody': [MODERATORS, knocks, (participantId) => ['POST', 'admit', { participantId }]],
  'admit everybody': [MODERATORS, knocks, () => ['POST', 'admit', { all: true }]],
  'deny somebody': [MODERATORS, knocks, (participantId) => ['POST', 'deny', { participantId }]],
  'mute somebody': [MODERATORS, comes, (participantId) => ['POST', 'mute', { participantId, kind: 'audio' }]],
  'mute everybody': [MODERATORS, comes, () => ['POST', 'mute', { all: true, kind: 'video' }]],
  'remove somebody': [MODERATORS, comes, (participantId) => ['POST', 'remove', { participantId }]],
  'remove and ban somebody': [MODERATORS, comes, (participantId) => ['POST', 'remove', { participantId, ban: true }]],
  'ban somebody': [MODERATORS, anybody, (id) => ['PUT', `bans/${id}`]],
  'unban somebody': [MODERATORS, anybody, (id) => ['DELETE', `bans/${id}`]],
  'lock it': [HOSTS, anybody, () => ['POST', 'lock', { locked: true }]],
  'make somebody host': [HOSTS, comes, (id) => ['PUT', `roles/${id}/host`]],
  'make somebody co-host': [HOSTS, anybody, (id) => ['PUT', `roles/${id}/co-host`]],
  'take a role from somebody': [HOSTS, anybody, (id) => ['DELETE', `roles/${id}/co-host`]],
};

/** Nobody in the room hears anything of it. */
async function unnoticed(room, happen) {
  // Whatever came before has reached every node once this has.
  const isHandRaised = (room.raised = !room.raised);
  await room.ann.ok('update-my-state', { isHandRaised });
  for (const user of room.everyone) {
    await user.next('participant-updated', ({ updates }) => updates.isHandRaised === isHandRaised);
  }
  assert.deepEqual(await heardBy(room.everyone, happen), []);
}

onOneAndThree('who may run a meeting over REST', { settings }, (scenario) => {
  for (const [what, [allowed, whom, request]] of Object.entries(ACTIONS)) {
    const refused = Object.keys(CALLERS).filter((who) => !allowed.includes(who));
    scenario(`${what}: not ${refused.join(', ')}`, async (stage, nodes) => {
      const room = await hosted(stage, nodes);
      const { id } = await whom(room);
      await unnoticed(room, async () => {
        for (const who of refused) {
          const reply = await room.as(CALLERS[who])(...request(id));
          assert.equal(reply.status, 403, `${who} may ${what}`);
          expectProblem(reply, 403, NOT_ALLOWED);
        }
      });
    });

    scenario(`${what}: ${allowed.join(', ')}`, async (stage, nodes) => {
      const room = await hosted(stage, nodes);
      for (const who of allowed) {
        const { id } = await whom(room);
        const [method, ...rest] = request(id);
        const reply = await room.as(CALLERS[who])(method, ...rest);
        if (method === 'GET') assert.equal(reply.status, 200, `${who}: ${JSON.stringify(reply.body)}`);
        else expectDone(reply, who);
      }
    });
  }

  scenario('nobody without a token', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    await unnoticed(room, async () => {
      for (const [, , request] of Object.values(ACTIONS)) {
        expectProblem(await room.as(undefined)(...request('gus')), 401, 'unauthorized');
      }
    });
  });

  scenario('in another tenant a meeting is as unknown as one that is not there', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    await unnoticed(room, async () => {
      for (const bearer of [service('meetings:admin', { tenant: 'acme' }), token('ann', { tenant: 'acme' })]) {
        for (const [what, [, , request]] of Object.entries(ACTIONS)) {
          const [method, route, body] = request('gus');
          const other = await room.as(bearer)(method, route, body);
          const unknown = await api(nodes.at(2).url, bearer)(method, `meetings/${stage.room()}/${route}`, body);
          assert.deepEqual(other, unknown, what);
          expectProblem(other, 404, 'meeting-not-found');
        }
      }
    });
  });
});

onOneAndThree('ranks over REST', { settings }, (scenario) => {
  const CASES = [
    ['cora', 'cora', 409, 'cannot-target-self'],
    ['ann', 'ann', [403, 409], ['cannot-target-self', 'protected-creator']],
    ['cora', 'ann', 403, 'protected-creator'], ['hal', 'ann', 403, 'protected-creator'],
    ['cora', 'cleo', 403, 'not-host'], ['cora', 'hugo', 403, 'not-host'], ['hal', 'hugo', 403, 'forbidden'],
  ];

  scenario('nobody removes or bans anybody of their own rank or above, nor themselves', async (stage, nodes) => {
    const room = await hosted(stage, nodes, 'cleo', 'hugo');
    await appoint(room.ann, 'cohost', room.cleo);
    await appoint(room.ann, 'host', room.hugo);
    await unnoticed(room, async () => {
      for (const [actor, participantId, status, code] of CASES) {
        const ask = room.as(token(actor));
        for (const ban of [false, true]) {
          expectProblem(await ask('POST', 'remove', { participantId, ban }), status, code);
        }
        expectProblem(await ask('PUT', `bans/${participantId}`), status, code);
      }
    });
  });

  scenario('who is away is away for REST, too', async (stage, nodes) => {
    const { as } = await hosted(stage, nodes);
    const cora = as(CALLERS[COHOST]);
    for (const [route, more] of [['remove', {}], ['mute', { kind: 'audio' }], ['admit', {}], ['deny', {}]]) {
      expectProblem(await cora('POST', route, { participantId: 'zoe', ...more }), 404, 'participant-not-found');
    }
  });

  scenario('nobody takes the creator\'s role, or gives one to themselves', async (stage, nodes) => {
    const { as } = await hosted(stage, nodes);
    for (const who of [HOST, WRITER]) {
      expectProblem(await as(CALLERS[who])('DELETE', 'roles/ann/host'), 403, 'protected-creator');
    }
    for (const who of [CREATOR, HOST]) {
      const id = who === CREATOR ? 'ann' : 'hal';
      expectProblem(await as(CALLERS[who])('PUT', `roles/${id}/co-host`), 409, 'cannot-target-self');
    }
  });
});

onOneAndThree('what is no request', { settings }, (scenario) => {
  const NOT_BODIES = ['', '{', '[]', 'null', '"gus"', '5', {}];
  const NOT_IDS = [5, null, '', 'a b', 'a/b', 'x'.repeat(129), ['gus'], {}];
  const named = (more) => NOT_IDS.map((participantId) => ({ participantId, ...more }));
  const BODIES = {
    admit: [...named(), { all: false }, { all: 'yes' }, { all: 1 }],
    deny: [...named(), { all: true }],
    remove: [...named(), ...['yes', 1, {}].map((ban) => ({ participantId: 'gus', ban }))],
    mute: [
      ...named({ kind: 'audio' }), { kind: 'audio' }, { participantId: 'gus' }, { all: true },
      { all: 'yes', kind: 'audio' },
      ...['', 'nose', 'AUDIO', 5, null, {}].map((kind) => ({ participantId: 'gus', kind })),
    ],
    lock: [null, 'yes', 1, {}].map((locked) => ({ locked })),
  };

  scenario('is refused, and nobody notices', async (stage, nodes) => {
    const room = await hosted(stage, nodes);
    await unnoticed(room, async () => {
      for (const who of [CREATOR, WRITER]) {
        for (const [route, bodies] of Object.entries(BODIES)) {
          for (const body of [...NOT_BODIES, ...bodies]) {
            const reply = await room.as(CALLERS[who])('POST', route, body);
            assert.notEqual(reply.status, 200, `${route} ${JSON.stringify(body).slice(0, 80)}`);
            expectProblem(reply, [400, 422], ['invalid-payload', 'malformed-json']);
          }
        }
      }
    });
    assert.deepEqual(ids(room.ann.view()), ['ann', 'cora', 'gus']);
  });

  scenario('with an id or a role in the path that is none finds nothing', async (stage, nodes) => {
    const { as } = await hosted(stage, nodes);
    const long = 'x'.repeat(129);
    for (const route of ['bans/a%20b', `bans/${long}`, 'bans/%F0%9F%98%80', 'roles/gus/king', 'roles/a%20b/host']) {
      for (const method of ['PUT', 'DELETE']) expectProblem(await as(CALLERS[CREATOR])(method, route), [404, 422]);
    }
  });

  scenario('with another method is none', async (stage, nodes) => {
    const { as } = await hosted(stage, nodes);
    const commands = ['admit', 'deny', 'remove', 'mute', 'lock'];
    const wrong = [
      ...['GET', 'PUT', 'DELETE'].flatMap((method) => commands.map((route) => [method, route])),
      ['POST', 'lobby'], ['POST', 'bans'], ['POST', 'bans/gus'], ['POST', 'roles/gus/host'],
    ];
    for (const [method, route] of wrong) {
      expectProblem(await as(CALLERS[CREATOR])(method, route), 405, 'method-not-allowed');
    }
  });
});
