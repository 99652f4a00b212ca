// Hostile frames by chance: what no client would send, and what clients do send with something broken in it.
// They name rooms and people of their own, so that none of them is a command that a meeting should obey.
import { frame, OPCODE, RSV } from './bytes.mjs';
import { BROKEN_FRAMES, malformed } from './corpus.mjs';

const ELSEWHERE = '"roomId":"elsewhere","userId":"mallory","userName":"M"';
const PLACEHOLDER = '{"_placeholder":true,"num":0}';

/** What a client may send; the starting points of what is broken. */
const SOUND = [
  `421["join-room",{${ELSEWHERE}}]`, '422["join-room","elsewhere","mallory","M"]', '423["leave-room","elsewhere"]',
  '424["room-state",{"roomId":"elsewhere"}]',
  `425["update-my-state",{${ELSEWHERE},"isHandRaised":true}]`,
  `426["make-host",{${ELSEWHERE},"participantId":"trudy"}]`, '427["end-meeting",{"roomId":"elsewhere"}]',
  '40', '40{"token":"x"}', '40/other,{"token":"x"}', '41', '41/other,', '42/other,8["x",{}]', '431[{"ok":true}]',
  '44{"message":"x"}',
  `451-9["join-room",{"roomId":${PLACEHOLDER}}]`, `461-9[${PLACEHOLDER}]`, '2', '3', '2probe', '1', '5', '6',
];

const NASTY = [
  '\u0000', '"', '\\', '\\u0000', '\\ud800', '{', '}', '[', ']', ',', ':', '-', '/', '0', '9'.repeat(20), '1e400', 'é',
  '😀', '\u202e', '\ufeff',
  'null', '__proto__', '_placeholder', ' ', '\x1e', '\n', '42', '451-', 'b', '🏳️‍🌈'.repeat(20),
];

const LARGEST_FILLER = 40_000;

/** `text` with up to six things wrong. */
export function broken(random, text) {
  let out = [...text];
  for (let i = random.int(1, 6); i > 0; i -= 1) {
    const at = random.int(0, out.length);
    const many = random.int(1, 8);
    const [before, after] = [out.slice(0, at), out.slice(at)];
    out = random.pick([
      () => [...before, ...after.slice(many)],
      () => [...before, ...after.slice(0, many), ...after],
      () => [...before, random.pick(NASTY), ...after],
      () => [...before, random.pick(NASTY), ...after.slice(1)],
      () => before,
      () => [...before, 'x'.repeat(random.int(0, LARGEST_FILLER)), ...after],
      () => [...before, '['.repeat(random.int(0, LARGEST_FILLER)), ...after],
    ])();
  }
  return out.join('').slice(0, LARGEST_FILLER);
}

export function someBytes(random, most) {
  return Buffer.from(Array.from({ length: random.int(0, most) }, () => random.int(0, 255)));
}

/** A whole frame, of which anything may be wrong but its length. */
function oddFrame(random) {
  return frame(someBytes(random, 300), {
    opcode: random.int(0, 15),
    fin: random.chance(0.8),
    rsv: random.chance(0.2) ? random.pick(RSV) : 0,
    masked: random.chance(0.9),
  });
}

/** What leaves the server in the middle of a frame or a message: nothing that follows is read for itself. */
function unfinished(random) {
  return random.pick([
    () => frame(someBytes(random, 300), { announced: random.pick([1_000, 65_536, 65_537, 2 ** 31, 2n ** 63n]) }),
    () => frame(broken(random, random.pick(SOUND)), { fin: false }),
    () => someBytes(random, 2_000),
    () => frame(random.pick(SOUND)).subarray(0, random.int(1, 5)),
  ])();
}

/**
 * Draws frames: `{ bytes, last }`; after the `last` one nothing can be asked on its connection any more.
 * The malformed payloads are about the room that must not be touched.
 */
export class Hostility {
  #random;
  #payloads;

  constructor(random, roomId) {
    this.#random = random;
    this.#payloads = malformed(roomId);
  }

  draw() {
    const random = this.#random;
    const whole = (bytes) => ({ bytes, last: false });
    return random.weighted([
      [30, () => whole(frame(broken(random, random.pick(SOUND))))],
      [25, () => whole(frame(this.#payload()))],
      [10, () => whole(frame(random.pick(BROKEN_FRAMES)))],
      [10, () => ({ bytes: oddFrame(random), last: true })],
      [8, () => ({ bytes: unfinished(random), last: true })],
      [7, () => whole(frame(someBytes(random, 5_000), { opcode: OPCODE.binary }))],
      [5, () => whole(frame(random.pick(SOUND), { opcode: OPCODE.text }))],
      [5, () => whole(frame(someBytes(random, 125), { opcode: random.pick([OPCODE.ping, OPCODE.pong]) }))],
    ])();
  }

  #payload() {
    const [event, text] = this.#random.pick(this.#payloads);
    return `42${this.#random.int(0, 99)}[${JSON.stringify(event)}${text === '' ? '' : `,${text}`}]`;
  }

  /** The body of a poll: packets, most of them broken, in the framing of either protocol. */
  body(version) {
    const random = this.#random;
    const packets = Array.from({ length: random.int(1, 5) }, () => (
      random.chance(0.3) ? this.#payload() : broken(random, random.pick(SOUND)).slice(0, 5_000)));
    if (random.chance(0.1)) return someBytes(random, 2_000);
    if (version === 4) return packets.join('\x1e');
    const off = () => (random.chance(0.2) ? random.int(-3, 3) : 0);
    return packets.map((packet) => `${packet.length + off()}:${packet}`).join('');
  }
}
