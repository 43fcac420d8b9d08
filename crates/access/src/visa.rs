//! One visa: what it says, and why it does not count (GA4GH Passport 1.2, AAI OIDC Profile 1.2).

use crate::condition::Conditions;
use crate::issuer::{GRANTS, IssuerKeys, LONGEST_URL, Trust, Trusted};
use base::{Blake3, Fault, Kind, Timestamp};
use jwt::{Audience, Claims, Rules};
use serde_json::Value;

/// Where a token says that it is a visa.
pub(crate) const CLAIM: &str = "ga4gh_visa_v1";
/// Bytes of a visa at most.
pub(crate) const LONGEST: usize = 16 << 10;
/// Seconds for which a visa counts that is an access token: beyond, its issuer would have to be asked.
const TOKEN_SECONDS: i64 = 3600;
const DAY: i64 = 86_400;
const TYPES: &[&str] = &["vnd.ga4gh.visa+jwt", "at+jwt", "JWT", ""];

/// Why a visa gives nothing. What a visa says is in none of these: it is about a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody here trusts who signed it.
    #[error("this site does not trust who signed it")]
    Issuer,
    /// Its signature, its claims or its time.
    #[error(transparent)]
    Token(#[from] jwt::Error),
    /// The keys of who signed the passport.
    #[error("of `{broker}`: {why}")]
    Keys {
        /// The settings' word for the broker.
        broker: String,
        /// Why they cannot be had.
        why: jwt::Error,
    },
    /// A visa in a passport's place.
    #[error("it is a visa, not a passport")]
    NotAPassport,
    /// A passport of one who signs visas alone.
    #[error("`{0}` signs no passports here")]
    NoBroker(String),
    /// What it says about itself is not what a visa says.
    #[error("it is no visa: {0}")]
    Form(&'static str),
    /// A type that its issuer may not sign.
    #[error("its issuer may not sign visas of its type here")]
    Type,
    /// An organisation that its issuer may not speak for.
    #[error("its issuer may not speak for its source here")]
    Source,
    /// A decision of somebody whose decision it may not be.
    #[error("it does not say, by `by`, that somebody decided whose decision counts here")]
    By,
    /// Asserted too long ago.
    #[error("what it asserts was asserted too long ago")]
    Old,
    /// Conditions that nobody here can evaluate.
    #[error("its conditions cannot be evaluated here: {0}")]
    Conditions(String),
    /// Conditions that are not met.
    #[error("no other visas of the passport meet its conditions")]
    Unmet,
    /// About somebody else than who presents it.
    #[error("it is not about you, as far as this site knows")]
    Unlinked,
    /// No project takes it.
    #[error("no project here gives a role for it")]
    Unmapped,
    /// The mapping is the presenter's own.
    #[error("who made the mapping gains nothing by it")]
    Own,
    /// Somebody took the role away.
    #[error("an administrator took your role in its project away")]
    Taken,
    /// Its project asks for a passkey, and the account has none.
    #[error("in its project people act by a passkey, and you have none")]
    WithoutPasskey,
    /// It gave a role before, and that has ended.
    #[error("the role that it gave has ended")]
    Ended,
}

impl Fault for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Token(error) | Self::Keys { why: error, .. } => error.kind(),
            Self::Form(_) | Self::NotAPassport => Kind::Invalid,
            _ => Kind::Denied,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Token(error) | Self::Keys { why: error, .. } => error.code(),
            Self::Issuer => "ACCESS-070",
            Self::Form(_) => "ACCESS-071",
            Self::Type => "ACCESS-072",
            Self::Source => "ACCESS-073",
            Self::By => "ACCESS-074",
            Self::Old => "ACCESS-075",
            Self::Conditions(_) => "ACCESS-076",
            Self::Unmet => "ACCESS-077",
            Self::Unlinked => "ACCESS-078",
            Self::Unmapped => "ACCESS-079",
            Self::Own => "ACCESS-080",
            Self::Taken => "ACCESS-081",
            Self::Ended => "ACCESS-082",
            Self::NotAPassport => "ACCESS-083",
            Self::NoBroker(_) => "ACCESS-084",
            Self::WithoutPasskey => "ACCESS-085",
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Token(error) | Self::Keys { why: error, .. } => return error.hint(),
            Self::NotAPassport => "present the passport that your broker gave you: your visas are in it",
            Self::NoBroker(_) => {
                "present a passport of your broker; whoever keeps the site sets `broker = true` for an issuer that signs passports as well"
            }
            Self::Issuer | Self::Type | Self::Source | Self::By => {
                "whoever keeps the site names in `site.toml` who may say what (docs/spec/passports.md)"
            }
            Self::Form(_) => "ask its issuer: GA4GH Passport 1.2 says what a visa is made of",
            Self::Old | Self::Ended => "ask whoever granted you access to grant it again",
            Self::Conditions(_) => "ask its issuer for one whose conditions docs/spec/passports.md knows",
            Self::Unmet => "present a passport that also holds the visas that it depends on",
            Self::Unlinked => {
                "give a platform administrator the subject that `passport present` shows; they link it to your account (`account link`)"
            }
            Self::Unmapped => {
                "the project's administrator or data steward says which visas it takes (`visa map`)"
            }
            Self::Own => "somebody else who may maps it (`visa map`), or makes you a member",
            Self::WithoutPasskey => "enrol one on the site's page `/enrol`, and present the passport again",
            Self::Taken => "the project's administrator makes you a member again (`member add`)",
        };
        Some(text.to_owned())
    }
}

/// A visa of an issuer that is trusted, verified, of a type and a source that its issuer may speak of.
pub(crate) struct Visa<'a> {
    pub trusted: &'a Trusted,
    pub subject: String,
    pub kind: String,
    pub value: String,
    pub source: String,
    pub by: Option<String>,
    pub conditions: Option<Conditions>,
    /// Until when it counts, in seconds: its own end, or what comes of the settings, whichever is first.
    pub until: i64,
    /// Its own end, in seconds.
    pub expires: i64,
    /// What tells it from all others: a digest of what was signed, and not of the signature, which can be made anew.
    pub name: Vec<u8>,
    /// A digest of all of it, for the record. Nobody makes it from what is known of a person.
    pub digest: Blake3,
}

impl<'a> Visa<'a> {
    /// Reads one of a passport's visas.
    pub fn read(text: &str, trust: &'a Trust, keys: &IssuerKeys, now: Timestamp) -> Result<Self, Refused> {
        let issuer = jwt::issuer_named(text, LONGEST)?;
        let trusted = trust.of(&issuer).ok_or(Refused::Issuer)?;
        let rules = Rules {
            issuer: &trusted.settings.issuer,
            keys: keys.of(&issuer)?,
            jku: trusted.settings.jku.as_deref(),
            types: TYPES,
            // Visas are made for nobody in particular.
            audience: Audience::Nobody,
            not_before: false,
            // They may be good for years: what they give is bounded by the settings.
            lifetime: i64::MAX,
            longest: LONGEST,
        };
        let claims = jwt::verify(text, &rules, now)?;
        let (signed, _) = text.rsplit_once('.').unwrap_or_default();
        let name = blake3::hash(signed.as_bytes()).as_bytes().to_vec();
        let digest = Blake3(*blake3::hash(text.as_bytes()).as_bytes());
        Self::of(claims, trusted, now.as_second(), (name, digest))
    }

    fn of(
        claims: Claims,
        trusted: &'a Trusted,
        now: i64,
        (name, digest): (Vec<u8>, Blake3),
    ) -> Result<Self, Refused> {
        let said = claims.more.get(CLAIM).and_then(Value::as_object);
        let said = said.ok_or(Refused::Form("it has no claim `ga4gh_visa_v1`"))?;
        let text = |member: &str| match said.get(member) {
            Some(Value::String(text)) if (1..=LONGEST_URL).contains(&text.len()) => Ok(Some(text.clone())),
            None => Ok(None),
            Some(_) => Err(Refused::Form("a member of `ga4gh_visa_v1` is no text of 1 to 255 bytes")),
        };
        let needed =
            |member: &str| text(member)?.ok_or(Refused::Form("it lacks `type`, `value` or `source`"));
        let (kind, value, source, by) = (needed("type")?, needed("value")?, needed("source")?, text("by")?);
        let asserted = said.get("asserted").and_then(Value::as_i64).filter(|second| *second >= 0);
        let asserted = asserted.ok_or(Refused::Form("it lacks `asserted`, a whole number of seconds"))?;
        let settings = &trusted.settings;
        if !settings.types.contains(&kind) {
            return Err(Refused::Type);
        }
        if !settings.sources.contains(&source) {
            return Err(Refused::Source);
        }
        if kind == GRANTS && !by.as_ref().is_some_and(|by| settings.by.contains(by)) {
            return Err(Refused::By);
        }
        if asserted > now.saturating_add(jwt::verify::LEEWAY) {
            return Err(jwt::Error::Early("asserted").into());
        }
        let old = asserted.saturating_add(i64::from(settings.days).saturating_mul(DAY));
        if old <= now {
            return Err(Refused::Old);
        }
        let expires = claims.expires.as_second();
        let mut until = expires.min(old);
        if is_access_token(&claims)? {
            until = until.min(claims.issued.as_second().saturating_add(TOKEN_SECONDS));
        }
        if until <= now {
            return Err(jwt::Error::Expired.into());
        }
        let conditions = Conditions::read(said.get("conditions"))?;
        let subject = claims.subject;
        Ok(Self { trusted, subject, kind, value, source, by, conditions, until, expires, name, digest })
    }

    /// Whether it gives roles, and is not there for others' conditions alone.
    pub fn grants(&self) -> bool {
        self.kind == GRANTS
    }
}

/// Whether it is a visa access token: its `scope` has the word `openid`.
fn is_access_token(claims: &Claims) -> Result<bool, Refused> {
    match claims.more.get("scope") {
        None => Ok(false),
        Some(Value::String(scope)) => Ok(scope.split(' ').any(|word| word == "openid")),
        Some(_) => Err(Refused::Form("its `scope` is no text")),
    }
}
