// The packages of the compatibility suite: the clients under test are the same ones.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../compat/package.json', import.meta.url));

export const WebSocket = require('ws');
