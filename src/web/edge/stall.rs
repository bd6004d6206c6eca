//! A connection that gives up on a reader who has stopped: without this, whoever asks much and reads nothing keeps a place for good.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// A stream whose writes fail when nothing at all could be written for a while. Each byte that leaves starts the time anew, so a slow
/// reader gets everything.
#[derive(Debug)]
pub struct Stall<S> {
    stream: S,
    time: Duration,
    /// Runs while a write waits.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Stall<S> {
    pub fn new(stream: S, time: Duration) -> Self {
        Self { stream, time, deadline: None }
    }

    /// What the stream says of a write, unless it has waited too long.
    fn judge<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        let time = self.time;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(time)));
        deadline.as_mut().poll(context).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the reader has stopped")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stall<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stall<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.judge(context, written)
    }
    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.judge(context, written)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    // A socket's flush and shutdown wait for nothing; and a flush that had nothing to do is no progress of a write.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test]
    async fn who_reads_nothing_more_is_given_up() {
        let (near, mut far) = duplex(4);
        let mut near = Stall::new(near, Duration::from_millis(1));
        let error = near.write_all(b"far too much").await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(near);
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.expect("what had left");
        assert_eq!(read, b"far ");
    }

    #[tokio::test]
    async fn every_byte_starts_the_time_anew() {
        let (near, mut far) = duplex(1);
        let mut near = Stall::new(near, Duration::from_hours(1));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut ends = Vec::new();
        for byte in *b"abc" {
            assert!(matches!(Pin::new(&mut near).poll_write(&mut context, &[byte]), Poll::Ready(Ok(1))));
            assert!(near.deadline.is_none(), "nothing waits");
            assert!(Pin::new(&mut near).poll_write(&mut context, b"?").is_pending());
            let end = near.deadline.as_ref().expect("a write waits").deadline();
            assert!(Pin::new(&mut near).poll_write(&mut context, b"?").is_pending());
            assert_eq!(near.deadline.as_ref().expect("still").deadline(), end, "asking again gains no time");
            ends.push(end);
            assert_eq!(far.read_u8().await.expect("a byte"), byte);
        }
        assert!(ends.is_sorted_by(|earlier, later| earlier < later), "{ends:?}");
    }
}
