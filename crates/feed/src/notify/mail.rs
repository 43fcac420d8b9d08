//! A message of mail (RFC 5322): plain text in ASCII, with nothing in it that somebody typed.

use crate::notify::notice::Notice;
use crate::notify::{Sender, Word};
use base::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What a message is of.
pub(crate) struct Letter<'a> {
    pub from: &'a str,
    pub to: &'a str,
    /// Names the message; from the site's entropy.
    pub id: [u8; 16],
    pub now: Timestamp,
    pub sender: &'a Sender,
}

/// A burst of events, as it is told.
#[derive(Debug, Default, Clone)]
pub(crate) struct Digest {
    /// The first of each kind, each with how often it is repeated.
    pub told: Vec<(Notice, u64)>,
    /// Events beyond these, by kind.
    pub more: BTreeMap<Word, u64>,
}

/// Events of one kind that one message names: a flood of one kind takes no other's place.
const EACH: usize = 20;

impl Digest {
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// How many events it is of.
    pub fn events(&self) -> u64 {
        let told = self.told.iter().map(|(_, times)| times);
        told.chain(self.more.values()).fold(0, |sum: u64, times| sum.saturating_add(*times))
    }

    pub fn add(&mut self, notice: Notice) {
        let room = self.told.iter().filter(|(told, _)| told.word == notice.word).count() < EACH;
        match self.told.iter_mut().find(|(told, _)| told.repeats(&notice)) {
            Some((_, times)) => *times = times.saturating_add(1),
            None if room => self.told.push((notice, 1)),
            None => {
                let more = self.more.entry(notice.word).or_default();
                *more = more.saturating_add(1);
            }
        }
    }

    fn subject(&self) -> String {
        let events = match self.events() {
            1 => "1 event".to_owned(),
            many => format!("{many} events"),
        };
        let projects: BTreeSet<_> = self.told.iter().map(|(notice, _)| notice.project.as_ref()).collect();
        match projects.first() {
            Some(Some(project)) if projects.len() == 1 && self.more.is_empty() => {
                format!("Sequestra: {events} in {project}")
            }
            _ => format!("Sequestra: {events}"),
        }
    }
}

impl Letter<'_> {
    /// The whole message of a digest.
    pub fn of(&self, digest: &Digest) -> String {
        let mut body = String::new();
        for (notice, times) in &digest.told {
            let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
            let place = notice.project.as_ref().map(ToString::to_string).unwrap_or_default();
            let ids = notice.about.join(" ");
            // Writing to a text does not fail.
            let _ = write!(
                body,
                "{} {}{times}\r\n  {place} {ids}\r\n  event {}; {}\r\n\r\n",
                seconds(notice.time),
                notice.word.phrase(),
                notice.position,
                notice.look()
            );
        }
        for (word, more) in &digest.more {
            let _ = write!(body, "and {more} more: {}\r\n\r\n", word.phrase());
        }
        self.with(&digest.subject(), &body)
    }

    /// A message that says that it is a test.
    pub fn test(&self) -> String {
        self.with(
            "Sequestra: a test message",
            "Somebody asked the site for this message. Nothing happened.\r\n\r\n",
        )
    }

    fn with(&self, subject: &str, body: &str) -> String {
        let Self { from, to, now, sender, .. } = self;
        let (date, id) = (now.strftime("%a, %d %b %Y %H:%M:%S +0000"), hexadecimal(&self.id));
        let domain = from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let pages =
            sender.pages.as_ref().map(|pages| format!("The site's pages: {pages}/\r\n")).unwrap_or_default();
        format!(
            "From: Sequestra <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {date}\r\n\
             Message-ID: <{id}@{domain}>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{body}\
             Details are shown by the commands, to those who may see them.\r\n{pages}From {}\r\n",
            sender.site
        )
    }
}

/// A time without its fraction.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Word;
    use audit::Actor;
    use base::{Id, ProjectId, SiteId, SystemEntropy};

    fn notice(project: &ProjectId, position: u64) -> Notice {
        Notice {
            word: Word::RunFailed,
            position,
            time: Timestamp::from_second(1_800_000_000).unwrap(),
            project: Some(project.clone()),
            about: vec![format!("run_{position:020}")],
        }
    }

    #[test]
    fn a_message_is_whole_and_its_subject_counts() {
        let sender = Sender {
            site: Actor::Site(SiteId::mint(&SystemEntropy)),
            pages: Some("https://s.example".into()),
        };
        let letter = Letter {
            from: "sequestra@site.example",
            to: "team@site.example",
            id: [0xab; 16],
            now: Timestamp::from_second(1_800_000_001).unwrap(),
            sender: &sender,
        };
        let (one, other) = (ProjectId::mint(&SystemEntropy), ProjectId::mint(&SystemEntropy));
        let mut digest = Digest::default();
        for position in [1, 2, 2] {
            digest.add(notice(&one, position));
        }
        let text = letter.of(&digest);
        assert!(text.contains(&format!("\r\nSubject: Sequestra: 3 events in {one}\r\n")), "{text}");
        assert!(text.contains("\r\nDate: Fri, 15 Jan 2027 08:00:01 +0000\r\n"), "{text}");
        assert!(text.contains(&format!("\r\nMessage-ID: <{}@site.example>\r\n", "ab".repeat(16))), "{text}");
        assert!(
            text.contains("without its results (2 times)") && text.contains("https://s.example/"),
            "{text}"
        );
        assert!(text.contains(&format!("sequestra run show run_{:020}", 2)), "{text}");
        assert!(text.is_ascii() && text.lines().all(|line| line.len() < 500));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        digest.add(notice(&other, 4));
        assert!(letter.of(&digest).contains("\r\nSubject: Sequestra: 4 events\r\n"));
    }

    #[test]
    fn a_flood_is_one_message_of_bounded_length_and_takes_nobody_elses_place() {
        let project = ProjectId::mint(&SystemEntropy);
        let mut digest = Digest::default();
        for position in 0..500 {
            digest.add(notice(&project, position));
        }
        assert_eq!(digest.more, BTreeMap::from([(Word::RunFailed, 480)]));
        digest.add(Notice { word: Word::SupportAsked, ..notice(&project, 500) });
        assert_eq!((digest.told.len(), digest.events()), (EACH + 1, 501));
    }
}
