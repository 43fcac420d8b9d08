//! Where a destination is: behind a relay, or behind HTTP.

use crate::Error;
use crate::notify::mail::{Digest, Letter, seconds};
use crate::notify::notice::Notice;
use crate::notify::settings::Target;
use crate::notify::smtp::{Failed, Relay, Reply};
use crate::notify::{Destination, Mail, Sender};
use crate::post::Post;
use crate::sink::Record;
use base::{Clock, Entropy, Sensitive};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long HTTP may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// As syslog counts; HTTP does not.
const NOTICE: u32 = 5;

pub(crate) struct Way {
    to: To,
    sender: Sender,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

enum To {
    Mail { relay: Relay, from: String, to: Sensitive<String> },
    Post(Post),
}

impl Way {
    pub fn open(
        mail: Option<&Mail>,
        destination: &Destination,
        sender: Sender,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        let to = match destination.target()? {
            Target::Mail(to) => {
                let mail = mail.ok_or_else(|| destination.refuse("mail needs `[mail]`"))?;
                To::Mail { relay: Relay::open(mail)?, from: mail.from.clone(), to: Sensitive::new(to) }
            }
            Target::Post(place, settings) => {
                To::Post(Post::open(&settings, place).map_err(|error| destination.own(error))?)
            }
        };
        Ok(Self { to, sender, clock, entropy })
    }

    pub const fn kind(&self) -> &'static str {
        match self.to {
            To::Mail { .. } => "mail",
            To::Post(_) => "web",
        }
    }

    /// Hands over a digest; done when it was taken.
    pub async fn deliver(&self, digest: &Digest) -> Result<(), Failed> {
        match &self.to {
            To::Mail { .. } => self.mail(Some(digest)).await.map(drop),
            To::Post(post) => {
                let each = digest.told.iter().map(|(notice, times)| self.body(notice, *times));
                let more = digest
                    .more
                    .iter()
                    .map(|(word, more)| json!({"notification": "more", "of": word.as_str(), "events": more}));
                self.post(post, each.chain(more).collect()).await
            }
        }
    }

    /// Hands over a message that says that it is a test, and gives what was said to it.
    pub async fn test(&self) -> Result<String, Failed> {
        match &self.to {
            To::Mail { .. } => Ok(self.mail(None).await?.told()),
            To::Post(post) => {
                let site = self.sender.site.to_string();
                let body = json!({"notification": "test", "site": site, "time": seconds(self.clock.now())});
                self.post(post, vec![body]).await?;
                Ok("it answered with 2xx".to_owned())
            }
        }
    }

    /// A message of a digest; without one, a test.
    async fn mail(&self, digest: Option<&Digest>) -> Result<Reply, Failed> {
        let To::Mail { relay, from, to } = &self.to else { return Err(Error::sink("it is no mail").into()) };
        let (id, now) = (base::entropy::bytes(&*self.entropy), self.clock.now());
        let letter = Letter { from, to: to.reveal(), id, now, sender: &self.sender };
        let message = digest.map_or_else(|| letter.test(), |digest| letter.of(digest));
        relay.send(from, to.reveal(), &message).await
    }

    fn body(&self, notice: &Notice, times: u64) -> Value {
        let mut body = json!({
            "notification": notice.word.as_str(),
            "words": notice.word.phrase(),
            "position": notice.position,
            "time": seconds(notice.time),
            "project": notice.project,
            "about": notice.about,
            "times": times,
            "look": notice.look(),
            "site": self.sender.site.to_string(),
        });
        if let (Some(pages), Some(fields)) = (&self.sender.pages, body.as_object_mut()) {
            fields.insert("pages".to_owned(), format!("{pages}/").into());
        }
        body
    }

    async fn post(&self, post: &Post, bodies: Vec<Value>) -> Result<(), Failed> {
        let time = seconds(self.clock.now());
        let record = |body| Record {
            number: 0,
            kind: "notification",
            severity: NOTICE,
            time: time.clone(),
            data: String::new(),
            body,
        };
        let batch: Vec<Record> = bodies.into_iter().map(record).collect();
        let taken = tokio::time::timeout(PATIENCE, post.deliver(&batch)).await;
        Ok(taken.map_err(|_| Error::sink("it did not answer in time"))??)
    }
}
