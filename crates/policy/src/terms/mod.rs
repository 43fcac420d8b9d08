//! Data-use terms that a program can decide on: what data may be used for, what a use states, the answer, and
//! the terms of several datasets together. The rules stand in `docs/spec/data-use.md`.
//!
//! Promises:
//! * What cannot be judged never approves: it needs a person, and the reason says why.
//! * What prohibits wins over what needs a person.
//! * Combined terms answer each use as the strictest of their parts, or are refused with the reason.
//! * Terms are stored as text. Equal terms are equal texts.
//!
//! * [`Terms`]: a permission and its modifiers; [`Terms::parse`], [`Terms::answer`], [`Terms::combine`]
//! * [`Code`]: every permission and modifier of DUO
//! * [`Disease`], [`Region`], [`Name`], [`Day`]: what their values are
//! * [`Use`]: what a request states, with its [`Aim`]s and the [`Fact`]s on record
//! * [`Diseases`]: what the caller knows about diseases
//! * [`Answer`], [`Reason`]: approve, deny, or a person is needed, and why
//! * [`Wrong`], [`Conflict`]: why a text is no list of terms, and why terms do not combine

mod answer;
mod code;
mod combine;
mod data;
mod day;
mod diseases;
mod item;
mod judge;
mod stated;
mod text;
mod write;

pub use answer::{Answer, Reason};
pub use code::Code;
pub use combine::Conflict;
pub use data::Terms;
pub use day::Day;
pub use diseases::Diseases;
pub use item::{Disease, Name, Region};
pub use stated::{Aim, Aims, Fact, Facts, Use};
pub use text::Wrong;
