//! Whether a connection moves: what slow and silent clients are cut by.
//!
//! The hot path only sets flags and counts; no clock is read and no timer is set per request. A tick a few times per
//! time limit looks at what changed since the last one, so limits are kept to within a tick.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection did, seen from its socket and its requests.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Bytes arrived since the last request began.
    bytes_waiting: AtomicBool,
    /// A write waits for the client to read.
    write_waiting: AtomicBool,
    /// Requests begun so far.
    begun: AtomicU64,
    /// Requests whose answer is not made yet.
    running: AtomicU32,
    /// Bytes the client took so far.
    written: AtomicU64,
}

impl Pace {
    /// Counts a request until the returned guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.begun.fetch_add(1, Relaxed);
        self.running.fetch_add(1, Relaxed);
        self.bytes_waiting.store(false, Relaxed);
        Running(Arc::clone(self))
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Running(Arc<Pace>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}

/// The limits a connection is held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct PaceLimits {
    pub(super) header: Duration,
    pub(super) idle: Duration,
    pub(super) write: Duration,
}

impl PaceLimits {
    /// How often to look: four times per shortest limit, at most once a second unless a limit needs more.
    pub(super) fn tick(&self) -> Duration {
        (self.header.min(self.idle).min(self.write) / 4).clamp(Duration::from_millis(5), Duration::from_secs(5))
    }
}

/// What a tick says about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It moves, or still has time.
    Live,
    /// It rested between requests for too long: close it politely.
    Rested,
    /// It neither sends its request nor takes its answer: cut it.
    Stuck,
}

/// Compares a connection with what it was a tick ago.
#[derive(Debug)]
pub(super) struct Watch {
    limits: PaceLimits,
    tick: Duration,
    /// HTTP/2 frames arrive between requests, so bytes alone do not mean that a header has begun.
    is_http2: bool,
    begun: u64,
    written: u64,
    silent: Duration,
    heading: Duration,
    blocked: Duration,
}

impl Watch {
    pub(super) fn new(limits: PaceLimits, is_http2: bool) -> Self {
        let (begun, written, none) = (0, 0, Duration::ZERO);
        let tick = limits.tick();
        Self { limits, tick, is_http2, begun, written, silent: none, heading: none, blocked: none }
    }

    /// To be called once per [`PaceLimits::tick`].
    pub(super) fn look(&mut self, pace: &Pace) -> Verdict {
        let (begun, written) = (pace.begun.load(Relaxed), pace.written.load(Relaxed));
        let requested = begun != self.begun;
        let took = written != self.written;
        (self.begun, self.written) = (begun, written);

        let is_writing = pace.write_waiting.load(Relaxed) && !took;
        self.blocked = if is_writing { self.blocked + self.tick } else { Duration::ZERO };
        if self.blocked > self.limits.write {
            return Verdict::Stuck;
        }
        if requested || took || pace.running.load(Relaxed) > 0 {
            (self.silent, self.heading) = (Duration::ZERO, Duration::ZERO);
            return Verdict::Live;
        }
        self.silent += self.tick;
        let has_begun = if begun == 0 { true } else { !self.is_http2 && pace.bytes_waiting.load(Relaxed) };
        self.heading = if has_begun { self.heading + self.tick } else { Duration::ZERO };
        if self.heading > self.limits.header {
            return Verdict::Stuck;
        }
        if self.silent > self.limits.idle { Verdict::Rested } else { Verdict::Live }
    }
}

/// A stream that tells its [`Pace`] what it does.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, pace: Arc<Pace>) -> Self {
        Self { stream, pace }
    }

    fn wrote<T>(&self, result: Poll<io::Result<T>>, bytes: impl FnOnce(&T) -> usize) -> Poll<io::Result<T>> {
        match &result {
            Poll::Pending => self.pace.write_waiting.store(true, Relaxed),
            Poll::Ready(Ok(value)) => {
                self.pace.written.fetch_add(bytes(value) as u64, Relaxed);
                self.pace.write_waiting.store(false, Relaxed);
            }
            Poll::Ready(Err(_)) => {}
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.pace.bytes_waiting.store(true, Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(result, |bytes| *bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(result, |bytes| *bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.wrote(result, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.wrote(result, |()| 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PaceLimits =
        PaceLimits { header: Duration::from_secs(4), idle: Duration::from_secs(20), write: Duration::from_secs(8) };

    fn looks(watch: &mut Watch, pace: &Pace, ticks: u32) -> Verdict {
        (0..ticks).map(|_| watch.look(pace)).last().unwrap()
    }

    #[test]
    fn a_connection_that_never_asks_is_cut_after_the_header_time() {
        let (pace, mut watch) = (Pace::default(), Watch::new(LIMITS, false));
        assert_eq!(looks(&mut watch, &pace, 4), Verdict::Live);
        assert_eq!(watch.look(&pace), Verdict::Stuck);
    }

    #[test]
    fn a_second_header_that_never_ends_is_cut_after_the_header_time() {
        let (pace, mut watch) = (Arc::new(Pace::default()), Watch::new(LIMITS, false));
        drop(pace.begin());
        pace.bytes_waiting.store(true, Relaxed);
        assert_eq!(looks(&mut watch, &pace, 5), Verdict::Live);
        assert_eq!(watch.look(&pace), Verdict::Stuck);
    }

    #[test]
    fn a_connection_at_rest_is_closed_after_the_idle_time() {
        for is_http2 in [false, true] {
            let (pace, mut watch) = (Arc::new(Pace::default()), Watch::new(LIMITS, is_http2));
            drop(pace.begin());
            assert_eq!(looks(&mut watch, &pace, 21), Verdict::Live);
            pace.bytes_waiting.store(is_http2, Relaxed); // A ping does not make it a request.
            assert_eq!(watch.look(&pace), Verdict::Rested);
        }
    }

    #[test]
    fn a_running_request_keeps_its_connection() {
        let (pace, mut watch) = (Arc::new(Pace::default()), Watch::new(LIMITS, false));
        let running = pace.begin();
        assert_eq!(looks(&mut watch, &pace, 100), Verdict::Live);
        drop(running);
        assert_eq!(looks(&mut watch, &pace, 21), Verdict::Rested);
    }

    #[test]
    fn a_client_that_does_not_read_is_cut() {
        let (pace, mut watch) = (Arc::new(Pace::default()), Watch::new(LIMITS, false));
        drop(pace.begin());
        pace.write_waiting.store(true, Relaxed);
        assert_eq!(looks(&mut watch, &pace, 8), Verdict::Live);
        pace.written.fetch_add(1, Relaxed);
        assert_eq!(looks(&mut watch, &pace, 8), Verdict::Live, "it took a byte meanwhile");
        assert_eq!(looks(&mut watch, &pace, 2), Verdict::Stuck);
    }
}
