//! Data that somebody sees by way of exception: in an emergency, or to help.

pub mod emergency;
pub mod let_in;
pub mod reviewed;

use crate::Play;
use crate::site::Answer;
use serde_json::Value;

/// What an answer says, as far as a step tells it.
fn said(answer: &Answer) -> String {
    format!("status {}: {}", answer.status, answer.body.chars().take(120).collect::<String>())
}

/// A refusal with this code.
fn expect_refused(play: &mut Play, code: &str, answer: &Answer) {
    let held = (400..500).contains(&answer.status) && answer.body.contains(code);
    play.expect(&format!("it is refused, {code}"), held, said(answer));
}

/// The id of what was made.
fn id_of(answer: &Answer) -> String {
    let made: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}
