//! What the command line asks of the program around it.

use crate::layout::Layout;
use crate::{create, demo, doctor, moving, process, restore, start, witnessing};
use anyhow::{Context, Result};
use api::Problem;
use base::{Fault, Kind, SystemClock, SystemEntropy};
use cli::host::{CertificateArgs, Listening, Made, Tls, Unsealing};
use cli::{
    Console, DatabaseArgs, DemoArgs, DemoDataArgs, Diagnosis, Failure, Host, InitArgs, MovedDatabase,
    NewAdministrator, NewSite, Passphrase, RestoreArgs, RestoredSite,
};
use server::door::Shown;
use server::door::issue::Wanted;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use witness::Witness;

/// The sign-in name of a site's first account.
const FIRST: &str = "admin";
/// The name of a site that was given none.
const NAME: &str = "sequestra";
/// The seed of made data sets when none is given.
pub const SEED: u64 = 1;

/// The program.
pub struct Program;

impl Host for Program {
    fn init(&self, args: &InitArgs, passphrase: Option<&Passphrase>) -> Result<NewSite> {
        let text = passphrase.map(Passphrase::reveal).unwrap_or_default();
        let credential = keys::Credential::new(text.to_owned());
        let plan = match args.split {
            Some((needed, made)) => keys::Plan::Shares { needed, made },
            None => keys::Plan::Passphrase,
        };
        let under = create::Under { plan, credential: &credential };
        let name = args.name.as_deref().unwrap_or(NAME);
        let database = args.database.as_ref().map(server).transpose().map_err(|e| failure(&e))?;
        let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SystemEntropy));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let fresh = !args.site.exists();
        let made = runtime.block_on(create::create(&args.site, name, FIRST, under, database, clock, entropy));
        let made = made.map_err(|error| {
            if fresh && !args.site.join("site.toml").exists() {
                // What was begun is no site; the folder is as it was.
                let _ = std::fs::remove_dir_all(&args.site);
            }
            told(error)
        })?;
        Ok(NewSite {
            site: made.settings.site,
            folder: args.site.clone(),
            ledger: made.settings.ledger,
            administrator: FIRST.to_owned(),
            token: made.token.expose().to_owned(),
            shares: made.shares.iter().map(|share| share.text().to_string()).collect(),
        })
    }

    fn start_site(&self, site: &Path, passphrase: &Passphrase) -> Result<()> {
        start::start(site, passphrase.reveal()).map_err(told)
    }

    fn unsealing(&self, site: &Path) -> Result<Unsealing> {
        let layout = Layout::at(site)?;
        let safe = match restore::sealed_file(site).map_err(told)? {
            Some(safe) => safe,
            None => keys::Safe::new(layout.sealed_keys(), layout.settings().map_err(told)?.keys),
        };
        let file = safe.file().map_err(|e| failure(&e))?;
        Ok(match file.custody() {
            keys::Custody::Passphrase => Unsealing::Passphrase,
            keys::Custody::Shares { needed, made } => Unsealing::Shares { needed, made },
            keys::Custody::Token => Unsealing::Pin,
            keys::Custody::Service => Unsealing::Token,
        })
    }

    fn doctor(&self, site: Option<&Path>) -> Result<Diagnosis> {
        doctor::diagnose(site)
    }

    fn hosts(&self, site: &Path) -> Vec<String> {
        let file = Layout::at(site).map(|layout| layout.settings_file());
        let text = file.ok().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let mut hosts = Vec::new();
        named(&toml::from_str(&text).unwrap_or(toml::Value::Boolean(false)), &mut hosts);
        hosts
    }

    fn demo(&self, args: &DemoArgs, console: &mut Console) -> Result<()> {
        demo::run(args, console).map_err(told)
    }

    fn demo_data(&self, args: &DemoDataArgs) -> Result<Vec<PathBuf>> {
        let mut plan = demodata::Plan::default();
        if let Some(coverage) = args.coverage {
            plan.coverage = coverage;
        }
        let made =
            demodata::write(&args.folder, args.seed.unwrap_or(SEED), &plan).map_err(|e| failure(&e))?;
        Ok(made.files.into_iter().map(|file| args.folder.join(file)).collect())
    }

    fn witness_init(&self, folder: &Path, name: &str) -> Result<String> {
        Witness::create(folder, name, &SystemEntropy).map(|key| key.to_string()).map_err(|e| failure(&e))
    }

    fn witness_trust(&self, folder: &Path, key: &str) -> Result<()> {
        let key = key.parse().map_err(|e: ledger::Error| failure(&e))?;
        Witness::trust(folder, &key).map_err(|e| failure(&e))
    }

    fn witness_serve(
        &self,
        folder: &Path,
        listen: SocketAddr,
        tls: Option<&Tls>,
        ready: &mut dyn FnMut(SocketAddr, Option<String>) -> Result<()>,
    ) -> Result<()> {
        witnessing::serve(folder, listen, tls, ready).map_err(told)
    }

    fn serve(
        &self,
        site: &Path,
        passphrase: &Passphrase,
        ready: &mut dyn FnMut(&Listening) -> Result<()>,
    ) -> Result<()> {
        let credential = keys::Credential::new(passphrase.reveal().to_owned());
        let mut told_ready = |shown: &Shown| {
            let pin = format!("sha256:{}", shown.pin());
            ready(&Listening { address: format!("https://{}", shown.address), pin })
        };
        process::serve_door(site, credential, &mut told_ready).map_err(told)
    }

    fn door_certificate(&self, site: &Path, args: &CertificateArgs) -> Result<Made> {
        let wanted = Wanted { names: args.names.clone(), days: args.days, renew: args.renew };
        crate::serve::certificate(&Layout::at(site)?, &wanted).map_err(told)
    }

    fn program(&self) -> Result<PathBuf> {
        std::env::current_exe().context("cannot find this program's own file")
    }

    fn move_database(
        &self,
        site: &Path,
        to: Option<&DatabaseArgs>,
        passphrase: &Passphrase,
    ) -> Result<MovedDatabase> {
        keys::locked::lock_process();
        let credential = keys::Credential::new(passphrase.reveal().to_owned());
        let to = to.map(server).transpose().map_err(|e| failure(&e))?;
        let clock = Arc::new(SystemClock::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(moving::database(site, to, &credential, clock)).map_err(told)
    }

    fn restore(
        &self,
        args: &RestoreArgs,
        passphrase: &Passphrase,
        say: &mut dyn FnMut(u64, u64),
        hand: &mut dyn FnMut(&RestoredSite) -> Result<()>,
    ) -> Result<()> {
        let credential = keys::Credential::new(passphrase.reveal().to_owned());
        let own = (Arc::new(SystemClock::default()) as _, Arc::new(SystemEntropy) as _);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(restore::restore(args, &credential, own, say, hand)).map_err(told)
    }

    fn recover(&self, site: &Path, name: &str, passphrase: &Passphrase) -> Result<NewAdministrator> {
        let credential = keys::Credential::new(passphrase.reveal().to_owned());
        let (account, token) = process::recover(site, credential, name).map_err(told)?;
        Ok(NewAdministrator { account: account.id, name: account.name, token: token.expose().to_owned() })
    }

    fn internal(&self, args: &[OsString]) -> ExitCode {
        let words: Vec<&str> = args.iter().filter_map(|word| word.to_str()).collect();
        let done = match words.as_slice() {
            ["serve", site] => serve(Path::new(site)),
            ["routes"] => routes(),
            ["check-fastq", caps] => intake::child::run(caps).context("the check could not be done"),
            _ => Err(anyhow::anyhow!("there is no such internal command")),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(Kind::Internal.exit_code()),
        }
    }

    fn environment(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }
}

/// Prints the product's own list of routes and of what each leaves in the ledger, for controls.
fn routes() -> Result<()> {
    println!("{}", serde_json::to_string(&api::trail::catalogue())?);
    Ok(())
}

/// Serves; a site that cannot be opened says why on standard output, where its starter listens.
fn serve(site: &Path) -> Result<()> {
    process::serve(site).inspect_err(|error| {
        let problem = problem(error);
        println!("{}", serde_json::to_string(&problem).unwrap_or_default());
        eprintln!("{}: {}", problem.code, problem.message);
    })
}

/// The failure of a room's error.
pub fn failure(fault: &dyn Fault) -> anyhow::Error {
    anyhow::Error::new(Failure::of(fault))
}

/// What the settings are to say of a server. One that says too little is refused before anything is made.
fn server(args: &DatabaseArgs) -> Result<db::Server, db::Error> {
    let server = db::Server {
        ca: args.ca.clone(),
        password_file: args.password_file.clone(),
        client_certificate: args.certificate.clone(),
        client_key: args.key.clone(),
        ..db::Server::new(&args.url)
    };
    server.check()?;
    Ok(server)
}

/// An error whose room says its code and hint.
fn told(error: anyhow::Error) -> anyhow::Error {
    match fault(&error) {
        Some(fault) => failure(fault),
        None => error,
    }
}

fn problem(error: &anyhow::Error) -> Problem {
    match fault(error) {
        Some(fault) => Problem {
            code: fault.code().to_owned(),
            kind: fault.kind(),
            message: base::fault::chain(fault),
            hint: fault.hint(),
            findings: Vec::new(),
        },
        None => Problem {
            code: "SEQUESTRA-001".to_owned(),
            kind: Kind::Unavailable,
            message: format!("the site cannot be opened: {error:#}"),
            hint: Some("the end of `run/process.log` in the site's folder may say more".to_owned()),
            findings: Vec::new(),
        },
    }
}

/// The room's error inside an error of this program.
pub fn fault(error: &anyhow::Error) -> Option<&dyn Fault> {
    fn of<E: Fault>(error: &anyhow::Error) -> Option<&dyn Fault> {
        error.downcast_ref::<E>().map(|found| found as &dyn Fault)
    }
    of::<crate::error::Error>(error)
        .or_else(|| of::<keys::Error>(error))
        .or_else(|| of::<ledger::Error>(error))
        .or_else(|| of::<audit::Error>(error))
        .or_else(|| of::<db::Error>(error))
        .or_else(|| of::<archive::Error>(error))
        .or_else(|| of::<backup::Error>(error))
        .or_else(|| of::<access::Error>(error))
        .or_else(|| of::<subjects::Error>(error))
        .or_else(|| of::<sharing::Error>(error))
        .or_else(|| of::<runs::Error>(error))
        .or_else(|| of::<policy::Error>(error))
        .or_else(|| of::<witness::Error>(error))
        .or_else(|| of::<replica::Error>(error))
        .or_else(|| of::<feed::Error>(error))
        .or_else(|| of::<crypto::Error>(error))
        .or_else(|| of::<server::failure::Error>(error))
}

/// The machines in every text of some settings: whatever stands where an address has one.
fn named(settings: &toml::Value, hosts: &mut Vec<String>) {
    match settings {
        toml::Value::String(text) => hosts.extend(host_of(text)),
        toml::Value::Array(all) => all.iter().for_each(|one| named(one, hosts)),
        toml::Value::Table(all) => all.iter().for_each(|(_, one)| named(one, hosts)),
        _ => {}
    }
}

/// Of `scheme://user@HOST:port/path` and of `user@HOST`.
fn host_of(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let place = rest.split(['/', '?']).next()?;
    let (user, place) = place.rsplit_once('@').unwrap_or(("", place));
    let is_place = !scheme.is_empty() || !user.is_empty();
    let host = match place.strip_prefix('[') {
        Some(literal) => literal.split(']').next()?,
        None => place.split(':').next()?,
    };
    let own = ["localhost", "127.0.0.1", "::1", ""].contains(&host);
    (is_place && !own).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_in_the_settings_is_known() {
        let settings: toml::Value = toml::from_str(
            "region = 'EU'\n[database]\nserver = 'postgres://seq@db.klinikum.at:5432/sequestra'\n[mail]\nfrom = 'a@ward.at'\n\
             [[alarm]]\nto = 'https://[2001:db8::7]:8443/in'\n[[alarm]]\nto = 'http://127.0.0.1:9/'\n[s3]\nurl = 'http://pg1:9000'",
        )
        .unwrap();
        let mut hosts = Vec::new();
        named(&settings, &mut hosts);
        hosts.sort();
        assert_eq!(hosts, ["2001:db8::7", "db.klinikum.at", "pg1", "ward.at"]);
    }
}
