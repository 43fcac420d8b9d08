//! `usage`: what projects take of the machine, and what that costs.

use crate::app::App;
use crate::audit::time;
use crate::{Error, Failure, text};
use api::subject::Within;
use api::usage::{Usage as Used, UsedBy};
use base::Timestamp;
use clap::{Args, Subcommand};
use serde_json::json;

const TEBIBYTE: f64 = 1_099_511_627_776.0;

/// What projects take of the machine
#[derive(Subcommand)]
pub enum Usage {
    Show(Show),
}

impl Usage {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Show(args) => args.run(app),
        }
    }
}

/// Show runs, processor time and stored bytes by project, by id alone, and what they cost.
///
/// Runs are those that were asked for in the time given; what is stored is as of now. With prices each line has its cost; with `--total` it
/// is one line for the whole site, fit for whoever may not know which projects there are.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra usage show --since 2031-01-01 --until 2031-02-01 --cpu-hour 0.04 --tib-month 20\n\n\
    Role: platform-administrator on the site."
)]
pub struct Show {
    /// Runs asked for not before this day (UTC) or time
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Runs asked for before this day (UTC) or time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// What an hour of one processor costs
    #[arg(long, value_name = "PRICE", value_parser = price)]
    cpu_hour: Option<f64>,
    /// What a TiB stored costs for a month
    #[arg(long, value_name = "PRICE", value_parser = price)]
    tib_month: Option<f64>,
    /// One line for all projects together
    #[arg(long)]
    total: bool,
}

impl Show {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        if self.since.zip(self.until).is_some_and(|(since, until)| since >= until) {
            return Err(Error::Usage("`--since` is not before `--until`".into()).into());
        }
        let within = Within { since: self.since, until: self.until };
        let mut used: Used = app.client()?.ask("usage show", &[], &within)?;
        if self.total {
            used.projects =
                vec![used.projects.iter().fold(UsedBy { project: "all".into(), ..UsedBy::default() }, add)];
        }
        let priced = self.cpu_hour.is_some() || self.tib_month.is_some();
        if app.console.is_json() {
            let rows = used.projects.iter().map(|one| {
                let mut row = serde_json::to_value(one).unwrap_or_default();
                if let (Some(members), true) = (row.as_object_mut(), priced) {
                    members.insert("cost".into(), json!(self.cost(one)));
                }
                row
            });
            return app.console.json(&json!({"at": used.at, "projects": rows.collect::<Vec<_>>()}));
        }
        let mut head = vec!["PROJECT", "RUNS", "ENDED WELL", "CPU HOURS", "LARGEST RUN", "OBJECTS", "STORED"];
        head.extend(priced.then_some("COST"));
        let rows: Vec<_> = used.projects.iter().map(|one| self.row(one, priced)).collect();
        app.console.table(&head, &rows)
    }

    fn row(&self, one: &UsedBy, priced: bool) -> Vec<String> {
        let done = one.runs.get("done").copied().unwrap_or_default();
        let mut row = vec![
            one.project.clone(),
            text::count(one.runs.values().sum()),
            text::count(done),
            format!("{:.2}", one.cpu_seconds / 3600.0),
            text::size(one.peak_bytes),
            text::count(one.objects),
            text::size(one.stored_bytes),
        ];
        row.extend(priced.then(|| format!("{:.2}", self.cost(one))));
        row
    }

    fn cost(&self, one: &UsedBy) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a cost in cents needs no more than 53 bits of bytes")]
        let stored = one.stored_bytes as f64 / TEBIBYTE;
        let hours = one.cpu_seconds / 3600.0 * self.cpu_hour.unwrap_or_default();
        let cents = (hours + stored * self.tib_month.unwrap_or_default()) * 100.0;
        cents.round() / 100.0
    }
}

fn add(mut sum: UsedBy, one: &UsedBy) -> UsedBy {
    for (state, count) in &one.runs {
        *sum.runs.entry(state.clone()).or_default() += count;
    }
    sum.cpu_seconds += one.cpu_seconds;
    sum.wall_seconds += one.wall_seconds;
    sum.peak_bytes = sum.peak_bytes.max(one.peak_bytes);
    sum.objects += one.objects;
    sum.stored_bytes += one.stored_bytes;
    sum
}

fn price(text: &str) -> Result<f64, String> {
    let price: f64 = text.parse().map_err(|_| "expected a number, such as 0.04".to_owned())?;
    if price.is_finite() && price >= 0.0 { Ok(price) } else { Err("a price is not below zero".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_of_hours_and_of_what_is_stored() {
        let used = UsedBy { cpu_seconds: 7200.0, stored_bytes: 1 << 39, ..UsedBy::default() };
        let show =
            Show { since: None, until: None, cpu_hour: Some(0.5), tib_month: Some(20.0), total: false };
        assert_eq!(format!("{:.2}", show.cost(&used)), "11.00");
        assert_eq!(format!("{:.2}", show.cost(&add(used.clone(), &used))), "22.00");
        let third = UsedBy { cpu_seconds: 1200.0, ..UsedBy::default() };
        assert_eq!(show.cost(&third).to_string(), "0.17", "whole cents");
        assert!(price("-1").is_err() && price("NaN").is_err() && price("x").is_err() && price("0").is_ok());
    }
}
