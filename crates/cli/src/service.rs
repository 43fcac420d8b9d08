//! `service`: programs that act for a person.

use crate::app::App;
use crate::file::NewFile;
use crate::{Error, Failure, file, text};
use api::service::{Assertion, NewKey, NewService, NextKey, Service as Shown, ServiceToken};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base::{Class, CredentialId, ProjectId, ServiceId, UserId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Seconds for which an assertion is good: it is sent at once.
const GOOD_FOR: i64 = 60;
/// What a site says of an assertion that it does not take.
const NOT_SIGNED_IN: &str = "ACCESS-003";

/// Programs that act for a person, within a scope, from known places, until a day
#[derive(Subcommand)]
pub enum Service {
    Enrol(Enrol),
    Create(Create),
    List(List),
    Rotate(Rotate),
    Close(Close),
    Allow(Allow),
    Withdraw(Withdraw),
    Login(Login),
}

impl Service {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Enrol(args) => args.run(app),
            Self::Create(args) => args.run(app),
            Self::List(args) => args.run(app),
            Self::Rotate(args) => args.run(app),
            Self::Close(args) => args.run(app),
            Self::Allow(args) => args.run(app),
            Self::Withdraw(args) => args.run(app),
            Self::Login(args) => args.run(app),
        }
    }
}

/// Make a machine's key pair: the private key stays in a file here, the public key goes to an administrator.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra service enrol --key-out nightly.key\n\nRole: none; no site is asked."
)]
pub struct Enrol {
    /// The file for the private key, readable by you alone
    #[arg(long, value_name = "FILE")]
    key_out: PathBuf,
}

impl Enrol {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let mut file = NewFile::create(&self.key_out)?;
        let key = Ed25519KeyPair::generate().map_err(|e| Error::Host(e.to_string()))?;
        let private: aws_lc_rs::encoding::Pkcs8V1Der<'_> =
            key.as_der().map_err(|e| Error::Host(e.to_string()))?;
        let line = Zeroizing::new(format!("{}\n", STANDARD.encode(private.as_ref())));
        file.write(line.as_bytes())?;
        file.keep()?;
        let public = STANDARD.encode(key.public_key().as_ref());
        app.console.say("give this to a platform administrator, for `service create --key`");
        if app.console.is_json() {
            return app.console.json(&serde_json::json!({"key": public}));
        }
        app.console.line(&public)
    }
}

/// Make a service account.
///
/// It acts for those who allow it (`service allow`), its owner too, never beyond what they themselves may do, and only
/// with the actions named here in one project. It ends by itself.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra service create --owner lead --purpose \"nightly counts\" --environment production \\\n    \
    --project prj_… --action view-samples --action view-run --class research --network 192.0.2.7 --key BASE64\n\n\
    Role: platform-administrator on the site."
)]
pub struct Create {
    /// The sign-in name of who answers for it
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// What it is for
    #[arg(long)]
    purpose: String,
    /// Where it runs: production, test, …
    #[arg(long)]
    environment: String,
    /// The project it acts in
    #[arg(long)]
    project: ProjectId,
    /// An action of the policy that it may ask for, such as view-samples, ingest, start-run, view-run; several times for
    /// several
    #[arg(long = "action", value_name = "ACTION", required = true)]
    actions: Vec<String>,
    /// The strictest class that the project may have
    #[arg(long)]
    class: Class,
    /// Where it may come from: an address, a network, or `socket` for this machine; several times for several
    #[arg(long = "network", value_name = "NETWORK", required = true)]
    networks: Vec<String>,
    /// For how many days, 90 at most
    #[arg(long, default_value_t = 90)]
    days: u32,
    /// Its machine's public key, as `service enrol` printed it
    #[arg(long, value_name = "BASE64")]
    key: String,
}

impl Create {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let Self { owner, purpose, environment, project, actions, class, networks, days, key } = self;
        let body = NewService { owner, purpose, environment, project, actions, class, networks, days, key };
        let made: Shown = app.client()?.post("service create", &[], &body)?.json()?;
        tell(app, &made)
    }
}

/// List the service accounts, and what is wrong with them: ownerless, unused for 30 days, overdue, ending within 14.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra service list --mine\n\nRole: platform-administrator on the site; none with --mine."
)]
pub struct List {
    /// Only those that you let act for you
    #[arg(long)]
    mine: bool,
}

impl List {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let route = if self.mine { "service mine" } else { "service list" };
        let all: Vec<Shown> = app.client()?.get(route, &[])?;
        if app.console.is_json() {
            return app.console.json(&all);
        }
        let rows: Vec<_> = all
            .into_iter()
            .map(|one| {
                let state = if one.closed { "closed".to_owned() } else { one.findings.join(", ") };
                let used = text::or_dash(one.used_at);
                vec![one.id.to_string(), one.owner, one.purpose, one.expires_at.to_string(), used, state]
            })
            .collect();
        app.console.table(&["SERVICE", "OWNER", "PURPOSE", "ENDS", "LAST USED", "FINDINGS"], &rows)
    }
}

/// Give a service account a new key. Whom it acts for allow the new one.
///
/// The key before is good for another week, in which machine and people change over; with `--now` it ends at once, and
/// what it signed in. That is for a key that somebody else may have.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra service rotate svc_… --key BASE64\n\nRole: platform-administrator on the site."
)]
pub struct Rotate {
    /// The service account, svc_…
    service: ServiceId,
    /// The new public key, as `service enrol` printed it
    #[arg(long, value_name = "BASE64")]
    key: String,
    /// End the keys before at once
    #[arg(long)]
    now: bool,
}

impl Rotate {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let parts = [self.service.to_string()];
        let body = NextKey { key: self.key, now: self.now };
        let done: Shown =
            app.client()?.post("service rotate", &parts.each_ref().map(String::as_str), &body)?.json()?;
        tell(app, &done)?;
        app.console.finish()?;
        if done.keys.len() > 1 {
            app.console.say("the last key is the new one; those before it are good for a week at most");
        }
        Ok(())
    }
}

/// Close a service account: nothing comes from it any more, and what it has under way ends within a minute.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra service close svc_…\n\nRole: platform-administrator on the site."
)]
pub struct Close {
    /// The service account, svc_…
    service: ServiceId,
}

impl Close {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let closed: Shown = app.client()?.get("service close", &[&self.service.to_string()])?;
        app.console.say(&format!("{} is closed", closed.id));
        if app.console.is_json() { app.console.json(&closed) } else { Ok(()) }
    }
}

/// Let a machine act for you as a service account, within what that was made for and what you may do yourself.
///
/// You name the machine's key, as `service enrol` printed it there: another key that somebody gives the account does
/// not act for you. Takes a confirmation where you have a passkey.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra service allow svc_… --key BASE64\n\nRole: none.")]
pub struct Allow {
    /// The service account, svc_…
    service: ServiceId,
    /// The machine's public key, as `service enrol` printed it
    #[arg(long, value_name = "BASE64")]
    key: String,
}

impl Allow {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        app.client()?.post("service allow", &[&self.service.to_string()], &NewKey { key: self.key })?;
        app.console.say(&format!("{} may act for you", self.service));
        if app.console.is_json() { app.console.json(&serde_json::json!({})) } else { Ok(()) }
    }
}

/// Let a service account act for you no longer. What it has under way for you ends within a minute.
#[derive(Args)]
#[command(after_help = "Example:\n  sequestra service withdraw svc_…\n\nRole: none.")]
pub struct Withdraw {
    /// The service account, svc_…
    service: ServiceId,
}

impl Withdraw {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        app.client()?.tell("service withdraw", &[&self.service.to_string()])?;
        app.console.say(&format!("{} acts for you no longer", self.service));
        if app.console.is_json() { app.console.json(&serde_json::json!({})) } else { Ok(()) }
    }
}

/// Sign a machine in as a service account, for a quarter of an hour, and keep the token in the session file.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra service login --key nightly.key --service svc_… --key-id crd_… --for usr_…\n\n\
    Role: none; the key says which it is."
)]
pub struct Login {
    /// The file of the private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The service account, svc_…
    #[arg(long)]
    service: ServiceId,
    /// The key's id, crd_…, as `service create` and `service rotate` said
    #[arg(long, value_name = "ID")]
    key_id: CredentialId,
    /// The person it acts for, usr_…
    #[arg(long = "for", value_name = "USER")]
    on_behalf_of: UserId,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a ServiceId,
    sub: &'a ServiceId,
    aud: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    on_behalf_of: &'a UserId,
}

impl Login {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let line = file::read_secret(&self.key)?;
        let not_a_key = || Error::NotAKey(self.key.clone());
        let der = STANDARD.decode(line.trim()).map(Zeroizing::new).map_err(|_| not_a_key())?;
        let mut client = app.visitor()?;
        let now = base::Clock::now(&base::SystemClock::default()).as_second();
        let claims = Claims {
            iss: &self.service,
            sub: &self.service,
            aud: client.health().site.to_string(),
            exp: now.saturating_add(GOOD_FOR),
            nbf: now,
            iat: now,
            jti: hex(&base::entropy::bytes::<16>(&base::SystemEntropy)),
            on_behalf_of: &self.on_behalf_of,
        };
        let header = Header { kid: Some(self.key_id.to_string()), ..Header::new(Algorithm::EdDSA) };
        let assertion = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&der));
        let assertion = assertion.map_err(|_| not_a_key())?;
        let answer = client.post("service token", &[], &Assertion { assertion });
        let token: ServiceToken = answer.map_err(explained)?.json()?;
        let path = app.sessions().store(&client.health().site, &client.place(), &token.token)?;
        app.console.say(&format!("signed in for {} s; kept in {}", token.seconds, path.display()));
        if app.console.is_json() {
            app.console.json(&serde_json::json!({"seconds": token.seconds}))
        } else {
            Ok(())
        }
    }
}

/// A site tells nobody what was wrong with an assertion: what may be is for the machine's own keeper to look at.
fn explained(failure: Failure) -> Failure {
    match failure {
        Failure::Problem(mut problem) if problem.code == NOT_SIGNED_IN => {
            let hint = "check the ids of account, key and person, the network it comes from, and this machine's clock; the person \
                        lets this key act for them with `sequestra service allow`";
            problem.hint = Some(hint.to_owned());
            Failure::Problem(problem)
        }
        other => other,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tell(app: &mut App<'_>, service: &Shown) -> Result<(), Failure> {
    if app.console.is_json() {
        return app.console.json(service);
    }
    app.console.line(&format!("{}  ends {}", service.id, service.expires_at))?;
    for key in &service.keys {
        app.console.line(&format!("key {key}"))?;
    }
    Ok(())
}
