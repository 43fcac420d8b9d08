//! Dialling the socket inside a site.

use super::stream::Patient;
use crate::{Error, Failure};
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
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
    Ok(Some(Patient::new(stream)))
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
