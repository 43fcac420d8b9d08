//! Asks what unseals the site again while it is open: whoever takes the key away takes it from the open site, too.

use crate::Site;
use feed::alarm::Cause;
use keys::Error;
use keys::ask::{Answers, Asked, Standing};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

/// How often it looks for an answer.
const LOOK: Duration = Duration::from_secs(1);

/// A provider that is asked again and again.
struct Asking {
    of: Arc<Asked>,
    answers: Answers,
    /// Where the answer of now arrives.
    answer: Option<Receiver<Result<(), Error>>>,
}

/// Asks at intervals until the site stops. One that refuses, or is silent for longer than it may, ends the site; where
/// people unseal it there is nobody to ask.
pub async fn ask(site: Site) {
    let mut known: Option<Asking> = None;
    loop {
        tokio::select! {
            () = site.stopped() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        // Another provider, or the same after the root was sealed anew, is asked from its beginning.
        known = site.keys.asked().map(|of| match known.take() {
            Some(known) if Arc::ptr_eq(&known.of, &of) => known,
            _ => Asking::of(&site, of),
        });
        let standing = known.as_mut().map_or(Standing::Answers, |known| known.look(site.clock.monotonic()));
        let silence = match standing {
            Standing::Answers => None,
            Standing::Silent(why) => {
                Some(format!("{why}; the site locks itself unless there is an answer soon"))
            }
            Standing::Lost(why) => return give_up(&site, "keys-silent", &why).await,
            Standing::Refused(why) => return give_up(&site, "keys-refused", &why).await,
        };
        site.alarms.set(Cause::KeysSilent, "", silence);
    }
}

/// From here on no key is used; then it is heard of, recorded, and the site ends.
async fn give_up(site: &Site, cause: &str, why: &str) {
    site.keys.give_up();
    site.alarms.set(Cause::KeysLost, "", Some(format!("{why}: the site gave up its keys and locks itself")));
    site.end(cause).await;
}

/// What is said of a provider that is silent, for the status.
pub(crate) fn limits(site: &Site) -> Option<String> {
    let standing = site.alarms.standing().into_iter();
    standing.filter(|(cause, _)| *cause == Cause::KeysSilent).map(|(_, why)| why).next()
}

impl Asking {
    fn of(site: &Site, of: Arc<Asked>) -> Self {
        let answers = Answers::since(site.clock.monotonic(), site.safe.reach().asking);
        Self { of, answers, answer: None }
    }

    fn look(&mut self, now: Duration) -> Standing {
        let answer = self.answer.as_ref().map(Receiver::try_recv);
        match answer {
            Some(Ok(answer)) => self.hear(now, answer),
            Some(Err(TryRecvError::Disconnected)) => self.hear(now, Err(nothing("it broke off"))),
            Some(Err(TryRecvError::Empty)) | None => {}
        }
        if self.answers.begin(now) {
            self.begin(now);
        }
        self.answers.standing(now)
    }

    fn hear(&mut self, now: Duration, answer: Result<(), Error>) {
        self.answer = None;
        self.answers.hear(now, answer);
    }

    /// On a thread that nobody waits for: a library that hangs holds up neither the site nor its end.
    fn begin(&mut self, now: Duration) {
        let (send, receive) = channel();
        let of = self.of.clone();
        let begun = std::thread::Builder::new().name("provider".to_owned()).spawn(move || {
            let _ = send.send(of.ask());
        });
        match begun {
            Ok(_) => self.answer = Some(receive),
            Err(_) => self.hear(now, Err(nothing("no thread could be started to ask it"))),
        }
    }
}

fn nothing(why: &str) -> Error {
    Error::Unavailable { what: "provider", why: why.to_owned() }
}
