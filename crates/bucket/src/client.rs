//! One signed request, and its retries.

use crate::answer::Answer;
use crate::error::Result;
use crate::{Credentials, Error, Settings};
use base::Clock;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use rusty_s3::{Method, UrlStyle, signing};
use std::sync::Arc;
use std::time::Duration;
use ureq::http::Request;
use ureq::{Agent, SendBody};

/// Seconds for which a signature counts. A large part may take long, but its request begins at once.
const SIGNED_FOR: u64 = 900;
/// The pause before the second try; each further one is four times as long, up to [`LONGEST`].
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);
/// Most bytes of an answer that is not an object.
pub(crate) const MOST: u64 = 8 << 20;
/// From this difference on, clocks are named as the cause of a refusal.
pub(crate) const APART: u64 = 300;

/// A bucket and who asks. Cheap to clone. Calls block.
#[derive(Clone)]
pub struct Bucket {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    agent: Agent,
    place: rusty_s3::Bucket,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
}

/// What is asked.
pub(crate) struct Call<'a> {
    pub what: &'static str,
    pub method: Method,
    /// None for the bucket itself.
    pub key: Option<&'a str>,
    pub query: Vec<(&'static str, String)>,
    /// In lower case.
    pub headers: Vec<(&'static str, String)>,
    pub body: &'a [u8],
    /// Most bytes of the answer.
    pub most: u64,
}

impl<'a> Call<'a> {
    pub fn new(what: &'static str, method: Method, key: Option<&'a str>) -> Self {
        Self { what, method, key, query: Vec::new(), headers: Vec::new(), body: &[], most: MOST }
    }

    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A body, and its MD5, by which the server notices a body that changed on its way.
    pub fn body(mut self, bytes: &'a [u8]) -> Self {
        self.body = bytes;
        self.header("content-md5", STANDARD.encode(Md5::digest(bytes)))
    }
}

/// Why one try failed.
enum Failed {
    /// Another try may do better.
    Passing(Box<dyn std::error::Error + Send + Sync>),
    Final(Error),
}

impl Bucket {
    /// The bucket of these settings. Nothing is asked of it yet.
    pub fn new(settings: &Settings, credentials: Credentials, clock: Arc<dyn Clock>) -> Result<Self> {
        settings.check()?;
        let refuse = |why: &str| Error::Settings(why.to_owned());
        let endpoint = settings.endpoint.parse().map_err(|_| refuse("`endpoint` is not an address"))?;
        let style = if settings.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let (name, region) = (settings.bucket.clone(), settings.region.clone());
        let place = rusty_s3::Bucket::new(endpoint, style, name, region)
            .map_err(|_| refuse("`endpoint` and the bucket's name make no address"))?;
        let agent = agent(settings)?;
        let inner = Inner { settings: settings.clone(), agent, place, credentials, clock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Does `ask`, again after an outage for as long as the settings say. `ask` is told whether it is asked again.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when the outage lasts longer; every other error at once.
    pub(crate) fn patiently<T>(&self, mut ask: impl FnMut(bool) -> Result<T>) -> Result<T> {
        let Inner { settings, clock, .. } = &*self.inner;
        let began = clock.monotonic();
        let mut again = false;
        loop {
            match ask(again) {
                Err(Error::Unreachable { .. })
                    if clock.monotonic().saturating_sub(began) < settings.patience() =>
                {
                    std::thread::sleep(LONGEST.min(settings.patience() / 8));
                    again = true;
                }
                done => return done,
            }
        }
    }

    /// Asks until there is an answer, at most as often as the settings say, with pauses in between.
    ///
    /// # Errors
    /// [`Error::Refused`] for an answer that another try would not change.
    pub(crate) fn send(&self, call: &Call<'_>) -> Result<Answer> {
        let tries = self.inner.settings.tries;
        let mut pause = PAUSE;
        let mut tried = 0;
        loop {
            tried += 1;
            match self.once(call) {
                Ok(answer) => return Ok(answer),
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::Passing(source)) if tried >= tries => {
                    return Err(Error::Unreachable { what: call.what, tries, source });
                }
                Err(Failed::Passing(_)) => {
                    std::thread::sleep(pause);
                    pause = pause.saturating_mul(4).min(LONGEST);
                }
            }
        }
    }

    /// Where a name leads is no outage: it is told at once.
    fn not_reached(error: ureq::Error) -> Failed {
        match outbound::refused(&error) {
            Some(refused) => Failed::Final(Error::Settings(format!("`endpoint`: {refused}"))),
            None => Failed::Passing(Box::new(error)),
        }
    }

    fn once(&self, call: &Call<'_>) -> std::result::Result<Answer, Failed> {
        let mut request = Request::builder().method(call.method.to_str()).uri(self.sign(call));
        for (name, value) in &call.headers {
            request = request.header(*name, value.as_str());
        }
        let sends = matches!(call.method, Method::Put | Method::Post);
        let answer = if sends {
            let request = request.body(call.body).map_err(|e| Failed::Passing(Box::new(e)))?;
            self.inner.agent.run(request)
        } else {
            let request = request.body(SendBody::none()).map_err(|e| Failed::Passing(Box::new(e)))?;
            self.inner.agent.run(request)
        };
        let mut answer = answer.map_err(Self::not_reached)?;
        let body = answer.body_mut().with_config().limit(call.most).read_to_vec();
        let body = body.map_err(|e| Failed::Passing(Box::new(e)))?;
        let answer =
            Answer { status: answer.status().as_u16(), headers: std::mem::take(answer.headers_mut()), body };
        self.judge(call, answer)
    }

    fn judge(&self, call: &Call<'_>, answer: Answer) -> std::result::Result<Answer, Failed> {
        let Answer { status, .. } = answer;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let code = answer.code();
        let passing = matches!(status, 408 | 429 | 500 | 502 | 503 | 504) || code == "RequestTimeout";
        if passing {
            return Err(Failed::Passing(format!("status {status}, {code}").into()));
        }
        if status == 403
            && let Some(seconds) = self.skew(&answer).filter(|seconds| *seconds >= APART)
        {
            return Err(Failed::Final(Error::Skewed { seconds }));
        }
        if status == 404 && matches!(code.as_str(), "NoSuchKey" | "NoSuchVersion") {
            return Err(Failed::Final(Error::Absent));
        }
        Err(Failed::Final(Error::Refused { what: call.what, status, code }))
    }

    /// By how many seconds the server's clock and ours differ, if it says what time it has.
    pub(crate) fn skew(&self, answer: &Answer) -> Option<u64> {
        let theirs = jiff::fmt::rfc2822::parse(answer.header("date")?).ok()?.timestamp();
        Some(self.inner.clock.now().as_second().abs_diff(theirs.as_second()))
    }

    fn sign(&self, call: &Call<'_>) -> String {
        let Inner { place, credentials: Credentials(credentials), clock, .. } = &*self.inner;
        let url = place.object_url(call.key.unwrap_or_default());
        let mut query: Vec<(&str, &str)> = call.query.iter().map(|(n, v)| (*n, v.as_str())).collect();
        query.sort_unstable();
        let mut headers: Vec<(&str, &str)> = call.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        headers.sort_unstable();
        let signed = signing::sign(
            &clock.now(),
            call.method,
            url,
            credentials.key(),
            credentials.secret(),
            credentials.token(),
            place.region(),
            SIGNED_FOR,
            query.into_iter(),
            headers.into_iter(),
        );
        signed.into()
    }
}

fn agent(settings: &Settings) -> Result<Agent> {
    let timeout = Some(settings.timeout());
    let place = settings.place()?;
    let config = place
        .known_by(Some(&settings.authorities()))
        .map_err(|why| Error::Settings(format!("`endpoint`: {why}")))?
        .timeout_connect(timeout)
        .timeout_recv_response(timeout)
        .timeout_per_read(timeout)
        .timeout_per_write(timeout);
    Ok(place.agent(config.build()))
}
