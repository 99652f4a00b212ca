// The fault proxy does to bytes what its modes say, and nothing else.
import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { HIGH_WATER_BYTES } from './lib/pipe.mjs';
import { Random } from './lib/random.mjs';
import { lasting, now, until } from './lib/wait.mjs';
import { FaultProxy } from './proxy.mjs';

const PATIENCE = { within: 5_000 };

/** A server behind a proxy, and what it has received per connection. */
async function behindProxy(t, { answer = (socket, data) => socket.write(data), ...options } = {}) {
  const peers = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const peer = { socket, got: '', over: null };
    peers.push(peer);
    socket.on('data', (data) => {
      peer.got += data.toString('latin1');
      answer(socket, data);
    });
    socket.on('end', () => {
      peer.over ??= 'end';
      socket.end();
    });
    socket.on('error', (error) => {
      peer.over ??= error.code;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await FaultProxy.start({ target: server.address().port, random: new Random('test'), ...options });
  t.after(async () => {
    await proxy.stop();
    for (const { socket } of peers) socket.destroy();
    server.close();
  });
  return { proxy, peers, server };
}

async function dial(t, port) {
  const socket = net.connect(port, '127.0.0.1');
  const client = { socket, got: '', chunks: [], over: null };
  socket.on('data', (data) => {
    client.got += data.toString('latin1');
    client.chunks.push({ at: now(), text: data.toString('latin1') });
  });
  socket.on('error', (error) => {
    client.over ??= error.code;
  });
  socket.on('end', () => {
    client.over ??= 'end';
  });
  t.after(() => socket.destroy());
  await new Promise((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', resolve);
  });
  return client;
}

const answered = (client, text) => until(() => client.got === text, { ...PATIENCE, what: () => `${text}, but ${client.got.slice(0, 80)}` });

test('without a fault everything passes, and each end is told of the other', async (t) => {
  const { proxy, peers } = await behindProxy(t);
  const client = await dial(t, proxy.port);
  client.socket.write('hello');
  await answered(client, 'hello');
  client.socket.end();
  await until(() => peers[0].over === 'end' && client.over === 'end', { ...PATIENCE, what: 'the end on both sides' });
  await until(() => proxy.links.length === 0, { ...PATIENCE, what: 'the link is forgotten' });
});

test('cut drops what is open and refuses what is new; heal lets in again on the same port', async (t) => {
  const { proxy } = await behindProxy(t);
  const client = await dial(t, proxy.port);
  client.socket.write('a');
  await answered(client, 'a');
  await proxy.cut();
  await until(() => client.over === 'ECONNRESET', { ...PATIENCE, what: 'a reset' });
  assert.equal((await dial(t, proxy.port)).over, 'ECONNREFUSED');
  const { port } = proxy;
  await proxy.heal();
  assert.equal(proxy.port, port);
  const again = await dial(t, proxy.port);
  again.socket.write('b');
  await answered(again, 'b');
});

for (const [direction, reaches] of [['up', false], ['down', true], ['both', false]]) {
  test(`swallow ${direction}: bytes are gone, connections stay open`, async (t) => {
    const { proxy, peers } = await behindProxy(t);
    const client = await dial(t, proxy.port);
    client.socket.write('before');
    await answered(client, 'before');
    proxy.swallow(direction);
    client.socket.write(' after');
    const lost = direction === 'down' ? 'down' : 'up';
    await until(() => proxy.links[0][lost].swallowed > 0, { ...PATIENCE, what: 'bytes that are swallowed' });
    assert.equal(peers[0].got, reaches ? 'before after' : 'before');
    assert.equal(client.got, 'before');
    assert.equal(client.over, null);
    assert.equal(peers[0].over, null);
    const fresh = await dial(t, proxy.port);
    assert.equal(fresh.over, null, 'a new connection opens, too');
  });
}

test('heal after swallow resets the connections with a hole, and no others', async (t) => {
  const { proxy } = await behindProxy(t);
  const [quiet, talking] = [await dial(t, proxy.port), await dial(t, proxy.port)];
  for (const client of [quiet, talking]) {
    client.socket.write('x');
    await answered(client, 'x');
  }
  proxy.swallow('up');
  talking.socket.write('lost');
  await until(() => proxy.links.some(({ tainted }) => tainted), { ...PATIENCE, what: 'a link with a hole' });
  await proxy.heal();
  await until(() => talking.over === 'ECONNRESET', { ...PATIENCE, what: 'the reset' });
  quiet.socket.write('y');
  await answered(quiet, 'xy');
});

test('an end is lost on a silent link', async (t) => {
  const { proxy, peers } = await behindProxy(t);
  const client = await dial(t, proxy.port);
  client.socket.write('x');
  await answered(client, 'x');
  proxy.swallow('up');
  client.socket.destroy();
  await until(() => proxy.links[0]?.tainted, { ...PATIENCE, what: 'the proxy has seen the end' });
  assert.equal(peers[0].over, null);
  await proxy.heal();
  await until(() => peers[0].over === 'ECONNRESET', { ...PATIENCE, what: 'the reset' });
});

test('hold delivers everything after heal', async (t) => {
  const { proxy, peers } = await behindProxy(t);
  const client = await dial(t, proxy.port);
  proxy.hold();
  client.socket.write('one ');
  client.socket.write('two');
  await until(() => proxy.links[0].up.queued === 7, { ...PATIENCE, what: 'both writes at the proxy' });
  assert.equal(peers[0].got, '');
  await proxy.heal();
  await answered(client, 'one two');
});

test('memory is bounded while the link is held: the sender feels it', async (t) => {
  const { proxy } = await behindProxy(t, { answer: () => {} });
  const client = await dial(t, proxy.port);
  proxy.hold();
  const piece = Buffer.alloc(64 * 1024);
  let written = 0;
  while (client.socket.write(piece) || client.socket.writableLength < 32 * piece.length) written += piece.length;
  await until(() => proxy.links[0].up.queued >= HIGH_WATER_BYTES, { ...PATIENCE, what: 'a full queue' });
  await lasting(100);
  const { up } = proxy.links[0];
  assert.ok(up.mostQueued <= HIGH_WATER_BYTES + piece.length, `${up.mostQueued} bytes were queued`);
  await proxy.heal();
  await until(() => up.passed >= written, { ...PATIENCE, what: () => `${written} bytes, ${up.passed} have passed` });
});

test('delay with jitter comes late and in order', async (t) => {
  const { proxy } = await behindProxy(t);
  const client = await dial(t, proxy.port);
  proxy.delay(60, 40, 'down');
  const began = now();
  const words = Array.from({ length: 40 }, (_, i) => `${i},`);
  for (const word of words) {
    client.socket.write(word);
    await lasting(1);
  }
  await answered(client, words.join(''));
  assert.ok(client.chunks[0].at - began >= 19, 'not before the delay less the jitter');
});

test('the bandwidth is kept to', async (t) => {
  const { proxy } = await behindProxy(t, { answer: () => {} });
  const client = await dial(t, proxy.port);
  proxy.throttle(100_000, 'up');
  const began = now();
  client.socket.write(Buffer.alloc(50_000));
  await until(() => proxy.links[0].up.passed === 50_000, { ...PATIENCE, what: 'all bytes' });
  const took = now() - began;
  assert.ok(took >= 400 && took < 1_500, `50 kB at 100 kB/s took ${took} ms`);
});

test('reset ends what is open and nothing else', async (t) => {
  const { proxy, peers } = await behindProxy(t);
  const clients = [await dial(t, proxy.port), await dial(t, proxy.port)];
  await until(() => peers.length === 2, { ...PATIENCE, what: 'both connections' });
  assert.equal(proxy.reset(), 2);
  await until(() => clients.every(({ over }) => over === 'ECONNRESET'), { ...PATIENCE, what: 'resets' });
  await until(() => peers.every(({ over }) => over === 'ECONNRESET'), { ...PATIENCE, what: 'resets behind the proxy' });
  const next = await dial(t, proxy.port);
  next.socket.write('z');
  await answered(next, 'z');
});

test('retarget leads new connections elsewhere', async (t) => {
  const { proxy } = await behindProxy(t);
  const other = await behindProxy(t, { answer: (socket) => socket.write('other') });
  proxy.retarget(other.server.address().port);
  const client = await dial(t, proxy.port);
  client.socket.write('?');
  await answered(client, 'other');
});

test('messages of pub/sub can be dropped and doubled without a hole in the stream', async (t) => {
  const message = (kind, text) => `${kind}3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n$${text.length}\r\n${text}\r\n`;
  const [one, two, three] = [message('>', 'one'), message('*', 'two'), message('>', 'three')];
  const stream = Buffer.from(`+OK\r\n${one}$5\r\nhello\r\n${two}%1\r\n+a\r\n:1\r\n${three}`);
  // In every possible place of a cut, since TCP may cut anywhere.
  for (const at of [1, 4, 5, 9, 20, 40, 44, 60, stream.length - 1]) {
    const { proxy, server } = await behindProxy(t, { resp: true, answer: () => {} });
    server.on('connection', (socket) => {
      socket.write(stream.subarray(0, at));
      setTimeout(() => socket.write(stream.subarray(at)), 5);
    });
    const seen = [];
    proxy.inspect(({ push, channel, bytes }) => {
      if (!push) return 'pass';
      seen.push(channel);
      const text = bytes.toString();
      return text === one ? 'drop' : text === three ? 'twice' : 'pass';
    });
    const client = await dial(t, proxy.port);
    await answered(client, `+OK\r\n$5\r\nhello\r\n${two}%1\r\n+a\r\n:1\r\n${three}${three}`);
    assert.deepEqual(seen, ['room', 'room', 'room']);
  }
});

test('a stream that is no RESP passes unseen', async (t) => {
  const { proxy } = await behindProxy(t, { resp: true });
  const client = await dial(t, proxy.port);
  client.socket.write('this is\r\nnot it');
  await answered(client, 'this is\r\nnot it');
});
