//! Runs code on data behind walls: a sealed job.
//!
//! Promises: a job sees its pinned tools, its declared inputs (read-only) and an encrypted scratch,
//! and nothing else of the machine; it has no network and no privilege; it is stopped at its limits,
//! when it is cancelled, when its permit ends and when this process dies; only declared, checked
//! outputs leave; then the scratch key is gone. `docs/spec/sealed-job.md` says it in full.
//!
//! Invariants:
//! * *What was hashed is what runs*: a job's file system is copied into memory while hashing, and a
//!   byte that differs from the registered closure refuses the start ([`root`]).
//! * *Never open*: a wall that the machine cannot raise refuses the job, or is reported as missing by
//!   [`capabilities`] where another wall covers the same ground; nothing is dropped in silence.
//! * *No shell between*: every program is started with an argument list; the one shell, which guards
//!   the scratch daemon, has a fixed text and gets the list as it is.
//! * *Nothing offered runs outside*: what a tool loads is found by reading it.
//!
//! Everything here blocks; asynchronous callers use a blocking thread.
//!
//! * [`executor`]: the entry: settings, what is checked once, and the verbs
//! * [`closure`], [`store`]: a tool with everything it loads, as one digest; kept and re-checked
//! * [`root`]: the file system of a job
//! * [`scratch`]: the encrypted folder of a job, its end, and the sweep after a crash
//! * [`job`]: a job from start to finish; [`limits`], [`cancel`], [`lines`]
//! * [`outputs`]: what may leave, and the whole-file checks
//! * [`filter`]: the same walls around a parser of untrusted bytes
//! * [`confine`]: what such a parser does to itself first
//! * [`capabilities`]: what this machine offers and what is missing
//! * the walls themselves: `jail`, `seccomp`, `cgroup`, `supervise`, `spawn`

pub mod cancel;
pub mod capabilities;
mod cgroup;
pub mod closure;
pub mod confine;
mod elf;
pub mod error;
pub mod executor;
pub mod filter;
mod jail;
pub mod job;
pub mod limits;
pub mod lines;
mod loading;
mod mounts;
pub mod outputs;
mod processes;
pub mod root;
pub mod scratch;
mod seccomp;
mod spawn;
pub mod store;
mod supervise;

pub use cancel::CancelToken;
pub use capabilities::{Capability, Report, State};
pub use closure::{Closure, Entry, Item};
pub use error::{Error, Result};
pub use executor::{Executor, Settings};
pub use filter::{Filter, FilterChild, Filtered};
pub use job::{Finished, Job, OnLine};
pub use limits::Limits;
pub use lines::Stream;
pub use mounts::are_apart_from_parents;
pub use outputs::{Declared, OutputFile, OutputKind};
pub use root::Root;
pub use scratch::{Scratch, ScratchKind};
