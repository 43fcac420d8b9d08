//! What runs took, by project: ids and sums alone.

use crate::table::run;
use crate::{Error, Resources, Runs};
use access::Permit;
use access::thing::Site;
use access::verb::View;
use base::{ProjectId, Timestamp};
use db::sea_orm::{EntityTrait, QuerySelect};
use std::collections::BTreeMap;

/// What the runs of one project took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Used {
    /// How many there were, by the word for how they stand.
    pub runs: BTreeMap<String, u64>,
    /// Processor seconds of those that have ended.
    pub cpu_seconds: f64,
    /// Seconds from start to end, one after the other.
    pub wall_seconds: f64,
    /// The most memory that one of them held, bytes.
    pub max_memory_bytes: u64,
}

impl Used {
    fn add(&mut self, state: String, took: Option<Resources>) {
        *self.runs.entry(state).or_default() += 1;
        if let Some(took) = took {
            self.cpu_seconds += took.cpu_seconds;
            self.wall_seconds += took.wall_seconds;
            self.max_memory_bytes = self.max_memory_bytes.max(took.max_memory_bytes);
        }
    }
}

impl Runs {
    /// What the runs took that were asked for from `since` to before `until`.
    pub async fn used(
        &self,
        permit: &Permit<View, Site>,
        (since, until): (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<BTreeMap<ProjectId, Used>, Error> {
        permit.live()?;
        let rows: Vec<(String, String, Option<String>, String)> = run::Entity::find()
            .select_only()
            .columns([
                run::Column::Project,
                run::Column::State,
                run::Column::Resources,
                run::Column::CreatedAt,
            ])
            .into_tuple()
            .all(self.inner.db.reader())
            .await?;
        let mut used: BTreeMap<ProjectId, Used> = BTreeMap::new();
        for (project, state, resources, created_at) in rows {
            let at: Timestamp = created_at.parse().map_err(|_| Error::Record)?;
            if since.is_some_and(|since| at < since) || until.is_some_and(|until| at >= until) {
                continue;
            }
            let took =
                resources.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| Error::Record)?;
            used.entry(project.parse().map_err(|_| Error::Record)?).or_default().add(state, took);
        }
        Ok(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_add_and_peaks_do_not() {
        let took = |cpu_seconds, max_memory_bytes| {
            Some(Resources { wall_seconds: 1.5, cpu_seconds, max_memory_bytes })
        };
        let mut used = Used::default();
        used.add("done".into(), took(2.0, 700));
        used.add("done".into(), took(3.0, 500));
        used.add("queued".into(), None);
        let expected = Used {
            runs: BTreeMap::from([("done".into(), 2), ("queued".into(), 1)]),
            cpu_seconds: 5.0,
            wall_seconds: 3.0,
            max_memory_bytes: 700,
        };
        assert_eq!(used, expected);
    }
}
