//! Dialling the socket inside a site.

use crate::{Error, Failure};
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

/// The folder of the socket, and its name there.
const FOLDER: &str = "run";
const NAME: &str = "site.sock";
/// Most bytes of a socket's path, without its end: the kernel takes 108 with it.
const LONGEST: usize = 107;

/// Connects to the process of the site in `folder`; none if nobody listens.
///
/// INVARIANT (owner): the process belongs to the site's owner, to the caller or to root, so a
/// session's token is not handed to somebody who could merely put a socket there.
pub async fn dial(folder: &Path) -> Result<Option<Patient>, Failure> {
    let stream = match connect(folder).await {
        Ok(stream) => stream,
        Err(error) if is_nobody(&error) => return Ok(None),
        Err(error) => return Err(Error::Connection(error.to_string()).into()),
    };
    let broken = |error: io::Error| Failure::from(Error::Connection(error.to_string()));
    let peer = stream.peer_cred().map_err(broken)?.uid();
    let owner = std::fs::metadata(folder).map_err(broken)?.uid();
    let caller = rustix::process::geteuid().as_raw();
    if ![owner, caller, 0].contains(&peer) {
        return Err(Error::Stranger.into());
    }
    Ok(Some(Patient(stream)))
}

async fn connect(folder: &Path) -> io::Result<UnixStream> {
    let run = folder.join(FOLDER);
    let socket = run.join(NAME);
    if socket.as_os_str().len() <= LONGEST {
        return UnixStream::connect(socket).await;
    }
    // The same file by a name that is always short enough.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = rustix::fs::open(run, flags, Mode::empty())?;
    UnixStream::connect(format!("/proc/self/fd/{}/{NAME}", handle.as_raw_fd())).await
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// A connection that goes on reading when the other side takes no more.
///
/// A process that refuses a file while it arrives answers and closes. What is written after that
/// fails, though the answer lies there to be read; the failure would hide why.
pub struct Patient(UnixStream);

impl Patient {
    /// A write that found the other side gone waits for ever, so that the end, or the answer, is
    /// found by reading.
    fn bear(result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match ready!(result) {
            Err(error)
                if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) =>
            {
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::bear(Pin::new(&mut self.get_mut().0).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Self::bear(Pin::new(&mut self.get_mut().0).poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}
