//! What an application gives now.

use crate::table::{application, dataset_sample};
use crate::{Application, Dataset, Error, Sharing, kept};
use access::Permit;
use access::Unusable;
use access::thing::Project;
use access::verb::View;
use base::{DatasetId, Id, ProjectId, SampleId, Timestamp, UserId};
use db::sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

/// An application that was approved once, with all that it stands on.
#[derive(Debug, Clone)]
pub struct Loan {
    /// The application.
    pub application: Application,
    /// Its dataset.
    pub dataset: Dataset,
    /// Whether the contract that the dataset asks for holds; true where it asks for none.
    pub agreed: bool,
}

impl Loan {
    /// Why it gives nothing to anybody now, if it does not.
    pub fn against_all(&self, now: Timestamp) -> Option<Unusable> {
        self.against(self.application.longest(), now)
    }

    /// Why it gives nothing now to whoever asks, if it does not. Nobody in particular may ask for what is known of the
    /// workspace as a whole.
    pub fn against(&self, by: Option<&UserId>, now: Timestamp) -> Option<Unusable> {
        let Self { application, dataset, agreed } = self;
        let no = |rule, why: &str| {
            let why = format!("{}: {why}", application.id);
            Some(Unusable { rule, why })
        };
        if !application.state.is_approved() {
            return no("dataset-not-lent", &format!("the application is {}", application.state.words()));
        }
        let Some(until) = application.until.filter(|until| *until > now) else {
            let until = application.until.map(|until| until.to_string()).unwrap_or_default();
            return no("application-ended", &format!("the application ended at {until}"));
        };
        if let Some(closed) = dataset.closed {
            return no("dataset-closed", &format!("its home closed the dataset at {closed}"));
        }
        if application.is_report_overdue(now) {
            return no("report-overdue", "the yearly report on it is more than 30 days late");
        }
        if !agreed {
            let contract = dataset.contract.map(|contract| contract.as_str()).unwrap_or_default();
            return no("agreement-ended", &format!("no {contract} with {} holds", application.party));
        }
        match by.and_then(|by| application.people.get(by)) {
            None => no("application-not-yours", &format!("it holds until {until}, and does not name you")),
            Some(Some(own)) if *own <= now => {
                no("application-ended", &format!("it holds until {until}, and named you until {own}"))
            }
            Some(_) => None,
        }
    }
}

impl Sharing {
    /// Whether a sample was ever lent to a workspace.
    pub async fn was_lent(&self, workspace: &ProjectId, sample: &SampleId) -> Result<bool, Error> {
        let Some(ever) = self.ever(workspace, sample).await? else { return Ok(false) };
        Ok(application::Entity::find().filter(ever).one(self.db.reader()).await?.is_some())
    }

    /// Every loan of a sample to a workspace, the newest first, whether it gives anything now or not.
    pub async fn loans(&self, workspace: &ProjectId, sample: &SampleId) -> Result<Vec<Loan>, Error> {
        let mut loans = Vec::new();
        let Some(ever) = self.ever(workspace, sample).await? else { return Ok(loans) };
        for application in self.which(ever).await? {
            loans.push(self.loan(application).await?);
        }
        Ok(loans)
    }

    /// Every loan of a sample of the permit's project to another one, the newest first, whether it gives anything now or not.
    pub async fn loans_out(
        &self,
        permit: &Permit<View, Project>,
        sample: &SampleId,
    ) -> Result<Vec<Loan>, Error> {
        let mut loans = Vec::new();
        let Some(having) = self.having(sample).await? else { return Ok(loans) };
        let home = application::Column::Home.eq(permit.in_project()?.as_str());
        for application in self.which(having.add(home)).await? {
            loans.push(self.loan(application).await?);
        }
        Ok(loans)
    }

    /// An application with what it stands on.
    pub async fn loan(&self, application: Application) -> Result<Loan, Error> {
        let dataset = self.dataset(&application.dataset).await?;
        let agreed = match dataset.contract {
            None => true,
            Some(contract) => {
                let with = (contract, application.party.as_str());
                self.has_agreed(&dataset.home, with, &dataset.id, self.clock.now()).await?
            }
        };
        Ok(Loan { application, dataset, agreed })
    }

    /// The samples that the permit's project is lent now, and by which dataset.
    pub async fn lent(&self, permit: &Permit<View, Project>) -> Result<Vec<(DatasetId, SampleId)>, Error> {
        let (workspace, now) = (permit.in_project()?, self.clock.now());
        let mut lent = Vec::new();
        for application in self.approved_in(workspace).await? {
            let by = permit.caller().person().cloned();
            let loan = self.loan(application).await?;
            if loan.against(by.as_ref(), now).is_none() {
                let samples = self.samples_of(&loan.dataset.id).await?;
                lent.extend(samples.into_iter().map(|sample| (loan.dataset.id.clone(), sample)));
            }
        }
        Ok(lent)
    }

    /// Which applications of a workspace for a sample were approved once; none where no dataset has it.
    async fn ever(&self, workspace: &ProjectId, sample: &SampleId) -> Result<Option<Condition>, Error> {
        let here = application::Column::Workspace.eq(workspace.as_str());
        Ok(self.having(sample).await?.map(|having| having.add(here)))
    }

    /// Which applications for a sample were approved once; none where no dataset has it.
    async fn having(&self, sample: &SampleId) -> Result<Option<Condition>, Error> {
        let of_sample = dataset_sample::Column::Sample.eq(sample.as_str());
        let rows = dataset_sample::Entity::find().filter(of_sample).all(self.db.reader()).await?;
        let datasets = rows.into_iter().map(|row| kept::<DatasetId, _>(row.dataset.parse()));
        let datasets = datasets.collect::<Result<Vec<_>, _>>()?;
        if datasets.is_empty() {
            return Ok(None);
        }
        let having = Condition::all()
            .add(application::Column::Dataset.is_in(datasets.iter().map(Id::as_str)))
            .add(application::Column::Approved.is_not_null());
        Ok(Some(having))
    }
}
