//! Versions: list, get, lock, remove.

use crate::answer::{Answer, parse, text_of};
use crate::client::Call;
use crate::error::Result;
use crate::{Bucket, Error};
use base::Timestamp;
use rusty_s3::Method;
use std::collections::BTreeSet;

/// Most versions in one answer.
const PAGE: &str = "1000";

/// Most versions that a list in memory takes.
const MOST: usize = 200_000;
/// Most pages of one key.
const PAGES: usize = 200;

/// One version of a key, or a mark that hides the ones before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The key.
    pub key: String,
    /// The version's id, which the store gives.
    pub id: String,
    /// Its length in bytes.
    pub size: u64,
    /// The store's tag of its content.
    pub etag: String,
    /// Whether it is a delete marker: a key without bytes.
    pub marker: bool,
}

/// What the store says keeps a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Not removed before this moment, by anyone.
    pub until: Option<Timestamp>,
    /// Not removed while this is set.
    pub hold: bool,
}

impl Bucket {
    /// Every version of every key that begins with `prefix`, keys in order, the newest of each key first.
    pub fn versions(&self, prefix: &str) -> Result<Vec<Version>> {
        let (mut all, mut more) = (Vec::new(), false);
        self.each_version(prefix, &mut |version| match all.len() < MOST {
            true => all.push(version),
            false => more = true,
        })?;
        if more { Err(Error::Answer("more versions than a list may have")) } else { Ok(all) }
    }

    /// The same, one by one: a bucket may hold more than memory should.
    pub fn each_version(&self, prefix: &str, each: &mut dyn FnMut(Version)) -> Result<()> {
        let mut at = Place::default();
        loop {
            let mut call = Call::new("list versions", Method::Get, None)
                .query("versions", "")
                .query("prefix", prefix)
                .query("max-keys", PAGE);
            if !at.key.is_empty() {
                call =
                    call.query("key-marker", at.key.as_str()).query("version-id-marker", at.version.as_str());
            }
            let mut found = Vec::new();
            let further = page(self.send(&call)?.text()?, prefix, &mut found)?;
            found.into_iter().for_each(&mut *each);
            match further {
                Some(further) => at.go_on(further)?,
                None => return Ok(()),
            }
        }
    }

    /// Whether any key begins with `prefix`.
    pub fn has_any(&self, prefix: &str) -> Result<bool> {
        let call = Call::new("list versions", Method::Get, None)
            .query("versions", "")
            .query("prefix", prefix)
            .query("max-keys", "1");
        let mut found = Vec::new();
        page(self.send(&call)?.text()?, prefix, &mut found)?;
        Ok(!found.is_empty())
    }

    /// The versions of one key, the oldest first, without delete markers.
    pub fn versions_of(&self, key: &str) -> Result<Vec<Version>> {
        let mut found = self.versions(key)?;
        found.retain(|version| version.key == key && !version.marker);
        found.reverse();
        Ok(found)
    }

    /// The bytes of a version that is at most `most` long.
    pub fn get(&self, key: &str, version: &str, most: u64) -> Result<Vec<u8>> {
        let mut call = Call::new("get an object", Method::Get, Some(key)).query("versionId", version);
        call.most = most;
        let answer = self.send(&call)?;
        is_version(&answer, version)?;
        if answer.status != 200 {
            return Err(Error::Answer("a part of an object"));
        }
        Ok(answer.body)
    }

    /// `length` bytes of a version from `from` on, all of which must be there.
    pub fn get_range(&self, key: &str, version: &str, from: u64, length: u64) -> Result<Vec<u8>> {
        let last = from.saturating_add(length).saturating_sub(1);
        let mut call = Call::new("get a range", Method::Get, Some(key))
            .query("versionId", version)
            .header("range", format!("bytes={from}-{last}"));
        call.most = length.saturating_add(1);
        let answer = self.send(&call)?;
        is_version(&answer, version)?;
        let begins = format!("bytes {from}-{last}/");
        let range = answer.header("content-range").unwrap_or_default();
        if answer.status != 206 || !range.starts_with(&begins) || answer.body.len() as u64 != length {
            return Err(Error::Answer("another range"));
        }
        Ok(answer.body)
    }

    /// What keeps a version. A retention that an administrator of the store may end counts as none.
    pub fn held(&self, key: &str, version: &str) -> Result<Held> {
        let call = Call::new("look at a lock", Method::Head, Some(key)).query("versionId", version);
        let answer = match self.send(&call) {
            // An answer without a body carries no word for what is missing; the bucket is there.
            Err(Error::Refused { status: 404, .. }) => return Err(Error::Absent),
            answer => answer?,
        };
        is_version(&answer, version)?;
        let until = match answer.header("x-amz-object-lock-mode") {
            Some("COMPLIANCE") => {
                let text = answer.header("x-amz-object-lock-retain-until-date").unwrap_or_default();
                Some(text.parse().map_err(|_| Error::Answer("a lock without an end"))?)
            }
            _ => None,
        };
        Ok(Held { until, hold: answer.header("x-amz-object-lock-legal-hold") == Some("ON") })
    }

    /// Forbids the removal of a version before `until`, to everyone. Says nothing about what is then in
    /// force: [`Bucket::held`] does.
    pub fn retain(&self, key: &str, version: &str, until: Timestamp) -> Result<()> {
        let until = whole_second(until);
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>COMPLIANCE</Mode>\
             <RetainUntilDate>{until}</RetainUntilDate></Retention>"
        );
        let call = Call::new("lock an object", Method::Put, Some(key)).query("retention", "");
        self.send(&call.query("versionId", version).body(body.as_bytes())).map(|_| ())
    }

    /// Forbids the removal of a version, or no longer, whatever its retention.
    pub fn hold(&self, key: &str, version: &str, on: bool) -> Result<()> {
        let status = if on { "ON" } else { "OFF" };
        let body = format!(
            "<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>{status}</Status></LegalHold>"
        );
        let call = Call::new("hold an object", Method::Put, Some(key)).query("legal-hold", "");
        self.send(&call.query("versionId", version).body(body.as_bytes())).map(|_| ())
    }

    /// Removes a version for good. What is not there is no error.
    pub fn remove(&self, key: &str, version: &str) -> Result<()> {
        let call = Call::new("remove an object", Method::Delete, Some(key)).query("versionId", version);
        match self.send(&call) {
            Ok(_) | Err(Error::Absent) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Where the next page of a list begins.
#[derive(Default)]
struct Place {
    key: String,
    version: String,
    /// The versions at which pages of this key began.
    seen: BTreeSet<String>,
}

impl Place {
    /// A list that leads nowhere, or in a circle, would be read for ever: the key goes up, or the version is
    /// one at which no page of the key began, and a key has so many pages at most.
    fn go_on(&mut self, (key, version): (String, String)) -> Result<()> {
        if key > self.key {
            self.seen.clear();
        } else if key < self.key || self.seen.contains(&version) || self.seen.len() >= PAGES {
            return Err(Error::Answer("a list that does not go on"));
        }
        self.seen.insert(version.clone());
        (self.key, self.version) = (key, version);
        Ok(())
    }
}

/// A moment as stores keep it: in whole seconds, never earlier than asked for.
fn whole_second(moment: Timestamp) -> Timestamp {
    let up = i64::from(moment.subsec_nanosecond() > 0);
    Timestamp::from_second(moment.as_second().saturating_add(up)).unwrap_or(moment)
}

fn is_version(answer: &Answer, version: &str) -> Result<()> {
    match answer.header("x-amz-version-id") {
        Some(given) if given == version => Ok(()),
        _ => Err(Error::Answer("another version")),
    }
}

/// Takes a page of a list. Gives where the next one begins.
fn page(text: &str, prefix: &str, found: &mut Vec<Version>) -> Result<Option<(String, String)>> {
    let document = parse(text)?;
    let root = document.root_element();
    if root.tag_name().name() != "ListVersionsResult" {
        return Err(Error::Answer("no list of versions"));
    }
    let missing = || Error::Answer("a list without keys or versions");
    for node in root.children().filter(|node| node.is_element()) {
        let marker = match node.tag_name().name() {
            "Version" => false,
            "DeleteMarker" => true,
            _ => continue,
        };
        let key = text_of(node, "Key").ok_or_else(missing)?;
        if !key.starts_with(prefix) {
            return Err(Error::Answer("a list of other keys"));
        }
        let size = if marker { Some(0) } else { text_of(node, "Size").and_then(|size| size.parse().ok()) };
        found.push(Version {
            key: key.to_owned(),
            id: text_of(node, "VersionId").ok_or_else(missing)?.to_owned(),
            size: size.ok_or_else(missing)?,
            etag: text_of(node, "ETag").unwrap_or_default().trim_matches('"').to_owned(),
            marker,
        });
    }
    if text_of(root, "IsTruncated") != Some("true") {
        return Ok(None);
    }
    let key = text_of(root, "NextKeyMarker").ok_or_else(missing)?;
    Ok(Some((key.to_owned(), text_of(root, "NextVersionIdMarker").unwrap_or_default().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_never_ends_before_the_moment_that_was_asked_for() {
        for (asked, locked) in [
            ("2031-05-14T09:00:00Z", "2031-05-14T09:00:00Z"),
            ("2031-05-14T09:00:00.000000001Z", "2031-05-14T09:00:01Z"),
        ] {
            assert_eq!(whole_second(asked.parse().unwrap()).to_string(), locked);
        }
    }

    #[test]
    fn a_list_goes_on_or_ends() {
        let walk = |steps: &[(&str, &str)]| {
            let mut at = Place::default();
            steps.iter().try_for_each(|(key, version)| at.go_on(((*key).to_owned(), (*version).to_owned())))
        };
        assert!(walk(&[("a", "1"), ("a", "2"), ("b", "1"), ("b", ""), ("c", "")]).is_ok());
        for circle in [
            &[("a", "1"), ("a", "1")][..],
            &[("a", "1"), ("a", "2"), ("a", "1")],
            &[("b", "1"), ("a", "1")],
            &[("a", ""), ("a", "")],
        ] {
            assert!(walk(circle).is_err(), "{circle:?}");
        }
        let endless: Vec<String> = (0..=PAGES).map(|at| at.to_string()).collect();
        assert!(walk(&endless.iter().map(|at| ("a", at.as_str())).collect::<Vec<_>>()).is_err());
    }

    #[test]
    fn a_page_of_other_keys_or_of_something_else_is_refused() {
        let one = |key: &str| {
            format!(
                "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>\
                 <NextVersionIdMarker>v</NextVersionIdMarker><Version><Key>{key}</Key><VersionId>v</VersionId>\
                 <Size>7</Size><ETag>\"e\"</ETag></Version><DeleteMarker><Key>{key}</Key>\
                 <VersionId>w</VersionId></DeleteMarker></ListVersionsResult>"
            )
        };
        let mut found = Vec::new();
        let next = page(&one("a/1"), "a/", &mut found).unwrap();
        assert_eq!(next, Some(("k".to_owned(), "v".to_owned())));
        assert_eq!(found.iter().map(|v| (v.size, v.marker)).collect::<Vec<_>>(), [(7, false), (0, true)]);
        for (text, prefix) in [(one("b/1"), "a/"), ("<Other/>".to_owned(), ""), ("{}".to_owned(), "")] {
            assert!(page(&text, prefix, &mut Vec::new()).is_err());
        }
        assert!(page("<ListVersionsResult><Version/></ListVersionsResult>", "", &mut Vec::new()).is_err());
    }
}
