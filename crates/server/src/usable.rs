//! Whether data may be used for what its project states: by the terms that it came under, by what its people agreed to,
//! and by what a steward approved.

use crate::{Failure, Places, Site};
use access::{Action, Unusable, Using};
use base::{SampleId, SubjectId, Timestamp};
use catalog::{Basis, Stated};
use policy::terms::{Answer, Day, Disease, Terms};
use sharing::Loan;
use std::collections::{BTreeMap, BTreeSet};
use subjects::Standing;

/// A project's use, on a day.
pub(crate) struct Judge<'a> {
    pub stated: &'a Stated,
    /// What a steward approved of what is left to a person.
    pub approved: &'a BTreeSet<String>,
    pub now: Timestamp,
}

impl Judge<'_> {
    /// What the project's own terms say against it.
    pub fn of_project(&self) -> Vec<Unusable> {
        let Some(terms) = &self.stated.terms else {
            return vec![unreadable("use-terms", "the data-use terms of the project")];
        };
        self.refusal(terms, "use-terms", "the data-use terms of the project").into_iter().collect()
    }

    /// What stands against the use of somebody's data beside that: how it stands with their consent, and its terms.
    ///
    /// INVARIANT (stricter-of-both): the project's terms and the person's are asked each by themselves, and either refuses.
    pub fn of_person(&self, standing: &Standing) -> Option<Unusable> {
        match standing {
            Standing::Given(consent) => {
                self.refusal(&consent.terms, "consent-terms", "the terms of the person's consent")
            }
            other => self.heard(other),
        }
    }

    /// The answer of terms; none where no day can be told.
    pub fn answer(&self, terms: &Terms) -> Option<Answer> {
        // No hierarchy of diseases is there: a term stands for itself alone, and the rest is a person's to judge.
        let known = BTreeMap::<Disease, BTreeSet<Disease>>::new();
        Some(terms.answer(&self.stated.on(day_of(self.now)?), &known))
    }

    /// INVARIANT (unreadable-refuses): what cannot be read, or judged by a day, allows nothing.
    fn refusal(&self, terms: &Terms, rule: &'static str, whose: &str) -> Option<Unusable> {
        let (verb, reasons) = match self.answer(terms) {
            None => return Some(unreadable(rule, whose)),
            Some(Answer::Approve) => return None,
            Some(Answer::Deny(reasons)) => ("do not allow this", words(terms, &reasons)),
            Some(Answer::NeedsPerson(reasons)) => {
                let mut open = words(terms, &reasons);
                open.retain(|reason| !self.approved.contains(reason));
                if open.is_empty() {
                    return None;
                }
                ("need a data steward's approval", open)
            }
        };
        Some(Unusable { rule, why: format!("{whose} {verb}: {}", reasons.join("; ")) })
    }

    fn heard(&self, standing: &Standing) -> Option<Unusable> {
        let (rule, why) = match standing {
            Standing::Given(_) => return None,
            Standing::Unasked if self.stated.basis == Basis::Board => return None,
            Standing::Unasked => (
                "consent-missing",
                "the project asks for each person's consent, and none of this one's is recorded".to_owned(),
            ),
            Standing::Withdrawn => ("consent-withdrawn", "the person forbids all use".to_owned()),
            Standing::Ended(consent) => {
                let until = consent.until.map(|until| until.to_string()).unwrap_or_default();
                ("consent-ended", format!("the person's consent ended at {until}"))
            }
            Standing::NotYet(consent) => {
                ("consent-not-yet", format!("the person's consent holds from {}", consent.from))
            }
            Standing::UnderReview(_) => (
                "use-under-review",
                "the person agreed to something else than before, and nobody has reviewed it yet".to_owned(),
            ),
        };
        Some(Unusable { rule, why })
    }
}

impl Places {
    /// Why what is about somebody of another project, and of this sample of theirs, may not be used here. The newest loan that gives something
    /// counts, or what stands against the newest.
    pub(crate) async fn of_lent(
        &self,
        using: &Using<'_>,
        here: &Judge<'_>,
        (subject, sample): (&SubjectId, Option<SampleId>),
    ) -> Result<Vec<Unusable>, Box<dyn std::error::Error + Send + Sync>> {
        let no = |rule, why: &str| Ok(vec![Unusable { rule, why: why.to_owned() }]);
        if using.action == Action::DownloadObject {
            return no("dataset-stays", "what another project lends is used where it lies");
        }
        let Some(sample) = sample else {
            return no("dataset-not-lent", "this is of another project, and of no sample that it lends");
        };
        let loans = self.sharing.loans(using.project, &sample).await?;
        let mut against = None;
        for loan in loans {
            match loan.against(using.by, here.now) {
                None => return self.of_loan(&loan, here, subject).await,
                Some(one) => against = against.or(Some(one)),
            }
        }
        match against {
            Some(one) => Ok(vec![one]),
            None => no("dataset-not-lent", "this is of another project, and no application covers it"),
        }
    }

    /// What the terms of a dataset and the person say of the use here.
    ///
    /// INVARIANT (home-is-asked): how it stands with somebody's consent is asked at home, on the basis that holds there.
    async fn of_loan(
        &self,
        loan: &Loan,
        here: &Judge<'_>,
        subject: &SubjectId,
    ) -> Result<Vec<Unusable>, Box<dyn std::error::Error + Send + Sync>> {
        let home = self.catalog.stated(&loan.dataset.home).await?.ok_or("the home is not there")?;
        let stated = Stated { basis: home.basis, terms: loan.dataset.terms.clone(), ..here.stated.clone() };
        let judge = Judge { stated: &stated, approved: &loan.application.reasons, now: here.now };
        let (rule, whose) = ("dataset-terms", "the terms of the dataset");
        let mut refusals = match &loan.dataset.terms {
            Some(terms) => judge.refusal(terms, rule, whose).into_iter().collect(),
            None => vec![unreadable(rule, whose)],
        };
        let standing = self.subjects.standing(&loan.dataset.home, subject).await?;
        refusals.extend(judge.of_person(&standing));
        Ok(refusals)
    }
}

/// How many projects a remark names.
const SHOWN: usize = 5;

/// The word for what a project's terms say of its use: `approve`, `deny` or `needs-person`. What cannot be read is denied.
pub(crate) fn answer_of(stated: &Stated, now: Timestamp) -> &'static str {
    let judge = Judge { stated, approved: &BTreeSet::new(), now };
    match stated.terms.as_ref().and_then(|terms| judge.answer(terms)) {
        Some(Answer::Approve) => "approve",
        Some(Answer::NeedsPerson(_)) => "needs-person",
        Some(Answer::Deny(_)) | None => "deny",
    }
}

/// Projects of which nothing can be used, whatever anybody approves. For whoever keeps the site: it names nothing in them.
pub(crate) async fn limits(site: &Site) -> Result<Vec<String>, Failure> {
    let now = site.access.clock().now();
    let mut unused = Vec::new();
    for project in site.catalog.project_ids().await? {
        let stated = site.catalog.stated(&project).await;
        // A record that cannot be read lets nothing be used either.
        let denied = stated.map_or(true, |stated| stated.is_some_and(|one| answer_of(&one, now) == "deny"));
        unused.extend(denied.then(|| project.to_string()));
    }
    if unused.is_empty() {
        return Ok(Vec::new());
    }
    let more = unused.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    unused.truncate(SHOWN);
    let named = unused.join(", ");
    Ok(vec![format!(
        "nothing of {named}{more} can be used: its terms forbid what it states, or cannot be read (`use show`)"
    )])
}

fn unreadable(rule: &'static str, whose: &str) -> Unusable {
    Unusable { rule, why: format!("{whose} cannot be read") }
}

/// Reasons as people read them, and as approvals name them: each with the terms that raise it, so that an approval of
/// one disease, country or name covers no other.
pub(crate) fn words(terms: &Terms, reasons: &[policy::terms::Reason]) -> Vec<String> {
    reasons.iter().map(|reason| format!("{reason} [{terms}]")).collect()
}

/// The day in UTC.
pub(crate) fn day_of(now: Timestamp) -> Option<Day> {
    Day::parse(now.to_string().get(..10)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ConsentId, Id, ProjectId, Sha256, SystemEntropy};
    use catalog::{Purpose, StatedUse};
    use subjects::Consent;

    fn stated(terms: &str, purpose: Purpose, basis: Basis) -> Stated {
        Stated {
            project: ProjectId::mint(&SystemEntropy),
            terms: Terms::parse(terms).ok(),
            stated: StatedUse::of_purpose(purpose),
            region: "EU".into(),
            basis,
        }
    }

    fn consent(terms: &str) -> Consent {
        Consent {
            id: ConsentId::mint(&SystemEntropy),
            form: "f".into(),
            terms: Terms::parse(terms).unwrap(),
            document: Sha256([0; 32]),
            from: Timestamp::UNIX_EPOCH,
            until: Some(Timestamp::UNIX_EPOCH),
        }
    }

    fn rules(stated: &Stated, standing: Option<&Standing>) -> Vec<&'static str> {
        let judge = Judge { stated, approved: &BTreeSet::new(), now: Timestamp::UNIX_EPOCH };
        let mut all = judge.of_project();
        all.extend(standing.and_then(|standing| judge.of_person(standing)));
        all.into_iter().map(|one| one.rule).collect()
    }

    const BROAD: &str = "DUO:0000042";
    const CARE_TOO: &str = "DUO:0000042 DUO:0000043";

    #[test]
    fn each_standing_counts_for_what_it_is() {
        let (board, each) =
            (stated(BROAD, Purpose::Research, Basis::Board), stated(BROAD, Purpose::Research, Basis::Each));
        let broad = || consent(BROAD);
        for (standing, expected) in [
            (Standing::Given(broad()), None),
            (Standing::NotYet(broad()), Some("consent-not-yet")),
            (Standing::Ended(broad()), Some("consent-ended")),
            (Standing::UnderReview(broad()), Some("use-under-review")),
            (Standing::Withdrawn, Some("consent-withdrawn")),
        ] {
            let expected: Vec<&str> = expected.into_iter().collect();
            assert_eq!(rules(&board, Some(&standing)), expected);
            assert_eq!(rules(&each, Some(&standing)), expected);
        }
        assert!(rules(&board, Some(&Standing::Unasked)).is_empty());
        assert_eq!(rules(&each, Some(&Standing::Unasked)), ["consent-missing"]);
        assert!(rules(&each, None).is_empty(), "what is about nobody stands on the project's terms");
    }

    #[test]
    fn the_stricter_of_project_and_person_holds() {
        let research = stated(CARE_TOO, Purpose::Research, Basis::Board);
        let care = stated(CARE_TOO, Purpose::Care, Basis::Board);
        let asked = |of: &Stated, terms: &str| rules(of, Some(&Standing::Given(consent(terms))));
        assert!(asked(&research, BROAD).is_empty());
        assert!(asked(&care, CARE_TOO).is_empty());
        assert_eq!(asked(&care, BROAD), ["consent-terms"], "research alone was agreed to");
        assert_eq!(rules(&stated(BROAD, Purpose::Care, Basis::Board), None), ["use-terms"]);
        assert_eq!(asked(&stated(BROAD, Purpose::Care, Basis::Board), CARE_TOO), ["use-terms"]);
        // A disease that nobody stated.
        assert_eq!(asked(&research, "DUO:0000007=MONDO:0005148"), ["consent-terms"]);
    }

    #[test]
    fn what_cannot_be_read_refuses() {
        let unread = Stated { terms: None, ..stated(BROAD, Purpose::Research, Basis::Board) };
        assert_eq!(rules(&unread, None), ["use-terms"]);
    }

    #[test]
    fn an_approval_covers_what_is_left_to_a_person_and_no_more() {
        let ethics = stated("DUO:0000042 DUO:0000021", Purpose::Research, Basis::Board);
        let refused = |stated: &Stated, approved: &BTreeSet<String>| {
            Judge { stated, approved, now: Timestamp::UNIX_EPOCH }.of_project()
        };
        let approval = |terms: &str, stated: &Stated| -> BTreeSet<String> {
            let (none, terms) = (BTreeSet::new(), Terms::parse(terms).unwrap());
            match (Judge { stated, approved: &none, now: Timestamp::UNIX_EPOCH }).answer(&terms) {
                Some(Answer::NeedsPerson(reasons)) => words(&terms, &reasons).into_iter().collect(),
                other => panic!("{other:?} is for nobody to approve"),
            }
        };
        assert_eq!(refused(&ethics, &BTreeSet::new()).len(), 1);
        let approved = approval("DUO:0000042 DUO:0000021", &ethics);
        assert!(refused(&ethics, &approved).is_empty());
        // Of one disease, country or name it covers no other.
        let open = stated(BROAD, Purpose::Research, Basis::Board);
        for (one, other) in [
            ("DUO:0000007=MONDO:0005148", "DUO:0000007=MONDO:0004992"),
            ("DUO:0000042 DUO:0000026=one", "DUO:0000042 DUO:0000026=other"),
        ] {
            let approved = approval(one, &open);
            let judge = Judge { stated: &open, approved: &approved, now: Timestamp::UNIX_EPOCH };
            assert_eq!(judge.of_person(&Standing::Given(consent(one))), None, "{one}");
            assert!(judge.of_person(&Standing::Given(consent(other))).is_some(), "{other}");
        }
        // Another reason is another matter, and what is forbidden stays so.
        let both = stated("DUO:0000042 DUO:0000021 DUO:0000020", Purpose::Research, Basis::Board);
        assert_eq!(refused(&both, &approved).len(), 1);
        let care = stated("DUO:0000042 DUO:0000021", Purpose::Care, Basis::Board);
        assert_eq!(refused(&care, &approved).len(), 1);
    }
}
