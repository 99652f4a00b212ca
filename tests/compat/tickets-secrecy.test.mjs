// Whoever has a ticket's token is let in, so nobody but its owner may read one, and nobody at all the keys.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { api } from './lib/api.mjs';
import { ONE } from './lib/clients.mjs';
import { FakeDaily } from './lib/fake-daily.mjs';
import { FakeLiveKit } from './lib/fake-livekit.mjs';
import { ADMIN, WRITE, settings as auth } from './lib/hosted.mjs';
import { Key } from './lib/idp.mjs';
import { read } from './lib/jitsi-verifier.mjs';
import { RedisServers, until } from './lib/redis.mjs';
import { Server } from './lib/server.mjs';
import { perform } from './lib/stage.mjs';
import { JITSI, MESH, SECRETS, askTicket } from './lib/tickets.mjs';
import { token } from './lib/token.mjs';

const PROVIDERS = ['daily', 'jitsi', 'livekit', 'mesh'];
const VIEWS = ['', '/participants', '/audit', '/lobby', '/bans'];
const LISTS = ['rooms', 'meetings', 'security-events'];
const ANY_TOKEN = /eyJ[\w-]{8,}\.[\w-]{8,}/;
const DUMP = 'secrecy.rdb';

describe('tickets and keys', () => {
  const redis = new RedisServers();
  const servers = [];
  const fakes = {};
  /** Everything that must not be found, and what it is. */
  const secrets = new Map();
  /** Whose a token or password is. */
  const owners = new Map();
  let log = '';
  let watched = '';
  let watcher;
  let port;
  let rsa;

  before(async () => {
    fakes.daily = await FakeDaily.start({ limits: {} });
    fakes.livekit = await FakeLiveKit.start();
    rsa = await Key.make('RS256', 'acme-1');
    // As it is, so that a text in it can be found.
    port = await redis.start(['port %port', 'rdbcompression no', `dbfilename ${DUMP}`]);
    watcher = spawn('redis-cli', ['-p', String(port), 'MONITOR'], { stdio: ['ignore', 'pipe', 'ignore'] });
    watcher.stdout.setEncoding('utf8').on('data', (text) => { watched += text; });
    await until(() => watched.startsWith('OK'), 'Redis to be watched');
    const acme = {
      tenant: 'acme',
      jitsi: { mode: 'rs256', url: 'https://a.example', app_id: 'acme', key_id: 'acme-1', private_key: rsa.secretText },
    };
    const settings = {
      ...auth, ...fakes.daily.settings, ...fakes.livekit.settings, ...JITSI, ...MESH,
      PROVIDERS__DEFAULT: 'mesh',
      PROVIDERS__TENANTS: JSON.stringify([acme]),
      PROVIDERS__RETRY_MIN_MS: 50,
      STORE__REDIS_URL: `redis://127.0.0.1:${port}`,
      STORE__KEY_PREFIX: 'usher',
      DATABASE__URL: `sqlite://${redis.path('usher.db')}?mode=rwc`,
    };
    while (servers.length < 2) servers.push(await Server.start(settings, undefined, (text) => { log += text; }));
    for (const { url } of servers) await until(async () => (await fetch(`${url}/readyz`)).status === 200, 'readiness');

    const keys = {
      'Daily\'s key': fakes.daily.apiKey, 'the secret of Daily\'s webhooks': fakes.daily.webhookSecret,
      'LiveKit\'s secret': fakes.livekit.apiSecret, 'Jitsi\'s secret': SECRETS.jitsi, 'the secret for TURN': SECRETS.turn,
      // Anything that holds the key has one of its lines.
      'the private key': rsa.secretText.split('\n')[3],
    };
    for (const [what, secret] of Object.entries(keys)) {
      for (const form of ['utf8', 'hex', 'base64']) secrets.set(Buffer.from(secret).toString(form), what);
    }
  });
  after(async () => {
    watcher?.kill();
    await Promise.all(servers.map((server) => server.stop()));
    await Promise.all(Object.values(fakes).map((fake) => fake.close()));
    await redis.stop();
  });

  const tab = (stage, id, node = 0, more = {}) => stage.user(id, { url: servers[node].url, token: token(id, more) });

  function keep(ticket) {
    const of = `a ticket of ${ticket.participantId} for ${ticket.provider}`;
    const texts = [ticket.token, ...(ticket.iceServers ?? []).map(({ credential }) => credential)].filter(Boolean);
    for (const text of texts) {
      // The signature alone is the secret half of a token.
      for (const part of [text, text.split('.').at(-1)]) secrets.set(part, of);
      owners.set(text, ticket.participantId);
    }
  }

  function expectNone(text, where) {
    for (const [secret, what] of secrets) assert.ok(!text.includes(secret), `${what} stands in ${where}`);
    assert.doesNotMatch(text, ANY_TOKEN, where);
  }

  /** A meeting in which everything happens that has to do with tickets; gives back what others can read of it. */
  async function used(stage, provider, more = {}) {
    const rest = (bearer, node = 1) => api(servers[node].url, bearer);
    const roomId = stage.room();
    const owner = token('ann', more);
    const made = await rest(owner)('POST', 'meetings', { roomId, settings: { provider } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const people = {};
    for (const [i, id] of ['ann', 'bob', 'cy'].entries()) {
      people[id] = await tab(stage, id, i % 2, more);
      await people[id].join(roomId);
    }
    const { ann, bob, cy } = people;
    for (const event of ['make-cohost', 'make-host', 'remove-host', 'remove-cohost']) {
      await ann.ok(event, { participantId: 'bob' });
      await bob.until(() => bob.heard('provider-token').length > 1, 'a ticket');
    }
    await bob.ok('refresh-token');
    const given = await askTicket(servers[1].url, roomId, { bearer: token('bob', more) });
    assert.equal(given.status, 200, JSON.stringify(given.body.code));
    keep(given.body.provider);
    const answers = [made, await cy.ok('room-state'), await ann.ok('room-state')];
    await ann.ok('remove-participant', { participantId: 'cy', ban: true });
    await cy.refused('refresh-token', {}, ['banned', 'not-joined']);
    for (const [id, body] of [['cy', {}], ['eve', {}], ['eve', { userId: 'bob' }]]) {
      const refused = await askTicket(servers[0].url, roomId, { bearer: token(id, more), body });
      assert.notEqual(refused.status, 200);
      answers.push(refused.body);
    }
    answers.push(await rest(owner)('PATCH', `meetings/${roomId}`, { settings: { provider: 'nonsense' } }));
    for (const view of VIEWS) answers.push(await rest(owner)('GET', `meetings/${roomId}${view}`));
    await ann.ok('end-meeting');
    for (const user of Object.values(people)) {
      for (const ticket of user.heard('provider-token')) keep(ticket);
    }
    return { answers, people: Object.values(people) };
  }

  /** All providers, one that fails, and notices that nobody should believe. */
  async function everything(stage) {
    const meetings = [];
    for (const provider of PROVIDERS) meetings.push(await used(stage, provider));
    meetings.push(await used(stage, 'jitsi', { tenant: 'acme' }));
    fakes.livekit.fail(3, { status: 500 });
    fakes.daily.fail(3, { only: 'POST /rooms/:name/eject', status: 500 });
    for (const provider of ['livekit', 'daily']) meetings.push(await used(stage, provider));
    const hook = fakes.livekit.event('room_started', { room: 'nobody-knows' });
    for (const as of [{}, { apiSecret: 'another-secret-0123456789abcdef' }]) {
      await fakes.livekit.deliver(`${servers[0].url}/api/webhooks/livekit`, hook, { as });
    }
    const answers = meetings.flatMap((meeting) => meeting.answers);
    for (const list of LISTS) answers.push(await api(servers[0].url, ADMIN)('GET', list));
    answers.push(await api(servers[0].url, WRITE)('GET', 'meetings/unknown/participants'));
    return { answers, people: meetings.flatMap((meeting) => meeting.people) };
  }

  const scenario = (name, run) => test(name, { timeout: 120_000 }, () => perform(servers[0], ONE[0], run));
  let seen;

  scenario('stand in no answer but to their owner, and in no list', async (stage) => {
    seen = await everything(stage);
    assert.ok(owners.size > 20, `${owners.size} tickets were given`);
    const kinds = new Set([...owners.keys()].map((text) => read(text)?.claims.iss ?? (read(text) ? 'daily' : 'mesh')));
    assert.deepEqual([...kinds].sort(), ['acme', 'daily', fakes.livekit.apiKey, 'mesh', JITSI.JITSI__APP_ID].sort());
    for (const answer of seen.answers) expectNone(JSON.stringify(answer), 'an answer');
  });

  scenario('come to their owner alone', async () => {
    for (const user of seen.people) {
      const heard = JSON.stringify(user.log.entries);
      for (const [text, owner] of owners) {
        if (owner !== user.id) assert.ok(!heard.includes(text), `${user.id} was told a ticket of ${owner}`);
      }
    }
  });

  scenario('stand in no line of the log', async () => {
    assert.ok(/WARN|DEBUG/.test(log) && log.length > 500, 'it says a lot');
    expectNone(log, 'the log');
  });

  scenario('are never said to Redis, nor kept there', async () => {
    redis.ask(port, 'SAVE');
    const kept = readFileSync(redis.path(DUMP), 'latin1');
    assert.ok(kept.includes('usher:') && /"usher:/.test(watched), 'something is');
    expectNone(kept, 'what Redis holds');
    expectNone(watched, 'what Redis was told');
  });

  scenario('are not in the database', async () => {
    for (const name of ['usher.db', 'usher.db-wal'].map((file) => redis.path(file)).filter(existsSync)) {
      expectNone(readFileSync(name, 'latin1'), name);
    }
  });
});
