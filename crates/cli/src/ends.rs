//! When a role ends: options of the commands that give one, and how ends are shown.

use crate::Failure;
use crate::app::App;
use crate::text;
use api::people::{Ends, Given, Standing};
use api::rights::{Changes, RightChange};
use base::{Role, Timestamp};
use clap::Args;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The ends of a role. A day means its end, in UTC.
#[derive(Args, Debug, Clone, Default)]
pub struct Until {
    /// The last day of the role [default: as long as the site gives any, at most a year]
    #[arg(long, value_name = "DAY", value_parser = day)]
    until: Option<Timestamp>,
    /// The last day of the training that the role asks for: the role ends with it
    #[arg(long, value_name = "DAY", value_parser = day)]
    training_until: Option<Timestamp>,
    /// The last day of the agreement that the role stands on, such as one on the use of data
    #[arg(long, value_name = "DAY", value_parser = day)]
    agreement_until: Option<Timestamp>,
    /// The last day of the approval that the role stands on, such as an ethics committee's
    #[arg(long, value_name = "DAY", value_parser = day)]
    approval_until: Option<Timestamp>,
}

impl Until {
    pub fn ends(self) -> Ends {
        let Self { until, training_until, agreement_until, approval_until } = self;
        Ends { until, training_until, agreement_until, approval_until }
    }
}

/// `2031-05-01`, from its beginning, or a moment as `2031-05-01T12:00:00Z`.
pub fn begin(text: &str) -> Result<Timestamp, String> {
    let start = format!("{text}T00:00:00Z").parse::<Timestamp>().ok();
    start.or_else(|| text.parse().ok()).ok_or_else(|| "a day is written as 2031-05-01".to_owned())
}

/// `2031-05-01`, to its end, or a moment as `2031-05-01T12:00:00Z`.
pub fn day(text: &str) -> Result<Timestamp, String> {
    let whole = format!("{text}T00:00:00Z").parse::<Timestamp>();
    let end = whole.ok().and_then(|start| start.checked_add(DAY).ok());
    end.or_else(|| text.parse().ok()).ok_or_else(|| "a day is written as 2031-05-01".to_owned())
}

/// A role; who names none is told those that are held on the site.
pub fn on_site(text: &str) -> Result<Role, String> {
    role(text, true)
}

/// A role; who names none is told those that are held in a project.
pub fn in_project(text: &str) -> Result<Role, String> {
    role(text, false)
}

fn role(text: &str, on_site: bool) -> Result<Role, String> {
    let here = Role::ALL.iter().filter(|role| role.is_site_wide() == on_site);
    let told =
        |_| format!("expected one of {}", here.map(|role| role.as_str()).collect::<Vec<_>>().join(", "));
    text.parse().map_err(told)
}

/// The end of a role, and what it ends with, in a table's words.
pub fn shown(given: &Given) -> [String; 2] {
    let by = given.by.as_deref().filter(|by| *by != "time").map(|by| format!(" ({by})")).unwrap_or_default();
    let until = given.until.map(|until| format!("{}{by}", text::until(until)));
    let standing = match given.standing {
        Standing::Held => "held",
        Standing::EndsSoon => "ends soon",
        Standing::Ended => "ended",
    };
    let standing = match (&given.issuer, &given.under) {
        (Some(issuer), _) => format!("{standing}, by a visa of {issuer}"),
        (None, Some(under)) => format!("{standing}, under {under}"),
        (None, None) => standing.to_owned(),
    };
    [text::or_dash(until), standing]
}

/// Shows what a change gives and takes.
pub fn changes(app: &mut App<'_>, told: &Changes) -> Result<(), Failure> {
    if app.console.is_json() {
        return app.console.json(told);
    }
    let Changes { changes, untold, whole } = told;
    for asked in untold {
        app.console.say(&format!("not tried here: {asked}; read the policies"));
    }
    if !whole {
        app.console.say("there was too much to compare: what is not below may change too; read the policies");
    }
    if changes.is_empty() {
        app.console.say("nobody gains or loses anything");
        return Ok(());
    }
    let row = |change: &RightChange| {
        let mut from = if change.from.len() == 3 { "anywhere".to_owned() } else { change.from.join(", ") };
        match change.second_factor {
            Some(true) => from.push_str(", with a second factor"),
            Some(false) => from.push_str(", without a second factor"),
            None => {}
        }
        if change.sometimes {
            from.push_str(", not always");
        }
        let sign = if change.gained { "gains" } else { "loses" };
        let place = change.project.as_ref().map_or_else(|| "the site".to_owned(), ToString::to_string);
        vec![change.account.name.clone(), sign.to_owned(), change.action.clone(), place, from]
    };
    let rows: Vec<_> = changes.iter().map(row).collect();
    app.console.table(&["NAME", "", "WHAT", "WHERE", "FROM"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_end() {
        assert_eq!(day("2031-05-01").unwrap().to_string(), "2031-05-02T00:00:00Z");
        assert_eq!(day("2031-05-01T12:00:00Z").unwrap().to_string(), "2031-05-01T12:00:00Z");
        for wrong in ["", "tomorrow", "2031-13-01", "01.05.2031", "2031-02-30"] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
    }
}
