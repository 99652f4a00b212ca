// All scenarios. Numbers are those of the catalogue in the reliability notes, rows those of the fault
// table in the issue.
import * as clients from './clients.mjs';
import * as crowds from './crowds.mjs';
import * as database from './database.mjs';
import * as failover from './failover.mjs';
import * as feed from './feed.mjs';
import * as links from './links.mjs';
import * as nodes from './nodes.mjs';
import * as races from './races.mjs';
import * as redis from './redis.mjs';
import * as seats from './seats.mjs';
import * as storms from './storms.mjs';

const ALL = [clients, crowds, database, failover, feed, links, nodes, races, redis, seats, storms].flatMap(({ scenarios }) => scenarios);

/** Those that can share a cluster stand together. */
const byNeeds = ({ nodes: count, settings }) => `${count} ${JSON.stringify(settings)}`;

export function choose({ group, name } = {}) {
  const wanted = new RegExp(name ?? '');
  return ALL.filter((it) => (!group || it.group === group) && wanted.test(it.name))
    .sort((a, b) => byNeeds(b).localeCompare(byNeeds(a)));
}
