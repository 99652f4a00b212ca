//! One TCP connection with two writers: the HTTP and WebSocket libraries, which see an ordinary
//! stream, and the rooms, which write ready-made frames to it directly.
//!
//! socketioxide sends an event by waking a task per socket, which frames it anew. Measured, that is
//! most of what a delivery costs. A room's frames are the same for all its members, so the room's
//! task writes them itself: one system call per socket and commit, no wake-up.
//!
//! Two things make it safe. The WebSocket library hands over whole frames, and [`WireIo`] takes
//! each buffer whole, so both writers only ever meet at a frame's edge. And a room's frames are held
//! back until the library has written a certain frame (the answer to CONNECT, or the mark that ends
//! the polling queue), so nothing overtakes what the library still has to say.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio_util::task::TaskTracker;

use super::{frames, introducing};
use crate::net::Place;

/// While the connection speaks HTTP, more than this unwritten makes the library wait.
const HTTP_BACKLOG: usize = 64 * 1024;

/// How long a finished connection may take to deliver its last words.
const LINGER: Duration = Duration::from_secs(5);

/// The event whose frame, written by the library, says that its queue is empty. It is never sent.
pub const SWITCH_EVENT: &str = "usher:switch";

/// What the library has to write before the rooms may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The answer to CONNECT.
    Connected,
    /// The event [`SWITCH_EVENT`], which is taken out.
    Switched,
}

/// What became of frames given to [`Wire::send`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Written, or waiting within the bound.
    Ok,
    /// Dropped: the reader has just fallen behind.
    FellBehind,
    /// Dropped: it had fallen behind earlier.
    Behind,
    /// The connection is gone.
    Closed,
}

#[derive(Debug)]
enum Phase {
    Http,
    Held(Until, VecDeque<Bytes>),
    Open,
    Finishing,
    Closed,
}

#[derive(Debug)]
struct Out {
    phase: Phase,
    queue: VecDeque<Bytes>,
    queued: usize,
    behind: bool,
    /// Bytes queued for a slow reader that cannot be dropped: answers, and what the library says.
    owed: usize,
    flushing: bool,
    library: Option<Waker>,
    /// What the library's answer to CONNECT is to be replaced with, once.
    introduction: Option<Arc<str>>,
}

/// A connection's places: among all of the node, and among those from its address.
pub type Places = (OwnedSemaphorePermit, Option<Place<IpAddr>>);

/// A TCP connection that rooms can write to.
#[derive(Debug)]
pub struct Wire {
    stream: OwnedWriteHalf,
    out: Mutex<Out>,
    drained: Notify,
    /// Whether somebody waits for the client to say anything, and the word that it has.
    listened: AtomicBool,
    heard: Notify,
    tracker: TaskTracker,
    limit: usize,
    /// This connection's place among those that the node accepts.
    _place: Places,
}

impl Wire {
    /// A connection that speaks HTTP, as the library sees it. `limit` is how many bytes may wait for a
    /// slow reader before it has fallen behind.
    #[must_use]
    pub fn open(stream: TcpStream, limit: usize, tracker: TaskTracker, place: Places) -> WireIo {
        let (reader, stream) = stream.into_split();
        let out = Out {
            phase: Phase::Http,
            queue: VecDeque::new(),
            queued: 0,
            behind: false,
            owed: 0,
            flushing: false,
            library: None,
            introduction: None,
        };
        let (out, drained) = (Mutex::new(out), Notify::new());
        let wire = Arc::new(Self {
            stream,
            out,
            drained,
            listened: AtomicBool::new(false),
            heard: Notify::new(),
            tracker,
            limit,
            _place: place,
        });
        WireIo {
            wire,
            reader,
            unread: Bytes::new(),
            at_end: AtEnd::default(),
        }
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection speaks WebSocket from here on; rooms wait until the library has written this.
    pub fn upgraded(&self, until: Until) {
        self.out().phase = Phase::Held(until, VecDeque::new());
    }

    /// The next answer to CONNECT that the library writes is replaced with this packet.
    pub fn introduce(&self, packet: Arc<str>) {
        self.out().introduction = Some(packet);
    }

    /// Writes what happened and what is answered, or queues what the socket does not take. A reader
    /// that has fallen behind still gets its answers, up to the limit once more: one that sends
    /// commands without ever reading is cut off.
    pub fn send(self: &Arc<Self>, events: &[Bytes], answers: &[Bytes]) -> Sent {
        let mut out = self.out();
        match &out.phase {
            Phase::Closed | Phase::Finishing | Phase::Http => return Sent::Closed,
            Phase::Held(..) => return self.hold(&mut out, events, answers),
            Phase::Open => {}
        }
        let was_behind = out.behind;
        out.behind = was_behind || out.queued > self.limit;
        if !out.behind {
            out.owed = 0;
            match (events, answers) {
                (events, []) => self.write(&mut out, events),
                ([], answers) => self.write(&mut out, answers),
                (events, answers) => self.write(&mut out, &[events, answers].concat()),
            }
        } else if !answers.is_empty() {
            let more: usize = answers.iter().map(Bytes::len).sum();
            out.owed = out.owed.saturating_add(more);
            self.write(&mut out, answers);
            if out.owed > self.limit {
                self.close(&mut out);
            }
        }
        match (&out.phase, out.behind, was_behind) {
            (Phase::Closed, _, _) => Sent::Closed,
            (_, true, false) => Sent::FellBehind,
            (_, true, true) => Sent::Behind,
            (_, false, _) => Sent::Ok,
        }
    }

    /// Keeps what the library has to open the way for, within the same bounds as what waits for a slow
    /// reader. Who comes back may have more to be shown than fits: it is shown that later.
    fn hold(&self, out: &mut Out, events: &[Bytes], answers: &[Bytes]) -> Sent {
        let Out {
            phase: Phase::Held(_, held),
            behind,
            owed,
            ..
        } = out
        else {
            return Sent::Closed;
        };
        let was_behind = *behind;
        let waiting: usize = held.iter().map(Bytes::len).sum();
        *behind = was_behind || waiting > self.limit;
        if *behind {
            let more: usize = answers.iter().map(Bytes::len).sum();
            *owed = owed.saturating_add(more);
        } else {
            held.extend(events.iter().cloned());
        }
        held.extend(answers.iter().cloned());
        match (*behind, was_behind) {
            (true, _) if *owed > self.limit => {
                self.close(out);
                Sent::Closed
            }
            (true, false) => Sent::FellBehind,
            (true, true) => Sent::Behind,
            (false, _) => Sent::Ok,
        }
    }

    /// The reader has caught up and is about to be sent everything anew.
    pub fn caught_up(&self) {
        self.out().behind = false;
    }

    /// Whether something is waiting to be written.
    #[must_use]
    pub fn is_backed_up(&self) -> bool {
        self.out().queued > 0
    }

    /// Returns when nothing is waiting to be written, or the connection is gone.
    pub async fn drained(&self) {
        loop {
            let drained = self.drained.notified();
            {
                let out = self.out();
                let held = matches!(out.phase, Phase::Held(..));
                if (out.queue.is_empty() && !held) || matches!(out.phase, Phase::Closed) {
                    return;
                }
            }
            drained.await;
        }
    }

    /// Pings the client, and returns when it has said anything since; `false` when the connection is gone.
    pub async fn answers(self: &Arc<Self>) -> bool {
        let heard = self.heard.notified();
        let mut heard = std::pin::pin!(heard);
        heard.as_mut().enable();
        self.listened.store(true, Ordering::Relaxed);
        if self.send(&[], &[Bytes::from_static(frames::PING)]) == Sent::Closed {
            return false;
        }
        heard.await;
        true
    }

    /// Cuts the connection at once, whatever is waiting.
    pub fn abort(&self) {
        self.close(&mut self.out());
    }

    fn close(&self, out: &mut Out) {
        out.phase = Phase::Closed;
        out.queue.clear();
        out.queued = 0;
        if let Some(library) = out.library.take() {
            library.wake();
        }
        self.drained.notify_waiters();
        // It may be gone already; then there is nothing to shut down.
        let stream: &TcpStream = self.stream.as_ref();
        drop(socket2::SockRef::from(stream).shutdown(Shutdown::Both));
    }

    /// Writes what the socket takes now and queues the rest.
    fn write(self: &Arc<Self>, out: &mut Out, frames: &[Bytes]) {
        let total: usize = frames.iter().map(Bytes::len).sum();
        let mut written = 0;
        if out.queue.is_empty() && total > 0 {
            match self.try_write(frames) {
                Ok(n) => written = n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_broken) => return self.close(out),
            }
        }
        if written == total {
            return;
        }
        for frame in frames {
            let skip = written.min(frame.len());
            written = written.saturating_sub(skip);
            let rest = frame.slice(skip..);
            out.queued = out.queued.saturating_add(rest.len());
            if !rest.is_empty() {
                out.queue.push_back(rest);
            }
        }
        if !out.flushing {
            out.flushing = true;
            self.tracker.spawn(self.clone().flush());
        }
    }

    fn try_write(&self, frames: &[Bytes]) -> io::Result<usize> {
        match frames {
            [one] => self.stream.try_write(one),
            many => {
                let slices: Vec<IoSlice<'_>> = many.iter().map(|f| IoSlice::new(f)).collect();
                self.stream.try_write_vectored(&slices)
            }
        }
    }

    /// Writes the queue as the socket becomes ready, until it is empty.
    async fn flush(self: Arc<Self>) {
        loop {
            if self.stream.writable().await.is_err() {
                return self.abort();
            }
            let mut out = self.out();
            if let Err(error) = self.write_queue(&mut out)
                && error.kind() != io::ErrorKind::WouldBlock
            {
                return self.close(&mut out);
            }
            if out.queued <= HTTP_BACKLOG
                && let Some(library) = out.library.take()
            {
                library.wake();
            }
            if out.queue.is_empty() {
                out.flushing = false;
                out.owed = 0;
                out.queue.shrink_to_fit();
                self.drained.notify_waiters();
                if matches!(out.phase, Phase::Finishing) {
                    self.close(&mut out);
                }
                return;
            }
        }
    }

    fn write_queue(&self, out: &mut Out) -> io::Result<()> {
        while let Some(front) = out.queue.front_mut() {
            let written = self.stream.try_write(front)?;
            front.advance(written);
            out.queued = out.queued.saturating_sub(written);
            if front.is_empty() {
                out.queue.pop_front();
            }
        }
        Ok(())
    }

    /// What the library writes, whole. In a held phase this looks for the frame that opens the way.
    fn library_writes(self: &Arc<Self>, buffer: &[u8]) -> io::Result<()> {
        let mut out = self.out();
        let amended = out.amend(buffer);
        let buffer = amended.as_deref().unwrap_or(buffer);
        match &out.phase {
            Phase::Closed | Phase::Finishing => return Err(io::ErrorKind::BrokenPipe.into()),
            Phase::Http | Phase::Open => self.write_copy(&mut out, buffer),
            Phase::Held(until, _) => {
                let until = *until;
                self.pass_until(&mut out, buffer, until);
            }
        }
        if matches!(out.phase, Phase::Closed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // Behind a slow reader heartbeats pile up; only what the library itself adds counts.
        if !matches!(out.phase, Phase::Http) && !out.queue.is_empty() {
            out.owed = out.owed.saturating_add(buffer.len());
            if out.owed > self.limit {
                self.close(&mut out);
            }
        }
        Ok(())
    }

    fn pass_until(self: &Arc<Self>, out: &mut Out, buffer: &[u8], until: Until) {
        let mut at = 0;
        while let Some(rest) = buffer.get(at..)
            && let Some(frame) = frames::first(rest)
        {
            let payload = rest.get(frame.payload..frame.end).unwrap_or_default();
            let end = at.saturating_add(frame.end);
            let opens = frame.is_text && until.is_opened_by(payload);
            let passed = if opens && until == Until::Switched {
                at
            } else {
                end
            };
            if opens {
                self.write_copy(out, buffer.get(..passed).unwrap_or_default());
                let phase = std::mem::replace(&mut out.phase, Phase::Open);
                if let Phase::Held(_, held) = phase {
                    let held: Vec<Bytes> = held.into();
                    self.write(out, &held);
                }
                if out.queue.is_empty() {
                    self.drained.notify_waiters();
                }
                return self.write_copy(out, buffer.get(end..).unwrap_or_default());
            }
            at = end;
        }
        self.write_copy(out, buffer);
    }

    fn write_copy(self: &Arc<Self>, out: &mut Out, buffer: &[u8]) {
        if buffer.is_empty() {
            return;
        }
        let mut written = 0;
        if out.queue.is_empty() {
            match self.stream.try_write(buffer) {
                Ok(n) => written = n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_broken) => return self.close(out),
            }
        }
        let rest = buffer.get(written..).unwrap_or_default();
        if !rest.is_empty() {
            out.queued = out.queued.saturating_add(rest.len());
            out.queue.push_back(Bytes::copy_from_slice(rest));
            if !out.flushing {
                out.flushing = true;
                self.tracker.spawn(self.clone().flush());
            }
        }
    }

    /// The library is done with the connection. Last words are still delivered, for a while.
    fn finish(self: &Arc<Self>) {
        let mut out = self.out();
        if out.queue.is_empty() || matches!(out.phase, Phase::Closed) {
            return self.close(&mut out);
        }
        out.phase = Phase::Finishing;
        drop(out);
        let wire = self.clone();
        self.tracker.spawn(async move {
            if tokio::time::timeout(LINGER, wire.drained()).await.is_err() {
                wire.abort();
            }
        });
    }
}

impl Out {
    /// The buffer with the introduction in the place of the answer to CONNECT, if it holds that.
    fn amend(&mut self, buffer: &[u8]) -> Option<Vec<u8>> {
        if matches!(self.phase, Phase::Http) {
            return None;
        }
        let amended = introducing::in_frames(buffer, self.introduction.as_deref()?)?;
        self.introduction = None;
        Some(amended)
    }
}

impl Until {
    fn is_opened_by(self, payload: &[u8]) -> bool {
        match self {
            Self::Connected => payload.starts_with(b"40"),
            Self::Switched => payload.strip_prefix(b"42[\"").is_some_and(|rest| {
                rest.strip_prefix(SWITCH_EVENT.as_bytes())
                    .is_some_and(|r| r.starts_with(b"\""))
            }),
        }
    }
}

/// The library's side of a [`Wire`]. Dropping it ends the connection.
#[derive(Debug)]
pub struct WireIo {
    wire: Arc<Wire>,
    reader: OwnedReadHalf,
    unread: Bytes,
    at_end: AtEnd,
}

/// What is to be done when the library lets go of a stream.
#[derive(Default)]
struct AtEnd(Option<Box<dyn FnOnce() + Send + Sync>>);

impl std::fmt::Debug for AtEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AtEnd").field(&self.0.is_some()).finish()
    }
}

impl WireIo {
    /// The connection.
    #[must_use]
    pub const fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }

    /// What was read ahead is read again first. An empty rest is let go, since it would keep the
    /// whole buffer that it was cut from (8 KiB per connection).
    pub fn unread(&mut self, bytes: Bytes) {
        self.unread = if bytes.is_empty() {
            Bytes::new()
        } else {
            bytes
        };
    }
}

impl WireIo {
    /// Has something done when the library lets go of the stream.
    pub(super) fn at_end(&mut self, last: impl FnOnce() + Send + Sync + 'static) {
        self.at_end.0 = Some(Box::new(last));
    }
}

impl Drop for WireIo {
    fn drop(&mut self) {
        self.wire.finish();
        if let Some(last) = self.at_end.0.take() {
            last();
        }
    }
}

impl AsyncRead for WireIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let n = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(n));
            let rest = std::mem::take(&mut self.unread);
            self.unread(rest);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.reader).poll_read(cx, buffer);
        if buffer.filled().len() > before && self.wire.listened.load(Ordering::Relaxed) {
            self.wire.listened.store(false, Ordering::Relaxed);
            self.wire.heard.notify_waiters();
        }
        read
    }
}

impl AsyncWrite for WireIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        {
            let mut out = self.wire.out();
            if matches!(out.phase, Phase::Http) && out.queued > HTTP_BACKLOG {
                out.library = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        self.wire.library_writes(buffer)?;
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.finish();
        Poll::Ready(Ok(()))
    }
}
