//! What can go wrong with tools, references and runs.

use base::{Fault, Kind};

/// Failures of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing, or nothing the caller may know of.
    #[error("not found")]
    NotFound,
    /// A name that is not one of the shipped ones.
    #[error("there is no {what} named `{name}`")]
    Unknown {
        /// The kind of thing.
        what: &'static str,
        /// The name given, shortened.
        name: String,
        /// The known names.
        known: String,
    },
    /// A program of a tool is not on this machine.
    #[error("`{program}` is not on the search path")]
    NotInstalled {
        /// The program.
        program: String,
        /// How to get it.
        hint: String,
    },
    /// A tool that a workflow needs was never registered.
    #[error("the tool `{0}` is not registered")]
    NoTool(String),
    /// A tool's name of the wrong shape.
    #[error("`{0}` is not a tool's name")]
    ToolName(String),
    /// A registered tool is not what was registered.
    #[error("the tool `{name}` is not what was registered")]
    ToolChanged {
        /// Its name.
        name: String,
        /// What differs.
        #[source]
        source: executor::Error,
    },
    /// A parameter that the workflow does not take, or a value of the wrong shape.
    #[error("the parameter `{name}` is not valid")]
    Parameter {
        /// Its name, shortened.
        name: String,
        /// What is expected.
        expected: String,
    },
    /// A reference lacks a file that the workflow needs.
    #[error("the reference has no `{0}`")]
    ReferenceRole(String),
    /// A file was uploaded twice, or the sequence was not uploaded.
    #[error("the upload of the reference is not usable: {0}")]
    Upload(&'static str),
    /// The helper that runs workflows is not where it was said to be.
    #[error("the workflow helper is missing")]
    Helper,
    /// The sealed job ended in failure.
    #[error("the job failed{}", in_task(.task))]
    Job {
        /// The task that failed, if the helper named one.
        task: Option<String>,
        /// Its last words, redacted.
        said: String,
    },
    /// The job reached a limit.
    #[error("the job was stopped: it {0}")]
    Limit(&'static str),
    /// Someone cancelled the run.
    #[error("the run was cancelled")]
    Cancelled,
    /// A run that cannot be cancelled any more.
    #[error("the run has ended: it is {0}")]
    Ended(&'static str),
    /// The data may not be used any more: its people withdrew, or its terms ended.
    #[error("stopped: the data may not be used any more: {0}")]
    Unusable(String),
    /// The permit was not renewed.
    #[error("the right to run it was revoked while it ran")]
    Revoked,
    /// The site's process ended before the run did.
    #[error("the site was stopped before the run ended")]
    Interrupted,
    /// The outputs do not agree with what went in or with one another.
    #[error("the outputs do not add up: {what} is {found}, expected {expected}")]
    Contract {
        /// Which count.
        what: String,
        /// What was found.
        found: u64,
        /// What was expected.
        expected: u64,
    },
    /// An output does not have the shape that its format has.
    #[error("an output cannot be read: {0}")]
    Output(&'static str),
    /// What follows a run failed; the run's own results are kept.
    #[error("the results are in, but what follows them failed: {}", .0.message)]
    After(Box<crate::Failure>),
    /// A stored record is not readable.
    #[error("a record of a run is not readable")]
    Record,
    /// A defect: the run's thread ended without a word.
    #[error("the run ended unexpectedly")]
    Defect,
    /// The scratch could not be written or read.
    #[error("the scratch could not be used")]
    Scratch(#[from] std::io::Error),
    /// The executor refused or failed.
    #[error(transparent)]
    Executor(#[from] executor::Error),
    /// The receipt could not be made.
    #[error(transparent)]
    Receipt(#[from] receipt::Error),
    /// Objects could not be opened, sealed or admitted.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The catalog refused.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The permit does not allow it.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// It could not be recorded.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The metadata database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl From<db::sea_orm::DbErr> for Error {
    fn from(error: db::sea_orm::DbErr) -> Self {
        Self::Db(error.into())
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound => Kind::NotFound,
            Self::Unknown { .. }
            | Self::ToolName(_)
            | Self::Parameter { .. }
            | Self::ReferenceRole(_)
            | Self::Upload(_)
            | Self::Job { .. } => Kind::Invalid,
            Self::NotInstalled { .. }
            | Self::NoTool(_)
            | Self::Helper
            | Self::Limit(_)
            | Self::Interrupted => Kind::Unavailable,
            Self::ToolChanged { .. } | Self::Contract { .. } | Self::Output(_) | Self::Record => {
                Kind::Integrity
            }
            Self::Cancelled | Self::Ended(_) => Kind::Conflict,
            Self::Revoked | Self::Unusable(_) => Kind::Denied,
            Self::After(_) => Kind::Internal,
            Self::Defect | Self::Scratch(_) => Kind::Internal,
            Self::Executor(e) => e.kind(),
            Self::Receipt(e) => e.kind(),
            Self::Archive(e) => e.kind(),
            Self::Catalog(e) => e.kind(),
            Self::Access(e) => e.kind(),
            Self::Audit(e) => e.kind(),
            Self::Db(e) => e.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "RUNS-001",
            Self::Unknown { .. } => "RUNS-002",
            Self::NotInstalled { .. } => "RUNS-003",
            Self::NoTool(_) => "RUNS-004",
            Self::ToolName(_) => "RUNS-005",
            Self::ToolChanged { .. } => "RUNS-006",
            Self::Parameter { .. } => "RUNS-007",
            Self::ReferenceRole(_) => "RUNS-008",
            Self::Upload(_) => "RUNS-009",
            Self::Helper => "RUNS-010",
            Self::Job { .. } => "RUNS-011",
            Self::Limit(_) => "RUNS-012",
            Self::Cancelled => "RUNS-013",
            Self::Unusable(_) => "RUNS-023",
            Self::Revoked => "RUNS-014",
            Self::After(_) => "RUNS-021",
            Self::Interrupted => "RUNS-015",
            Self::Contract { .. } => "RUNS-016",
            Self::Output(_) => "RUNS-017",
            Self::Record => "RUNS-018",
            Self::Defect => "RUNS-019",
            Self::Scratch(_) => "RUNS-020",
            Self::Ended(_) => "RUNS-022",
            Self::Executor(e) => e.code(),
            Self::Receipt(e) => e.code(),
            Self::Archive(e) => e.code(),
            Self::Catalog(e) => e.code(),
            Self::Access(e) => e.code(),
            Self::Audit(e) => e.code(),
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound => Some("check the id, and that you are a member of its project".into()),
            Self::Unknown { known, .. } => Some(format!("known ones are {known}")),
            Self::NotInstalled { hint, .. } => Some(hint.clone()),
            Self::NoTool(name) => {
                Some(format!("a pipeline approver registers it with `sequestra tool add {name}`"))
            }
            Self::ToolName(_) => Some("use 1 to 40 letters, digits, `.`, `_`, `+` or `-`".into()),
            Self::ToolChanged { name, .. } => {
                Some(format!("register it again with `sequestra tool add {name}`, then start the run again"))
            }
            Self::Parameter { expected, .. } => Some(format!("expected {expected}")),
            Self::ReferenceRole(_) => Some("register the reference again with `sequestra reference add`".into()),
            Self::Upload(_) => Some("send `reference.fa` once, and each further file at most once".into()),
            Self::Helper => Some("install `sequestra-wdl` beside `sequestra`".into()),
            Self::Job { said, .. } if !said.is_empty() => Some(said.clone()),
            Self::Limit(_) => Some("give the run less to do: fewer reads at once, or another reference".into()),
            Self::After(failure) => failure.hint.clone(),
            Self::Ended(_) => Some("there is nothing left to stop; `run show` says what it made".into()),
            Self::Unusable(_) => Some(
                "nothing of it was kept; its receipt says so: `receipt show`. A data steward of the project can say more".into(),
            ),
            Self::Revoked => Some("nothing of it was kept; ask who administers the project".into()),
            Self::Interrupted => Some("nothing of it was kept; start the run again".into()),
            Self::Contract { .. } | Self::Output(_) => {
                Some("nothing of the run was kept; look at its log (`run show`), and register the tools again (`tool add --all`)".into())
            }
            Self::Executor(e) => e.hint(),
            Self::Receipt(e) => e.hint(),
            Self::Archive(e) => e.hint(),
            Self::Catalog(e) => e.hint(),
            Self::Access(e) => e.hint(),
            Self::Audit(e) => e.hint(),
            Self::Db(e) => e.hint(),
            _ => None,
        }
    }
}

fn in_task(task: &Option<String>) -> String {
    task.as_ref().map(|task| format!(" in `{task}`")).unwrap_or_default()
}

/// A text from outside, made fit for a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
