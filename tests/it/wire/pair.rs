//! A connection and its client.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use usher::socket::wire::{Sent, Until, Wire, WireIo};

use crate::support::within;

/// More than any test lets wait.
pub(super) const ROOMY: usize = 1 << 30;

/// The answer to CONNECT.
pub(super) const CONNECTED: &str = "40{\"sid\":\"abc\"}";

/// Both ends of a connection.
pub(super) struct Pair {
    /// The library's side.
    pub(super) library: WireIo,
    /// The rooms' side.
    pub(super) wire: Arc<Wire>,
    /// The client.
    pub(super) client: TcpStream,
    /// Where the wire's tasks run.
    pub(super) tracker: TaskTracker,
    /// The places of the node: one, which this connection has.
    pub(super) places: Arc<Semaphore>,
}

impl Pair {
    /// A connection that speaks HTTP, with kernel buffers so small that a client who does not read
    /// is felt soon.
    pub(super) async fn speaking_http(limit: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let connecting = socket.connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(connecting, listener.accept());
        let (server, _) = accepted.unwrap();
        socket2::SockRef::from(&server)
            .set_send_buffer_size(4096)
            .unwrap();
        let (tracker, places) = (TaskTracker::new(), Arc::new(Semaphore::new(1)));
        let place = places.clone().try_acquire_owned().unwrap();
        let library = Wire::open(server, limit, tracker.clone(), (place, None));
        let wire = library.wire().clone();
        Self {
            library,
            wire,
            client: client.unwrap(),
            tracker,
            places,
        }
    }

    /// A WebSocket that still waits for this.
    pub(super) async fn held_until(until: Until, limit: usize) -> Self {
        let pair = Self::speaking_http(limit).await;
        pair.wire.upgraded(until);
        pair
    }

    /// A WebSocket that rooms may write to. The client has read everything.
    pub(super) async fn open(limit: usize) -> Self {
        let mut pair = Self::held_until(Until::Connected, limit).await;
        pair.library_writes(&[CONNECTED]).await;
        assert_eq!(pair.client_reads(1).await, [CONNECTED]);
        pair
    }

    /// The library writes these frames, all in one buffer.
    pub(super) async fn library_writes(&mut self, payloads: &[&str]) {
        let buffer: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
        within(self.library.write_all(&buffer)).await.unwrap();
    }

    /// A room writes these frames at once.
    pub(super) fn room_sends(&self, payloads: &[&str]) -> Sent {
        let frames: Vec<Bytes> = payloads.iter().map(|payload| frame(payload)).collect();
        self.wire.send(&frames, &[])
    }

    /// A room answers a command.
    pub(super) fn room_answers(&self, payload: &str) -> Sent {
        self.wire.send(&[], &[frame(payload)])
    }

    /// The next frames that the client gets.
    pub(super) async fn client_reads(&mut self, count: usize) -> Vec<String> {
        let mut frames = Vec::new();
        while frames.len() < count {
            frames.push(within(self.next_frame()).await);
        }
        frames
    }

    async fn next_frame(&mut self) -> String {
        let mut head = [0; 2];
        self.client.read_exact(&mut head).await.unwrap();
        assert_eq!(head[0], 0x81, "a frame begins here");
        let length = match head[1] {
            126 => u64::from(self.client.read_u16().await.unwrap()),
            127 => self.client.read_u64().await.unwrap(),
            length => u64::from(length),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.client.read_exact(&mut payload).await.unwrap();
        String::from_utf8(payload).unwrap()
    }

    /// Everything up to the end of the connection.
    pub(super) async fn client_reads_to_the_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        within(self.client.read_to_end(&mut bytes)).await.unwrap();
        bytes
    }
}

/// A text frame as a server sends it.
pub(super) fn frame(payload: &str) -> Bytes {
    let mut out = vec![0x81];
    match payload.len() {
        short @ 0..126 => out.push(u8::try_from(short).unwrap()),
        medium @ 126..65_536 => {
            out.push(126);
            out.extend(u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend(u64::try_from(long).unwrap().to_be_bytes());
        }
    }
    out.extend(payload.as_bytes());
    out.into()
}

/// An event with a payload of about this size.
pub(super) fn event(name: &str, number: usize, size: usize) -> String {
    format!("42[\"{name}\",{number},\"{}\"]", "x".repeat(size))
}
