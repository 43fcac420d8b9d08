//! What can go wrong on the client's side, and the one shape in which every failure is told.

use api::Problem;
use base::{Fault, Kind, Sha256};
use std::path::PathBuf;

/// A failure of the command line itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments make no command.
    #[error("{0}")]
    Usage(String),
    /// No site was named and none is near.
    #[error("no site: there is no `site.toml` in this folder or above it")]
    NoSite,
    /// The folder named is no site.
    #[error("`{}` is not a site: it has no `site.toml`", .0.display())]
    NotASite(PathBuf),
    /// No session.
    #[error("not signed in to this site")]
    NotSignedIn,
    /// Others can read the session, or it is not the caller's.
    #[error("the session file `{}` is not yours alone", .0.display())]
    SessionExposed(PathBuf),
    /// The session file is not one.
    #[error("`{}` is not a session file", .0.display())]
    NotASession(PathBuf),
    /// The session belongs to another site, or to this one in another folder.
    #[error("the session is of another site")]
    OtherSite,
    /// There is nowhere to keep a session.
    #[error("there is no home folder to keep the session in")]
    NoHome,
    /// A locked site, its root or its provider, and nothing gives the passphrase.
    #[error("this takes what unseals the site, and there is no passphrase, PIN or token")]
    NoPassphrase,
    /// The same, and nothing gives the shares.
    #[error("this takes what unseals the site, {0} shares, and none was given")]
    NoShares(u8),
    /// Nothing gives the new passphrase or PIN.
    #[error("there is no new passphrase or PIN")]
    NoNew,
    /// Everyone can read the passphrase or the token.
    #[error("everyone on this machine can read `{}`", .0.display())]
    SecretExposed(PathBuf),
    /// A prompt that was answered twice differently, or with nothing.
    #[error("{0}")]
    Prompt(&'static str),
    /// A file for a passphrase without one.
    #[error("the first line of `{}` is empty, and the passphrase belongs there", .0.display())]
    EmptyFile(PathBuf),
    /// Nothing gives the one-time token.
    #[error("there is no one-time token to sign in with")]
    NoToken,
    /// The site has no process.
    #[error("the site is locked")]
    Locked,
    /// The site has a process.
    #[error("the site is open: process {0} holds it")]
    Open(u32),
    /// The process was started and does not answer.
    #[error("the site's process was started but does not answer")]
    NotAnswering,
    /// The socket belongs to somebody else.
    #[error("the process behind the site's socket belongs to neither you nor the site's owner")]
    Stranger,
    /// The connection failed or broke.
    #[error("the connection to the site's process failed: {0}")]
    Connection(String),
    /// The answer is not of the contract.
    #[error("the site's process gave an answer that this program does not understand (status {0})")]
    Answer(u16),
    /// A file of the caller's cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a plain file.
    #[error("`{}` is not a plain file", .0.display())]
    NotPlain(PathBuf),
    /// A file cannot be written.
    #[error("`{}` cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file to write exists.
    #[error("`{}` exists", .0.display())]
    Exists(PathBuf),
    /// The site asks for a file that the sheet does not name.
    #[error("the site asked for `{0}`, which is not a file beside the sheet")]
    NotInSheet(String),
    /// Stdout cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(String),
    /// The answer would drive the terminal.
    #[error("the answer holds control characters and stdout is a terminal")]
    Control,
    /// Not a receipt's own id.
    #[error(
        "`{0}` is not the id of a thing: expected three letters, `_` and 20 characters (`account list` has those of people)"
    )]
    NotAnId(String),
    /// The ledger does not hold.
    #[error("the ledger does not hold")]
    Unsound,
    /// A history with a gap.
    #[error("the history is not complete: the chains of predecessors have a gap")]
    Incomplete,
    /// Damage in stored bytes.
    #[error("{0} versions of objects are damaged: they are in quarantine and given to nobody")]
    Damage(u64),
    /// Locks that differ, of whole bytes.
    #[error("the store locks {0} versions of objects otherwise than their records say")]
    Locks(u64),
    /// The store could not read some of it.
    #[error("{0} versions of objects could not be read from the store: nothing is known of their bytes")]
    Unread(u64),
    /// Damage in a backup.
    #[error("the backup is damaged")]
    Backup,
    /// A run that was stopped before it was done.
    #[error("the run is {0}")]
    RunEnded(String),
    /// The machine lacks something that is needed.
    #[error("this machine lacks something that is needed")]
    Lacking,
    /// Controls that do not hold.
    #[error("{0} of the controls that were played do not hold")]
    NotHeld(usize),
    /// Controls about which nothing is known.
    #[error("{0} of the controls could not be played: nothing is known about them")]
    NotPlayed(usize),
    /// Nothing says which key a door has.
    #[error("the key of {0} is not known: nothing was sent")]
    UnknownPin(String),
    /// A door shows another key.
    #[error(
        "{address} shows another key than the pinned one: nothing was sent (pinned sha256:{pin}, shown sha256:{shown})"
    )]
    WrongPin {
        /// The door.
        address: String,
        /// The pin that counts.
        pin: Sha256,
        /// What was shown.
        shown: Sha256,
    },
    /// A pin was given, and another is kept.
    #[error("another pin is kept for {address}: sha256:{kept}")]
    OtherPin {
        /// The door.
        address: String,
        /// What is kept.
        kept: Sha256,
    },
    /// A command that works in the site's folder.
    #[error("this command needs the site's folder")]
    NeedsFolder,
    /// A door that cannot be reached.
    #[error("{0} cannot be reached: {1}")]
    Unreached(String, String),
    /// Not an address.
    #[error("`{0}` is no address of a site")]
    NotAnAddress(String),
    /// Not a pin.
    #[error("`{0}` is no pin")]
    NotAPin(String),
    /// A name that is a folder's and a remote's.
    #[error("`{0}` is a folder with a site and the name of a remote")]
    TwoMeanings(String),
    /// No such remote.
    #[error("no remote has the name or address `{0}`")]
    NoRemote(String),
    /// A name that another remote has.
    #[error("the name `{name}` is that of {address}")]
    NameTaken {
        /// The name.
        name: String,
        /// Whose it is.
        address: String,
    },
    /// Others can write the file of remotes.
    #[error("others than you may change `{}`", .0.display())]
    RemotesExposed(PathBuf),
    /// The file of remotes is not one.
    #[error("`{}` is not a file of remotes", .0.display())]
    NotRemotes(PathBuf),
    /// A client's certificate or key that cannot be used.
    #[error("`{}` cannot be used as your certificate: {why}", path.display())]
    Papers {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A door that takes nobody without a certificate.
    #[error("the door asks for a client's certificate, and none was shown")]
    NoPapers,
    /// A client's certificate that a door does not take.
    #[error("the door does not take your certificate ({0})")]
    PapersRefused(String),
    /// Not a recipient's public key.
    #[error("`{}` is no Crypt4GH public key: nothing was sent", .0.display())]
    NotAPublicKey(PathBuf),
    /// A secret key where a public one belongs.
    #[error("`{}` holds a secret key, and a public one belongs here: nothing was sent", .0.display())]
    SecretKey(PathBuf),
    /// Not a machine's private key.
    #[error("`{}` is no key of a machine", .0.display())]
    NotAKey(PathBuf),
    /// A file where a folder belongs.
    #[error("`{}` is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Not among what a list shows.
    #[error("{0} is not among those that you are shown")]
    NotListed(String),
    /// Files that are not what their generator said.
    #[error("not what the generator said, or not readable: {}", many(.0, "file", "files"))]
    Differing(usize),
    /// What keeps a dataset from being published.
    #[error("the dataset cannot be published: {}", many(.0, "finding", "findings"))]
    Unpublishable(usize),
    /// Data-use terms that are none, or contradict each other.
    #[error("{0}")]
    Terms(String),
    /// A test message that nobody took.
    #[error("the receiver did not take it: {0}")]
    NotTaken(String),
    /// A defect of the host.
    #[error("{0}")]
    Host(String),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "errors are shown by reference")]
fn many(number: &usize, one: &str, several: &str) -> String {
    crate::text::many(*number as u64, one, several)
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Usage(_)
            | Self::NotASite(_)
            | Self::NotASession(_)
            | Self::NoHome
            | Self::SecretExposed(_)
            | Self::Prompt(_)
            | Self::EmptyFile(_)
            | Self::NoToken
            | Self::Read { .. }
            | Self::NotPlain(_)
            | Self::NotInSheet(_)
            | Self::Control
            | Self::NeedsFolder
            | Self::NotAnAddress(_)
            | Self::NotAPin(_)
            | Self::TwoMeanings(_)
            | Self::NotRemotes(_)
            | Self::Papers { .. }
            | Self::NotAPublicKey(_)
            | Self::SecretKey(_)
            | Self::NotAKey(_)
            | Self::NotAFolder(_)
            | Self::NotAnId(_) => Kind::Invalid,
            Self::NoSite | Self::NoRemote(_) | Self::NotListed(_) => Kind::NotFound,
            Self::NotSignedIn
            | Self::RemotesExposed(_)
            | Self::UnknownPin(_)
            | Self::SessionExposed(_)
            | Self::NoPapers
            | Self::PapersRefused(_)
            | Self::OtherSite
            | Self::Stranger => Kind::Denied,
            Self::OtherPin { .. }
            | Self::NameTaken { .. }
            | Self::Exists(_)
            | Self::Open(_)
            | Self::Unpublishable(_)
            | Self::Terms(_)
            | Self::RunEnded(_) => Kind::Conflict,
            Self::NoPassphrase
            | Self::NoShares(_)
            | Self::NoNew
            | Self::Locked
            | Self::NotAnswering
            | Self::Connection(_)
            | Self::Unreached(..)
            | Self::Write { .. }
            | Self::Output(_)
            | Self::Unread(_)
            | Self::NotTaken(_)
            | Self::Lacking => Kind::Unavailable,
            Self::WrongPin { .. }
            | Self::Unsound
            | Self::Incomplete
            | Self::Damage(_)
            | Self::Locks(_)
            | Self::NotHeld(_)
            | Self::NotPlayed(_)
            | Self::Differing(_)
            | Self::Backup => Kind::Integrity,
            Self::Answer(_) | Self::Host(_) => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "CLI-001",
            Self::NoSite => "CLI-002",
            Self::NotASite(_) => "CLI-003",
            Self::NotSignedIn => "CLI-004",
            Self::SessionExposed(_) => "CLI-005",
            Self::NotASession(_) => "CLI-006",
            Self::OtherSite => "CLI-007",
            Self::NoHome => "CLI-008",
            Self::NoPassphrase => "CLI-009",
            Self::NoShares(_) => "CLI-031",
            Self::NoNew => "CLI-032",
            Self::SecretExposed(_) => "CLI-010",
            Self::Prompt(_) => "CLI-011",
            Self::NoToken => "CLI-012",
            Self::Locked => "CLI-013",
            Self::NotAnswering => "CLI-014",
            Self::Stranger => "CLI-015",
            Self::Connection(_) => "CLI-016",
            Self::Answer(_) => "CLI-017",
            Self::Read { .. } => "CLI-018",
            Self::NotPlain(_) => "CLI-019",
            Self::Write { .. } => "CLI-020",
            Self::Exists(_) => "CLI-021",
            Self::NotInSheet(_) => "CLI-022",
            Self::Output(_) => "CLI-023",
            Self::Control => "CLI-024",
            Self::NotAnId(_) => "CLI-025",
            Self::Unsound => "CLI-026",
            Self::Incomplete => "CLI-027",
            Self::RunEnded(_) => "CLI-028",
            Self::Lacking => "CLI-029",
            Self::Host(_) => "CLI-030",
            Self::Damage(_) => "CLI-033",
            Self::NotHeld(_) => "CLI-034",
            Self::NotPlayed(_) => "CLI-057",
            Self::UnknownPin(_) => "CLI-040",
            Self::WrongPin { .. } => "CLI-041",
            Self::NeedsFolder => "CLI-042",
            Self::OtherPin { .. } => "CLI-043",
            Self::Unreached(..) => "CLI-044",
            Self::NotAnAddress(_) => "CLI-045",
            Self::NotAPin(_) => "CLI-046",
            Self::TwoMeanings(_) => "CLI-047",
            Self::NoRemote(_) => "CLI-048",
            Self::NameTaken { .. } => "CLI-049",
            Self::RemotesExposed(_) => "CLI-050",
            Self::NotRemotes(_) => "CLI-051",
            Self::Papers { .. } => "CLI-052",
            Self::NoPapers => "CLI-058",
            Self::PapersRefused(_) => "CLI-059",
            Self::Open(_) => "CLI-053",
            Self::NotAPublicKey(_) => "CLI-054",
            Self::SecretKey(_) => "CLI-055",
            Self::EmptyFile(_) => "CLI-056",
            Self::NotAKey(_) => "CLI-060",
            Self::NotAFolder(_) => "CLI-061",
            Self::NotListed(_) => "CLI-062",
            Self::Differing(_) => "CLI-063",
            Self::Unpublishable(_) => "CLI-064",
            Self::Terms(_) => "CLI-065",
            Self::NotTaken(_) => "CLI-066",
            Self::Backup => "CLI-035",
            Self::Locks(_) => "CLI-036",
            Self::Unread(_) => "CLI-037",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Usage(_) => "`--help` after the command shows how it is written",
            Self::NoSite => {
                "name it with `--site DIR` or SEQUESTRA_SITE, or make one with `sequestra init DIR`"
            }
            Self::NotASite(_) => {
                "name the folder that `sequestra init` made, or a site on another machine as `remote list` shows it"
            }
            Self::NotSignedIn | Self::NotASession(_) | Self::OtherSite => {
                "sign in with `sequestra login` and the one-time token that you were given"
            }
            Self::SessionExposed(_) => {
                "others may have used it: run `sequestra logout` after `chmod 600`, then sign in anew"
            }
            Self::NoHome => "name the file with `--session FILE` or SEQUESTRA_SESSION",
            Self::NoNew => "run it in a terminal, or give `--new-file FILE`",
            Self::NoShares(_) => "run it in a terminal, or give one `--share-file FILE` for each holder",
            Self::NoPassphrase => {
                "run it in a terminal, or give `--passphrase-file FILE` or the systemd credential \
                 `sequestra-passphrase`"
            }
            Self::Prompt(_) => "try again",
            Self::NoToken => "run it in a terminal, or give `--token-file FILE`",
            Self::Locked => "any command that needs the site, such as `sequestra whoami`, opens it",
            Self::Open(_) => {
                "`sequestra site lock` closes it; where nobody can sign in, end that process by its id (SIGTERM): it \
                 closes in good order"
            }
            Self::NotAnswering => "look at the end of the log in the site's `run` folder",
            Self::Stranger => "do not sign in; ask the site's owner who put a socket there",
            Self::Connection(_) => "run the same command again; what was finished is kept",
            Self::Answer(_) => "`sequestra site lock` ends a process of another version",
            Self::Control => "write it to a file with `--out FILE`",
            Self::NotAnId(_) => "`sample list`, `object list` and `run list` show the ids",
            Self::Unsound => {
                "stop work on this site, keep it as it is, and compare with a checkpoint kept elsewhere"
            }
            Self::Damage(_) => {
                "`sequestra archive stat` names all of them; look at the disk, and keep a backup that has them"
            }
            Self::Unread(_) => {
                "look at the disk or the bucket; `sequestra archive check OBJECT` tries one again"
            }
            Self::Locks(_) => {
                "what is less than the record says is put right within seconds: run it again; find out who can write there"
            }
            Self::Backup => {
                "make another one in a new folder, on another medium; keep this one as long as it has what no other has"
            }
            Self::NotTaken(_) => {
                "look at `[mail]` and `[[notify]]` in `site.toml`, then lock the site and try again"
            }
            Self::Incomplete => "run `sequestra ledger verify`",
            Self::Lacking => "the lines above say how to get it",
            Self::NotPlayed(_) => {
                "the line of each says what stopped it; `sequestra doctor` says what this machine lacks"
            }
            Self::NotListed(_) => "`dataset list` and `application list` show what there is",
            Self::Differing(_) => "`archive check` tells whether stored bytes are damaged",
            Self::Unpublishable(_) => "mend what is named, or leave the samples out with `--sample`",
            Self::Terms(_) => "docs/spec/data-use.md has the terms and how they combine",
            Self::NotHeld(_) => "the evidence of each says what was expected and what was seen",
            other => {
                return other.hint_of_file().or_else(|| other.hint_of_remote()).map(str::to_owned);
            }
        };
        Some(hint.to_owned())
    }
}

impl Error {
    /// The hint of what goes wrong with a file of the caller's.
    fn hint_of_file(&self) -> Option<&'static str> {
        Some(match self {
            Self::SecretExposed(_) => "`chmod 600` it, and think of what it holds as known",
            Self::EmptyFile(_) => "write it into the file as one line, or leave the option out to be asked",
            Self::NotPlain(_) => "links, folders and devices are not followed; name the file itself",
            Self::Exists(_) => "nothing is replaced; name another file, or remove the one that is there",
            Self::NotAKey(_) => "give the file that `sequestra service enrol --key-out` wrote",
            Self::NotAFolder(_) => "name the folder that the files lie in",
            Self::NotInSheet(_) => "the files of a package lie beside its sheet or in folders below it",
            Self::NotAPublicKey(_) => {
                "ask the recipient for the file that `crypt4gh keygen` wrote with `--pk`: it begins with `-----BEGIN CRYPT4GH PUBLIC KEY-----`"
            }
            Self::SecretKey(_) => {
                "give the public key with `--to`; the secret one stays with the recipient, and if it is not yours, think of it as known"
            }
            Self::Write { .. } => {
                "check that the folder is there, that your account may write it, and that there is room"
            }
            Self::Read { .. } => {
                "check the path, and that your account may read the file and every folder above it"
            }
            _ => return None,
        })
    }

    /// The hint of what goes wrong with a site on another machine.
    fn hint_of_remote(&self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownPin(_) => "ask its administrator for the pin, and give it with `--pin sha256:…`",
            Self::WrongPin { .. } => {
                "somebody may stand between: ask its administrator on another way; if the key was replaced, \
                 `sequestra remote remove` forgets the old one"
            }
            Self::OtherPin { .. } => {
                "if its administrator says that the key was replaced, `sequestra remote remove` forgets the old one"
            }
            Self::NeedsFolder => "run it on the site's machine with `--site DIR`",
            Self::Unreached(..) => {
                "check the address, and that `sequestra serve` runs there and lets this machine in"
            }
            Self::NotAnAddress(_) => "write it as `https://host:port`",
            Self::NotAPin(_) => {
                "a pin is `sha256:` and 64 hexadecimal digits; `serve` and `door certificate` print it"
            }
            Self::TwoMeanings(_) => "write the folder as `./NAME`, or the remote by its address",
            Self::NoRemote(_) => "`sequestra remote list` shows them",
            Self::NameTaken { .. } => "take another name, or `sequestra remote remove` the one that has it",
            Self::RemotesExposed(_) => "look at the pins in it, then `chmod 600` it",
            Self::NotRemotes(_) => "mend it by hand, or move it away and add the remotes anew",
            Self::Papers { .. } => {
                "give PEM files with `--client-certificate` and `--client-key` of `remote add`; docs/guide/door.md says how to make them"
            }
            Self::NoPapers => {
                "whoever keeps the site gives you one; then `sequestra remote add NAME ADDRESS --client-certificate FILE --client-key FILE`"
            }
            Self::PapersRefused(_) => {
                "compare its end and its issuer with what the door asks for: whoever keeps the site knows; `sequestra remote add` takes another"
            }
            _ => return None,
        })
    }
}

/// How a command fails.
#[derive(Debug)]
pub enum Failure {
    /// It is told, and its kind decides the exit code.
    Problem(Box<Problem>),
    /// As its inner one, but stdout has its JSON document already.
    Told(Box<Failure>),
    /// Nobody reads our stdout any more: an end, not a failure.
    ReaderGone,
    /// The person stopped waiting.
    Interrupted,
}

impl Failure {
    /// A room's own error as a failure, with the messages of its causes. For hosts.
    pub fn of(fault: &dyn Fault) -> Self {
        Self::Problem(Box::new(Problem {
            code: fault.code().to_owned(),
            kind: fault.kind(),
            message: base::fault::chain(fault),
            hint: fault.hint(),
            findings: Vec::new(),
        }))
    }

    /// Its exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Problem(problem) => problem.kind.exit_code(),
            Self::Told(inner) => inner.exit_code(),
            Self::ReaderGone => 0,
            Self::Interrupted => 130,
        }
    }

    /// Adds what a check found.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<String>) -> Self {
        if let Self::Problem(problem) = &mut self {
            problem.findings = findings;
        }
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Problem(problem) => write!(f, "{} ({})", problem.message, problem.code),
            Self::Told(inner) => inner.fmt(f),
            Self::ReaderGone => f.write_str("nobody reads the output"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // The messages here name their source already.
        Self::from(Problem {
            code: error.code().to_owned(),
            kind: error.kind(),
            message: error.to_string(),
            hint: error.hint(),
            findings: Vec::new(),
        })
    }
}

impl From<receipt::Error> for Failure {
    fn from(error: receipt::Error) -> Self {
        Self::of(&error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Failure>() {
            Ok(failure) => failure,
            Err(error) => Error::Host(format!("{error:#}")).into(),
        }
    }
}
