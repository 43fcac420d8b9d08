//! What goes up with a request.

use crate::{Error, Failure};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use indicatif::ProgressBar;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes read from a file at a time.
const PIECE: usize = 256 << 10;

/// A request's body, of known length.
pub enum Body {
    /// Bytes in memory; none when empty.
    Held { bytes: Option<Bytes>, json: bool },
    /// A file as it is read.
    File(Upload),
}

/// A file on its way up.
pub struct Upload {
    file: File,
    left: u64,
    bar: ProgressBar,
}

impl Upload {
    /// Sends `length` bytes of `file` and moves `bar` along.
    pub fn new(file: File, length: u64, bar: ProgressBar) -> Self {
        Self { file, left: length, bar }
    }

    /// Reads without leaving the thread: there is one connection, and nothing else to do.
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let most = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        let mut piece = Vec::with_capacity(most);
        let read = (&mut self.file).take(most as u64).read_to_end(&mut piece)? as u64;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was sent",
            ));
        }
        self.left = self.left.saturating_sub(read);
        self.bar.inc(read);
        Ok(Some(Bytes::from(piece)))
    }
}

impl Body {
    /// Nothing.
    pub fn empty() -> Self {
        Self::Held { bytes: None, json: false }
    }

    /// A value as JSON.
    pub fn json(value: &impl Serialize) -> Result<Self, Failure> {
        let bytes = serde_json::to_vec(value).map_err(|error| Error::Host(error.to_string()))?;
        Ok(Self::Held { bytes: Some(Bytes::from(bytes)), json: true })
    }

    /// Its media type.
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::Held { json: true, .. } => "application/json",
            _ => "application/octet-stream",
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = match self.get_mut() {
            Self::Held { bytes, .. } => Ok(bytes.take()),
            Self::File(upload) => upload.next(),
        };
        Poll::Ready(next.transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Held { bytes, .. } => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Self::File(upload) => upload.left,
        })
    }
}
