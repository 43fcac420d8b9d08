//! A file of JSON lines, put aside when it is long.

use crate::Error;
use crate::sink::{Record, lines};
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub(crate) struct File {
    path: PathBuf,
    rotate: u64,
}

impl File {
    pub fn new(path: PathBuf, rotate: u64) -> Self {
        Self { path, rotate }
    }

    pub async fn deliver(&mut self, batch: &[Record]) -> Result<(), Error> {
        let first = batch.first().map_or(0, |record| record.number);
        let (path, rotate, bytes) = (self.path.clone(), self.rotate, lines(batch));
        let written = tokio::task::spawn_blocking(move || append(&path, rotate, first, &bytes)).await;
        written.map_err(Error::sink)?.map_err(Error::sink)
    }
}

/// 1. Take away a line that a crash left unfinished: its record was not acknowledged.
/// 2. Put a long file aside, under the position of the first record that will not be in it.
/// 3. Append and flush. Crash before: some of the batch is there, and comes again.
fn append(path: &Path, rotate: u64, first: u64, bytes: &[u8]) -> io::Result<()> {
    let mut file = open(path)?;
    let mut end = whole_lines(&mut file)?;
    file.set_len(end)?;
    if end >= rotate {
        file.sync_data()?;
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{first:020}"));
        fs::rename(path, aside)?;
        file = open(path)?;
        end = 0;
    }
    file.seek(SeekFrom::Start(end))?;
    file.write_all(bytes)?;
    file.sync_data()?;
    if end == 0 { base::durable::flush_folder_of(path) } else { Ok(()) }
}

fn open(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)
}

/// The length up to the last line feed.
fn whole_lines(file: &mut fs::File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut byte = [0];
    while end > 0 {
        file.seek(SeekFrom::Start(end.saturating_sub(1)))?;
        file.read_exact(&mut byte)?;
        if byte == *b"\n" {
            break;
        }
        end = end.saturating_sub(1);
    }
    Ok(end)
}
