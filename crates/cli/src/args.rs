//! The tree of commands and the global options.

use crate::app::App;
use crate::{
    Failure, access, account, administrator, agreement, application, archive, audit, backup, break_glass,
    completion, consent, contract, controls, database, dataset, demo, doctor, door, init, intake, keys,
    ledger, login, member, notify, object, passkey, passport, password, policy, project, receipt, reference,
    remote, report, run, sample, serve, service, sessions, site, subject, support, tool, usage, variant,
    visa, witness,
};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

/// Analyses human genomes under governance: reads come in through a controlled door, ranked
/// variants come out, and every step is permitted, recorded and provable.
///
/// A site is a folder. The first command that needs it asks for its passphrase and starts the
/// site's process in the background; every command is a client of that process and acts as the
/// account that `login` signed in.
#[derive(Parser)]
#[command(name = "sequestra", version, disable_help_subcommand = true, after_long_help = EXIT_CODES)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Why something is done, as people type it: blanks say nothing.
pub fn words(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say why, in your own words".to_owned()),
        said => Ok(said.to_owned()),
    }
}

const EXIT_CODES: &str = "\
Exit codes:
    0  done
    2  the arguments, a file or the data are wrong
    3  no such thing, or nothing that you may know of
    4  you may not
    5  the state of the thing forbids it now
    6  something needed is missing now; trying later may help
    7  stored bytes are not what was stored, or a proof does not hold
    8  a defect of the program or the machine
  130  you stopped waiting

First steps:
  sequestra doctor                 what this machine offers
  sequestra demo                   the whole story on made reads
  sequestra init SITE              a site of your own";

/// Options that every command takes.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The site's folder, or `https://host:port` or the name of a remote [default: $SEQUESTRA_SITE, else the nearest folder above with `site.toml`]
    #[arg(long = "site", value_name = "SITE", global = true, id = "global-site")]
    pub site: Option<PathBuf>,
    /// The key that the site at an address is known by, `sha256:…` [default: the one kept for it, else you are asked]
    #[arg(long, value_name = "PIN", global = true)]
    pub pin: Option<String>,
    /// The session file [default: $SEQUESTRA_SESSION, else one per site in the state folder of your home]
    #[arg(long, value_name = "FILE", global = true)]
    pub session: Option<PathBuf>,
    /// A file whose first line is the site's passphrase [default: the systemd credential `sequestra-passphrase`, else a prompt]
    #[arg(long, value_name = "FILE", global = true)]
    pub passphrase_file: Option<PathBuf>,
    /// A file whose first line is one share of the site's key; once for each holder [default: a prompt for each]
    #[arg(long, value_name = "FILE", global = true)]
    pub share_file: Vec<PathBuf>,
    /// Print one JSON document on stdout; for a failure, its problem
    #[arg(long, global = true)]
    pub json: bool,
    /// Print no progress and no remarks on stderr, only failures
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// A noun, or a word that needs none.
#[derive(Subcommand)]
pub enum Command {
    Init(init::Init),
    Login(login::Login),
    Confirm(login::Confirm),
    Logout(login::Logout),
    Whoami(login::Whoami),
    #[command(subcommand)]
    Session(sessions::Session),
    #[command(subcommand)]
    Passkey(passkey::Passkey),
    #[command(subcommand)]
    Password(password::Password),
    #[command(subcommand)]
    Service(service::Service),
    #[command(subcommand)]
    Site(site::Site),
    Serve(serve::Serve),
    #[command(subcommand)]
    Door(door::Door),
    #[command(subcommand)]
    Remote(remote::Remote),
    #[command(subcommand)]
    Keys(keys::Keys),
    #[command(subcommand)]
    Account(account::Account),
    #[command(subcommand)]
    Access(access::Access),
    #[command(subcommand)]
    Policy(policy::Policy),
    #[command(subcommand)]
    Project(project::Project),
    #[command(subcommand)]
    Administrator(administrator::Administrator),
    #[command(subcommand)]
    Member(member::Member),
    #[command(subcommand)]
    BreakGlass(break_glass::BreakGlass),
    #[command(subcommand)]
    Visa(visa::Visa),
    #[command(subcommand)]
    Passport(passport::Passport),
    #[command(subcommand)]
    Consent(consent::Consent),
    #[command(subcommand)]
    Use(consent::Use),
    #[command(subcommand)]
    Dataset(dataset::Dataset),
    #[command(subcommand)]
    Application(application::Application),
    #[command(subcommand)]
    Agreement(agreement::Agreement),
    #[command(subcommand)]
    Subject(subject::Subject),
    #[command(subcommand)]
    Intake(intake::Intake),
    #[command(subcommand)]
    Sample(sample::Sample),
    #[command(subcommand)]
    Object(object::Object),
    #[command(subcommand)]
    Notify(notify::Notify),
    #[command(subcommand)]
    Usage(usage::Usage),
    #[command(subcommand)]
    Archive(archive::Archive),
    #[command(subcommand)]
    Backup(backup::Backup),
    #[command(subcommand)]
    Database(database::Database),
    #[command(subcommand)]
    Tool(tool::Tool),
    #[command(subcommand)]
    Reference(reference::Reference),
    #[command(subcommand)]
    Run(run::Run),
    #[command(subcommand)]
    Variant(variant::Variant),
    #[command(subcommand)]
    Report(report::Report),
    #[command(subcommand)]
    Receipt(receipt::Receipt),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    #[command(subcommand)]
    Witness(witness::Witness),
    #[command(subcommand)]
    Controls(controls::Controls),
    #[command(subcommand)]
    Api(contract::Api),
    #[command(subcommand)]
    Support(support::Support),
    Doctor(doctor::Doctor),
    Demo(demo::Demo),
    DemoData(demo::DemoData),
    Completion(completion::Completion),
}

/// The tree as clap's own value, for documentation and tests.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Hands a command to its module.
pub fn dispatch(command: Command, app: &mut App<'_>) -> Result<(), Failure> {
    match command {
        Command::Init(args) => args.run(app),
        Command::Login(args) => args.run(app),
        Command::Confirm(args) => args.run(app),
        Command::Logout(args) => args.run(app),
        Command::Passkey(args) => args.run(app),
        Command::Password(args) => args.run(app),
        Command::Whoami(args) => args.run(app),
        Command::Service(args) => args.run(app),
        Command::Session(args) => args.run(app),
        Command::Site(args) => args.run(app),
        Command::Serve(args) => args.run(app),
        Command::Door(args) => args.run(app),
        Command::Remote(args) => args.run(app),
        Command::Keys(args) => args.run(app),
        Command::Account(args) => args.run(app),
        Command::Access(args) => args.run(app),
        Command::Policy(args) => args.run(app),
        Command::Project(args) => args.run(app),
        Command::Administrator(args) => args.run(app),
        Command::Consent(args) => args.run(app),
        Command::Use(args) => args.run(app),
        Command::Dataset(args) => args.run(app),
        Command::Application(args) => args.run(app),
        Command::Agreement(args) => args.run(app),
        Command::Subject(args) => args.run(app),
        Command::Support(args) => args.run(app),
        Command::Member(args) => args.run(app),
        Command::BreakGlass(args) => args.run(app),
        Command::Visa(args) => args.run(app),
        Command::Passport(args) => args.run(app),
        Command::Intake(args) => args.run(app),
        Command::Sample(args) => args.run(app),
        Command::Object(args) => args.run(app),
        Command::Notify(args) => args.run(app),
        Command::Archive(args) => args.run(app),
        Command::Backup(args) => args.run(app),
        Command::Database(args) => args.run(app),
        Command::Usage(args) => args.run(app),
        Command::Tool(args) => args.run(app),
        Command::Reference(args) => args.run(app),
        Command::Run(args) => args.run(app),
        Command::Variant(args) => args.run(app),
        Command::Report(args) => args.run(app),
        Command::Receipt(args) => args.run(app),
        Command::Audit(args) => args.run(app),
        Command::Ledger(args) => args.run(app),
        Command::Witness(args) => args.run(app),
        Command::Controls(args) => args.run(app),
        Command::Api(args) => args.run(app),
        Command::Doctor(args) => args.run(app),
        Command::Demo(args) => args.run(app),
        Command::DemoData(args) => args.run(app),
        Command::Completion(args) => args.run(app),
    }
}
