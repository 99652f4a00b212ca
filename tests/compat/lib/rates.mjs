// Limits of how often something may happen are off in tests that are not about them: a test is faster
// than anybody it speaks for.

const LIMITED = [
  'COMMANDS_PER_CONNECTION', 'COMMANDS_PER_USER', 'COMMANDS_PER_TENANT', 'JOINS_PER_USER', 'JOINS_PER_TENANT',
  'CONNECTS_PER_USER', 'CONNECTS_PER_IP', 'CONNECTS_PER_TENANT', 'REQUESTS_PER_USER', 'REQUESTS_PER_SERVICE', 'REQUESTS_PER_IP',
  'REQUESTS_PER_TENANT', 'CREATIONS_PER_USER', 'REFUSED_TOKENS_PER_IP',
];

export const RATES_OFF = Object.fromEntries(LIMITED.map((name) => [`RATES__${name}`, 'off']));
