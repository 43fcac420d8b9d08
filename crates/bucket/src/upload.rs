//! A new version of a key, in one piece or in many parts.

use crate::answer::{Answer, parse, text_of};
use crate::client::Call;
use crate::error::Result;
use crate::{Bucket, Error};
use md5::{Digest, Md5};
use rusty_s3::Method;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Most parts of an upload.
const PARTS: usize = 10_000;
/// Most unfinished uploads that are cleared at once.
const UPLOADS: usize = 100_000;
/// Parts after which they are twice as large: so many parts carry almost four times what ten thousand of the
/// first size would, and the memory for one grows as slowly.
const DOUBLED: usize = 2_500;

/// A version that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub version: String,
    /// Its length.
    pub size: u64,
}

/// Bytes on their way to a key. An upload in parts outlasts an outage of [`patience_seconds`](crate::Settings::patience_seconds): it goes on with
/// the part at which it was. What a killed process leaves is not gone on with: the key of its object died with it. Dropped before [`Upload::finish`], it leaves nothing but, after a crash, parts
/// that [`Bucket::abort_uploads`] clears.
pub struct Upload {
    bucket: Bucket,
    key: String,
    buffer: Vec<u8>,
    written: u64,
    parts: Option<Parts>,
    failed: bool,
}

struct Parts {
    id: String,
    etags: Vec<String>,
}

impl Bucket {
    /// Begins a new version of `key`.
    pub fn upload(&self, key: String) -> Upload {
        Upload { bucket: self.clone(), key, buffer: Vec::new(), written: 0, parts: None, failed: false }
    }

    /// Puts `bytes` at `key`, once: see [`Upload::finish`].
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<Kept> {
        let mut upload = self.upload(key.to_owned());
        upload.buffer = bytes.to_vec();
        upload.written = bytes.len() as u64;
        upload.finish()
    }

    /// Clears unfinished uploads of keys that begin with `prefix`. Gives how many there were. It ends when a
    /// list has nothing new: what a store goes on to list, it does not clear, and it costs room alone.
    pub fn abort_uploads(&self, prefix: &str) -> Result<usize> {
        let mut seen = BTreeSet::new();
        loop {
            let call = Call::new("list unfinished uploads", Method::Get, None)
                .query("uploads", "")
                .query("prefix", prefix);
            let answer = self.send(&call)?;
            let document = parse(answer.text()?)?;
            let uploads: Vec<(&str, &str)> = document
                .root_element()
                .children()
                .filter(|node| node.tag_name().name() == "Upload")
                .filter_map(|node| Some((text_of(node, "Key")?, text_of(node, "UploadId")?)))
                .filter(|(key, _)| key.starts_with(prefix))
                .collect();
            let before = seen.len();
            for (key, id) in uploads {
                if seen.len() < UPLOADS && seen.insert((key.to_owned(), id.to_owned())) {
                    self.abort(key, id)?;
                }
            }
            if seen.len() == before || text_of(document.root_element(), "IsTruncated") != Some("true") {
                return Ok(seen.len());
            }
        }
    }

    fn abort(&self, key: &str, id: &str) -> Result<()> {
        let call = Call::new("clear an upload", Method::Delete, Some(key)).query("uploadId", id);
        match self.send(&call) {
            Err(Error::Refused { status: 404, .. } | Error::Absent) => Ok(()),
            sent => sent.map(|_| ()),
        }
    }
}

impl Upload {
    /// Ends the version. When this returns, the store has it, whole, and it is the oldest of its key: readers
    /// that go by that rule get these bytes, and a version that somebody puts after it changes nothing.
    ///
    /// 1. The rest is sent, or the parts are joined. Crash here: nothing, or a version that nobody names.
    /// 2. The versions of the key are listed. One of our own whose answer was lost on the way counts as ours;
    ///    before another's, our own is taken back and the key is [`Error::Taken`]. A store that knows
    ///    conditional writes refuses earlier.
    pub fn finish(mut self) -> Result<Kept> {
        if self.failed {
            return Err(Error::Spent);
        }
        let kept = match self.parts.take() {
            None => self.settle(self.put_whole()?.as_deref())?,
            Some(mut parts) => {
                let joined = self.join(&mut parts);
                if joined.is_err() {
                    self.parts = Some(parts);
                }
                let version = joined?;
                self.bucket.patiently(|_| self.settle(version.as_deref()))?
            }
        };
        self.buffer = Vec::new();
        Ok(kept)
    }

    fn put_whole(&self) -> Result<Option<String>> {
        let call = Call::new("put an object", Method::Put, Some(&self.key))
            .header("if-none-match", "*")
            .body(&self.buffer);
        let answer = match self.bucket.send(&call) {
            // Ours, when the answer of an earlier try was lost: the list will tell.
            Err(Error::Refused { status: 412 | 409, .. }) => return Ok(None),
            answer => answer?,
        };
        is_of(&answer, &self.buffer)?;
        version_of(&answer).map(Some)
    }

    fn join(&mut self, parts: &mut Parts) -> Result<Option<String>> {
        if !self.buffer.is_empty() {
            self.send_part(parts)?;
        }
        let mut body = String::from("<CompleteMultipartUpload>");
        for (at, etag) in parts.etags.iter().enumerate() {
            let _ = write!(body, "<Part><PartNumber>{}</PartNumber><ETag>\"{etag}\"</ETag></Part>", at + 1);
        }
        body.push_str("</CompleteMultipartUpload>");
        let call = Call::new("join the parts of an object", Method::Post, Some(&self.key))
            .query("uploadId", parts.id.as_str())
            .body(body.as_bytes());
        let answer = match self.bucket.patiently(|_| self.bucket.send(&call)) {
            // The answer of an earlier try was lost, and the parts are joined.
            Err(Error::Refused { status: 404, .. }) => return Ok(None),
            answer => answer?,
        };
        // A store may say 200 first and find out that it cannot later.
        if parse(answer.text()?)?.root_element().tag_name().name() != "CompleteMultipartUploadResult" {
            return Err(Error::Refused {
                what: "join the parts of an object",
                status: 200,
                code: answer.code(),
            });
        }
        Ok(answer.header("x-amz-version-id").map(str::to_owned))
    }

    /// Which version of the key is ours, when it is the oldest.
    fn settle(&self, version: Option<&str>) -> Result<Kept> {
        let versions = self.bucket.versions_of(&self.key)?;
        let oldest = versions.first().ok_or(Error::Answer("an object that is not there"))?;
        let kept = Kept { version: oldest.id.clone(), size: oldest.size };
        let whole = oldest.size == self.written;
        let Some(own) = version else {
            return if whole && self.is_ours(oldest)? { Ok(kept) } else { Err(Error::Taken) };
        };
        if oldest.id == own {
            return if whole { Ok(kept) } else { Err(Error::Answer("an object of another length")) };
        }
        let ours = versions.iter().find(|found| found.id == own).map(|found| &found.etag);
        let same = whole && ours == Some(&oldest.etag);
        self.bucket.remove(&self.key, own)?;
        if same { Ok(kept) } else { Err(Error::Taken) }
    }

    /// Whether a version whose id no answer told holds what was sent. Of joined parts only we know the upload,
    /// so that its version is ours when it is there; of one piece the bytes are compared.
    fn is_ours(&self, found: &crate::Version) -> Result<bool> {
        if self.buffer.len() as u64 != self.written {
            return Ok(true);
        }
        Ok(self.bucket.get(&self.key, &found.id, self.written.saturating_add(1))? == self.buffer)
    }

    /// Sends what is in memory as the next part. After an outage it goes on here: the parts before are in the store,
    /// and so is this one, perhaps, when its answer was what got lost.
    fn send_part(&mut self, parts: &mut Parts) -> Result<()> {
        let number = parts.etags.len().saturating_add(1);
        if number > PARTS {
            return Err(Error::TooLarge);
        }
        let etag = self.bucket.patiently(|again| match again {
            true => match self.part_there(&parts.id, number)? {
                Some(etag) => Ok(etag),
                None => self.put_part(&parts.id, number),
            },
            false => self.put_part(&parts.id, number),
        })?;
        parts.etags.push(etag);
        self.buffer.clear();
        Ok(())
    }

    /// The tag of a part that the store has, when it is that of what is in memory.
    fn part_there(&self, id: &str, number: usize) -> Result<Option<String>> {
        let call = Call::new("list the parts of an upload", Method::Get, Some(&self.key))
            .query("uploadId", id)
            .query("part-number-marker", number.saturating_sub(1).to_string())
            .query("max-parts", "1");
        let answer = self.bucket.send(&call)?;
        let document = parse(answer.text()?)?;
        let part = document.root_element().children().find(|node| node.tag_name().name() == "Part");
        let Some(part) = part else { return Ok(None) };
        let says = |name: &str, value: String| text_of(part, name) == Some(value.as_str());
        let tag = text_of(part, "ETag").unwrap_or_default().trim_matches('"');
        let same = says("PartNumber", number.to_string())
            && says("Size", self.buffer.len().to_string())
            && tag == hex::encode(Md5::digest(&self.buffer));
        Ok(same.then(|| tag.to_owned()))
    }

    fn put_part(&self, id: &str, number: usize) -> Result<String> {
        let call = Call::new("put a part of an object", Method::Put, Some(&self.key))
            .query("partNumber", number.to_string())
            .query("uploadId", id)
            .body(&self.buffer);
        let answer = self.bucket.send(&call)?;
        is_of(&answer, &self.buffer)?;
        let etag = answer.header("etag").ok_or(Error::Answer("a part without a tag"))?;
        Ok(word(etag.trim_matches('"'))?.to_owned())
    }

    fn begin(&self) -> Result<Parts> {
        let call = Call::new("begin an upload", Method::Post, Some(&self.key)).query("uploads", "");
        let answer = self.bucket.send(&call)?;
        let document = parse(answer.text()?)?;
        let id = text_of(document.root_element(), "UploadId").filter(|id| !id.is_empty());
        let id = id.ok_or(Error::Answer("an upload without an id"))?.to_owned();
        Ok(Parts { id, etags: Vec::new() })
    }

    fn part_size(&self) -> usize {
        let done = self.parts.as_ref().map_or(0, |parts| parts.etags.len());
        let doubled = u32::try_from(done / DOUBLED).unwrap_or(3).min(3);
        self.bucket.settings().part() << doubled
    }

    fn take(&mut self, bytes: &[u8]) -> Result<usize> {
        let size = self.part_size();
        if self.buffer.len() >= size {
            let mut parts = match self.parts.take() {
                Some(parts) => parts,
                None => self.bucket.patiently(|_| self.begin())?,
            };
            let sent = self.send_part(&mut parts);
            self.parts = Some(parts);
            sent?;
        }
        let room = size.saturating_sub(self.buffer.len()).max(1).min(bytes.len());
        self.buffer.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.written = self.written.saturating_add(room as u64);
        Ok(room)
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(Error::Spent.into());
        }
        self.take(bytes).map_err(|error| {
            self.failed = true;
            error.into()
        })
    }

    /// Does nothing: bytes are kept when the upload is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(parts) = &self.parts {
            // What stays is cleared when the store is opened next.
            let _ = self.bucket.abort(&self.key, &parts.id);
        }
    }
}

/// Whether the tag of what the store took is the MD5 of what was sent, where the tag is one: under a key
/// service it is not, and the store alone compared the MD5 that came with the request.
fn is_of(answer: &Answer, bytes: &[u8]) -> Result<()> {
    let tag = answer.header("etag").unwrap_or_default().trim_matches('"');
    let plain = answer.header("x-amz-server-side-encryption").is_none_or(|kind| kind == "AES256");
    let is_md5 = plain && tag.len() == 32 && tag.bytes().all(|b| b.is_ascii_hexdigit());
    if is_md5 && tag != hex::encode(Md5::digest(bytes)) {
        return Err(Error::Answer("other bytes than were sent"));
    }
    Ok(())
}

fn version_of(answer: &Answer) -> Result<String> {
    let version = answer.header("x-amz-version-id").filter(|version| *version != "null");
    Ok(version.ok_or(Error::Unlockable("it does not keep versions"))?.to_owned())
}

/// A store's word that goes back to it inside XML.
fn word(text: &str) -> Result<&str> {
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+=".contains(&b)) {
        Ok(text)
    } else {
        Err(Error::Answer("a tag that is none"))
    }
}
