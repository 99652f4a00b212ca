// Tokens with a good signature that say too little, too much, or what they may not say: each is refused
// for its own reason, over Socket.IO and REST alike.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { ONE } from './lib/clients.mjs';
import { WHY, expectIn, expectOut, refusal } from './lib/doors.mjs';
import { expectProblem } from './lib/expect.mjs';
import {
  CLERK, OIDC, RSA, TRUSTED, claiming, ed, forged, idp, rsa, saying, settings, text, withText,
} from './lib/forge.mjs';
import { handmade, now } from './lib/idp.mjs';
import { suite } from './lib/stage.mjs';

after(() => idp.close());

const json = (value) => JSON.stringify(value);
const WEEK = 604_800;

// What is not of its type is not there, or not a token.
const [NO_EXP, NO_SUB] = [[WHY.noExp, WHY.malformed], [WHY.noSub, WHY.malformed]];
const EXPIRIES = [null, 'never', `${now() + 3600}`, true, [now() + 3600], {}];
const BEGINNINGS = ['soon', `${now()}`, true, [], {}];
const TIMES = [
  [WHY.expired, claiming({ exp: now() - 60 }), 'a minute ago'],
  [WHY.expired, claiming({ exp: now() - 60.5 }), 'a minute ago, with a fraction'],
  [WHY.expired, claiming({ exp: 0 }), 'in 1970'],
  [WHY.expired, claiming({ exp: -1 }), 'before'],
  [WHY.expired, claiming({ exp: -(2 ** 63) }), 'long before'],
  [WHY.expired, saying(withText('exp', '-1e300')), 'before there was time'],
  [WHY.early, claiming({ nbf: now() + 600 }), 'not yet'],
  [WHY.early, claiming({ nbf: now() + 600.5 }), 'not yet, with a fraction'],
  [WHY.early, claiming({ nbf: 1e300 }), 'never'],
  [WHY.lasting, claiming({ exp: now() + WEEK + 3_600 }), 'for more than a week'],
  [WHY.lasting, claiming({ exp: Date.now() + 3_600_000 }), 'milliseconds for seconds'],
  [WHY.lasting, claiming({ exp: 2 ** 53 }), 'for ever'],
  [WHY.lasting, saying(withText('exp', '18446744073709551616')), 'over 64 bits'],
  [WHY.lasting, saying(withText('exp', '1e300')), 'for longer'],
  [WHY.malformed, saying(withText('exp', '1e400')), 'a number that is none'],
  [WHY.malformed, saying(withText('exp', 'NaN')), 'not a number'],
  [WHY.malformed, saying(withText('exp', 'Infinity')), 'infinity'],
  [WHY.malformed, saying(withText('exp', '0x7fffffff')), 'not in tens'],
  [WHY.noExp, claiming({ exp: undefined }), 'none'],
  ...EXPIRIES.map((exp) => [NO_EXP, claiming({ exp }), `exp ${json(exp)}`]),
  ...BEGINNINGS.map((nbf) => [[WHY.early, WHY.malformed], claiming({ nbf }), `nbf ${json(nbf)}`]),
];

const TWICE = [
  // Who it is from is read before it is believed, so either may be said.
  [[WHY.twice, WHY.malformed], saying(text(`"iss":"${OIDC}"`)), 'iss'],
  [WHY.twice, saying(text('"sub":"bob"')), 'sub'],
  [WHY.twice, saying(text('"\\u0073ub":"bob"')), 'sub in disguise'],
  [WHY.twice, saying(text('"sub":"ann"')), 'sub, the same'],
  [WHY.twice, saying(text(`"exp":${now() + 3600}`)), 'exp'],
  [WHY.twice, saying(text('"x":1,"x":1')), 'one that nobody reads'],
  [WHY.twice, saying(text('"o":{"id":"acme","id":"beta"}', CLERK)), 'the tenant, further in'],
  [WHY.twice, saying(text('"o":{"id":"acme"},"o":{"id":"beta"}', CLERK)), 'what the tenant is in'],
  [WHY.twice, saying(text('"aud":"billing","aud":"usher"', OIDC)), 'aud'],
  [WHY.twice, handmade({ alg: 'EdDSA' }, text('"scope":"","scope":"meetings:admin"', TRUSTED), ed), 'scope'],
];

const NO_IDS = [
  '', ' ', 'a b', ' ann', 'ann ', 'ann\u0000', 'a\nb', '{ann}', 'a/b', '../ann', 'ä', '\u202eann', '<b>', 'ann,bob',
  '*', 'x'.repeat(129),
];
const SUBJECTS = [
  [WHY.noSub, claiming({ sub: undefined }), 'none'],
  ...[null, 5, true, ['ann'], { id: 'ann' }].map((sub) => [NO_SUB, claiming({ sub }), json(sub)]),
  ...NO_IDS.map((sub) => [WHY.subject, claiming({ sub }), json(sub)]),
];

const AUDIENCES = [
  'billing', ['billing', 'shop'], [], '', undefined, null, 5, {}, 'usher ', ['usher '], [['usher']], [null],
];
const ISSUERS = [
  [WHY.issuer, claiming({ iss: undefined }), 'no issuer'],
  [WHY.issuer, claiming({ iss: null }), 'nothing for an issuer'],
  [WHY.issuer, claiming({ iss: 'https://nobody.example' }), 'an unknown one'],
  ...[5, [RSA], { iss: RSA }, true].map((iss) => [WHY.malformed, claiming({ iss }), `iss ${json(iss)}`]),
  ...AUDIENCES.map((aud) => [WHY.audience, claiming({ iss: OIDC, aud, azp: 'usher' }), `aud ${json(aud)}`]),
  [WHY.party, claiming({ iss: OIDC, aud: ['billing', 'usher'], azp: 'billing' }), 'somebody else\'s, and ours'],
  [WHY.party, claiming({ iss: OIDC, aud: ['billing', 'usher'], azp: ['usher'] }), 'a list of parties'],
  [WHY.party, claiming({ iss: OIDC, aud: ['billing', 'usher'] }), 'no party'],
];

/** What other systems, or somebody's hope, would call a host. */
const CLAIMED = {
  role: 'host', roles: ['host', 'admin'], isHost: true, isCoHost: true, host: true, moderator: true, admin: true,
  scope: 'meetings:admin meetings:write', permissions: ['meetings:admin'], userId: 'ann', user_id: 'ann',
  createdBy: 'mallory', context: { user: { id: 'ann', moderator: true, affiliation: 'owner' } },
};

suite('hostile claims', { variants: ONE, settings }, (scenario) => {
  for (const [what, table] of Object.entries({
    'times that do not fit': TIMES,
    'a claim twice': TWICE,
    'a subject that is no user': SUBJECTS,
    'an issuer or an audience that is not ours': ISSUERS,
  })) {
    scenario(`refused: ${what}`, async (stage) => {
      for (const [why, bad, how] of table) await expectOut(stage, bad, why, how);
      await expectIn(stage, claiming({}));
    });
  }

  scenario('clocks may differ a little, and times have fractions', async (stage) => {
    await expectIn(stage, claiming({ exp: now() - 2 }));
    await expectIn(stage, claiming({ exp: now() + 3_600.25, nbf: now() - 0.5 }));
    await expectIn(stage, claiming({ nbf: now() + 2 }));
    await expectIn(stage, claiming({ exp: now() + WEEK - 60 }));
  });

  scenario('claims about roles are claims', async (stage) => {
    const roomId = stage.room();
    assert.equal((await stage.rest(claiming({})).post('/api/meetings', { roomId })).status, 201);
    const claimed = claiming({ ...CLAIMED, sub: 'mallory', room: roomId });
    const mallory = await stage.joined('mallory', roomId, { token: claimed });
    assert.deepEqual([mallory.seen('mallory').isHost, mallory.seen('mallory').isCoHost], [false, false]);
    await mallory.refused('end-meeting', {}, 'not-host');
    const rest = stage.rest(claimed);
    expectProblem(await rest.delete(`/api/meetings/${roomId}`), 403, 'forbidden');
    expectProblem(await rest.post(`/api/meetings/${roomId}/end`, {}), 403, 'forbidden');
    expectProblem(await rest.get(`/api/meetings/${roomId}/audit`), 403, 'forbidden');
  });

  scenario('a token that names another room opens no more and no less', async (stage) => {
    const [mine, theirs] = [stage.room(), stage.room()];
    for (const [roomId, sub] of [[mine, 'ann'], [theirs, 'bob']]) {
      await stage.rest(claiming({ sub })).post('/api/meetings', { roomId });
    }
    const ann = await stage.joined('ann', theirs, { token: claiming({ room: mine, roomId: mine }) });
    assert.equal(ann.seen('ann').isHost, false);
  });

  scenario('a back end\'s token opens no room, and a person\'s is no back end\'s', async (stage) => {
    for (const scope of ['meetings:write', 'meetings:admin', 'openid meetings:write', ['email', 'meetings:admin']]) {
      const service = forged(ed, TRUSTED, {}, { scope });
      assert.equal(await refusal(stage, service), `unauthorized: ${WHY.service}`);
      const made = await stage.rest(service).post('/api/meetings', { roomId: stage.room(), userId: 'ann' });
      assert.equal(made.status, 201, 'it is good over REST');
      await expectIn(stage, forged(rsa, RSA, {}, { scope }));
    }
  });

  scenario('what only looks like a scope makes no back end', async (stage) => {
    const scopes = [
      '', 'meetings', 'meetings:*', 'meetings:administrator', 'MEETINGS:ADMIN', 'xmeetings:write', ',meetings:write,',
      5, {}, { 'meetings:admin': true }, [], [['meetings:admin']],
    ];
    for (const scope of scopes) await expectIn(stage, forged(ed, TRUSTED, {}, { scope }));
  });
});
