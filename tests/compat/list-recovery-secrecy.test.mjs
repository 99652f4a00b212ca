// Whoever has a pid is let back in as its owner, so nobody else may read one anywhere.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { PATIENT, PROMPT, withTabs } from './lib/recovering.mjs';
import { RedisServers, until } from './lib/redis.mjs';
import { Server } from './lib/server.mjs';
import { perform } from './lib/stage.mjs';

const DUMP = 'secrecy.rdb';

describe('a pid', () => {
  const redis = new RedisServers();
  const servers = [];
  /** All that there were. */
  const pids = new Set();
  let heard = [];
  let log = '';
  let port;
  let told = '';
  let watcher;

  before(async () => {
    port = await redis.start(['port %port', 'rdbcompression no', `dbfilename ${DUMP}`]);
    watcher = spawn('redis-cli', ['-p', String(port), 'MONITOR'], { stdio: ['ignore', 'pipe', 'ignore'] });
    watcher.stdout.setEncoding('utf8').on('data', (text) => { told += text; });
    await until(() => told.startsWith('OK'), 'Redis to be watched');
    const settings = {
      ...PATIENT,
      ...PROMPT,
      STORE__REDIS_URL: `redis://127.0.0.1:${port}`,
      STORE__KEY_PREFIX: 'usher',
      DATABASE__URL: `sqlite://${redis.path('usher.db')}?mode=rwc`,
    };
    while (servers.length < 2) servers.push(await Server.start(settings, undefined, (text) => { log += text; }));
    for (const { url } of servers) await until(async () => (await fetch(`${url}/readyz`)).status === 200, 'readiness');
  });
  after(async () => {
    watcher?.kill();
    await Promise.all(servers.map((server) => server.stop()));
    await redis.stop();
  });

  const scenario = withTabs((name, run) => test(name, { timeout: 60_000 }, () => perform(servers[0], ONE[0], run)));

  function expectNone(text, where) {
    assert.ok(pids.size > 0, 'there were some');
    for (const pid of pids) assert.ok(!text.includes(pid), `a pid stands in ${where}`);
  }

  scenario('is told to its owner alone', async (stage, tabs) => {
    const { roomId, ann, bob, cy } = await tabs.meeting(['bob', 'cy']);
    const everyone = [bob, cy];
    const keep = () => everyone.forEach((tab) => pids.add(tab.pid));
    keep();
    // Recovered where it was, recovered elsewhere, and refused.
    await bob.drop();
    await bob.recovered('ann', 'bob', 'cy');
    bob.wire.leadTo(servers[1].url);
    await bob.drop();
    await bob.recovered('ann', 'bob', 'cy');
    await cy.leaveForNow();
    await ann.ok('remove-participant', { participantId: 'cy' });
    cy.returns();
    await cy.notRecovered();
    await cy.enter(roomId);
    keep();
    await bob.drop();
    await bob.recovered('ann', 'bob', 'cy');
    heard = [ann, ...everyone].map(({ log: { entries } }) => entries);
    assert.equal(pids.size, 3);
    for (const entries of heard) expectNone(JSON.stringify(entries), 'what a client was told');
    const views = ['participants', 'audit', 'lobby'].map((view) => stage.rest().get(`/api/meetings/${roomId}/${view}`));
    for (const { body } of await Promise.all(views)) expectNone(JSON.stringify(body), 'an answer over REST');
  });

  scenario('stands in no line of the log', async () => {
    assert.ok(log.length > 500, 'it says a lot');
    expectNone(log, 'the log');
  });

  scenario('is in no key of Redis and in nothing that Redis holds', async () => {
    const keys = redis.ask(port, '--scan');
    assert.match(keys, /^usher:/m);
    expectNone(keys, 'the keys of Redis');
    redis.ask(port, 'SAVE');
    const kept = readFileSync(redis.path(DUMP), 'latin1');
    assert.ok(kept.includes('usher:'), 'something is');
    expectNone(kept, 'what Redis holds');
  });

  scenario('is never said to Redis', async () => {
    assert.match(told, /"usher:/);
    expectNone(told, 'what Redis was told');
  });
});
