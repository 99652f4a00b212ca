// Like `suite` of stage.mjs, but its scenarios run at the same time: for those that mostly wait.
import { after, before, describe, test } from 'node:test';
import { ONE } from './clients.mjs';
import { Server } from './server.mjs';
import { perform } from './stage.mjs';

const AT_ONCE = 16;

export function together(title, { settings = {} } = {}, body) {
  describe(title, { concurrency: AT_ONCE }, () => {
    let server;
    before(async () => {
      server = await Server.start(settings);
    });
    after(() => server?.stop());
    body((name, run) => test(name, { timeout: 60_000 }, () => perform(server, ONE[0], run)));
  });
}
