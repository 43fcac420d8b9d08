//! A connection whose other side has to begin, has to take what it asked for, and is left with the answer.

use crate::patience::Patience;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long, and for how many bytes, what still comes is read after the answer. Closed at once, the kernel
/// would answer such bytes with a reset, and the other side would lose the answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 16 << 20;

/// The connection.
pub struct Guarded<S> {
    stream: S,
    /// Until the first byte.
    begin: Option<Pin<Box<Sleep>>>,
    writing: Patience,
    closing: Option<Closing>,
}

struct Closing {
    shut: bool,
    end: Pin<Box<Sleep>>,
    read: usize,
}

impl<S> Guarded<S> {
    /// The first byte has to come within `begin`; an answer has to move within the patience `writing`.
    pub fn new(stream: S, begin: Duration, writing: Patience) -> Self {
        Self { stream, begin: Some(Box::pin(sleep(begin))), writing, closing: None }
    }

    /// Ends a write that waits too long.
    fn bear<T>(&mut self, context: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match done {
            Poll::Pending => {
                ready!(self.writing.poll_end(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            done => done,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        match (&read, &mut this.begin) {
            (Poll::Ready(_), begin) => *begin = None,
            (Poll::Pending, Some(begin)) => {
                ready!(begin.as_mut().poll(context));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            (Poll::Pending, None) => {}
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = &written {
            this.writing.moved(*written as u64);
        }
        this.bear(context, written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        if flushed.is_ready() {
            this.writing.done();
        }
        this.bear(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closing = this.closing.get_or_insert_with(|| Closing {
            shut: false,
            end: Box::pin(sleep(LINGER)),
            read: 0,
        });
        let over = closing.end.as_mut().poll(context).is_ready();
        if !closing.shut {
            match Pin::new(&mut this.stream).poll_shutdown(context) {
                Poll::Ready(Ok(())) => closing.shut = true,
                Poll::Pending if !over => return Poll::Pending,
                other => return other,
            }
        }
        let mut room = [0u8; 4096];
        while !over && closing.read < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut room);
            match Pin::new(&mut this.stream).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    closing.read = closing.read.saturating_add(buffer.filled().len());
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
