//! The answer of terms to a use: each aim and each modifier is asked, and the strictest decides.

use super::data::{OneOf, Subject, Terms, Within};
use super::{Aim, Answer, Code, Disease, Diseases, Fact, Name, Reason, Use};
use std::collections::BTreeSet;

impl Terms {
    /// Whether these terms allow this use, as far as `diseases` are known.
    //
    // INVARIANT (unknown-never-approves): what is not stated, not named or not known pushes a reason wherever a
    // term asks about it.
    pub fn answer(&self, stated: &Use, diseases: &dyn Diseases) -> Answer {
        let mut reasons = Vec::new();
        self.aims(stated, &mut reasons);
        self.about(stated, diseases, &mut reasons);
        self.commerce(stated, &mut reasons);
        self.named(stated, &mut reasons);
        self.times(stated, &mut reasons);
        self.facts(stated, &mut reasons);
        Answer::of(reasons)
    }

    fn aims(&self, stated: &Use, reasons: &mut Vec<Reason>) {
        if stated.aims == super::Aims::NONE && stated.diseases.is_empty() {
            reasons.push(Reason::NoAim);
        }
        // Care is what CC says, whatever else is not stated.
        let beyond_care = stated.aims.iter().any(|aim| aim != Aim::Care) || !stated.diseases.is_empty();
        if self.unstated && beyond_care {
            reasons.push(Reason::NoPermission);
        }
        for aim in stated.aims.iter() {
            self.permission(aim, reasons);
            self.prohibitions(aim, reasons);
        }
    }

    fn permission(&self, aim: Aim, reasons: &mut Vec<Reason>) {
        let permission = self.subject.code();
        let anything = self.subject == Subject::Anything;
        let reaches = match aim {
            Aim::Care => {
                if !self.care {
                    reasons.push(Reason::NoCare);
                }
                return;
            }
            Aim::Research => {
                if !matches!(self.subject, Subject::Anything | Subject::Research) {
                    reasons.push(Reason::Unclear { by: permission });
                }
                return;
            }
            Aim::General => matches!(self.subject, Subject::Anything | Subject::Research),
            Aim::Health => matches!(self.subject, Subject::Anything | Subject::Research | Subject::Health),
            Aim::Ancestry => {
                matches!(self.subject, Subject::Anything | Subject::Research | Subject::Ancestry)
            }
            Aim::Methods => true,
            Aim::Controls | Aim::Population | Aim::Sex | Aim::Age | Aim::Teaching | Aim::Quality => {
                if !anything {
                    reasons.push(Reason::NoWord { aim });
                }
                return;
            }
            Aim::Sensitive | Aim::Other => {
                reasons.push(Reason::NoWord { aim });
                return;
            }
        };
        if !reaches {
            reasons.push(Reason::Beyond { aim, permission });
        }
    }

    fn prohibitions(&self, aim: Aim, reasons: &mut Vec<Reason>) {
        for (by, only) in [(Code::NoAncestry, Aim::Ancestry), (Code::NoMethods, Aim::Methods)] {
            if !self.has(by) {
                continue;
            }
            if aim == only || aim == Aim::General {
                reasons.push(Reason::Prohibited { aim, by });
            } else if aim == Aim::Research {
                reasons.push(Reason::Unclear { by });
            } else if aim == Aim::Population && by == Code::NoAncestry {
                reasons.push(Reason::NoWord { aim });
            }
        }
    }

    fn about(&self, stated: &Use, diseases: &dyn Diseases, reasons: &mut Vec<Reason>) {
        for disease in &stated.diseases {
            match &self.subject {
                Subject::Anything | Subject::Research | Subject::Health => {}
                Subject::Ancestry => reasons
                    .push(Reason::OtherDisease { disease: disease.clone(), permission: Code::AncestryOnly }),
                Subject::Diseases(within) => within.ask(disease, diseases, reasons),
            }
        }
    }

    fn commerce(&self, stated: &Use, reasons: &mut Vec<Reason>) {
        let (organisation, purpose) = (self.has(Code::NonProfit), self.has(Code::NonCommercial));
        match stated.for_profit {
            Some(true) if organisation => reasons.push(Reason::ForProfit),
            None if organisation => reasons.push(Reason::NotStated { by: Code::NonProfit }),
            _ => {}
        }
        match stated.commercial {
            Some(true) if purpose => reasons.push(Reason::Commercial),
            Some(true) if organisation => reasons.push(Reason::CommercialAllTheSame),
            None if purpose => reasons.push(Reason::NotStated { by: Code::NonCommercial }),
            _ => {}
        }
    }

    fn named(&self, stated: &Use, reasons: &mut Vec<Reason>) {
        if let Some(regions) = &self.regions {
            if regions.unnamed {
                reasons.push(Reason::NotNamed { by: Code::Regions });
            }
            match (&regions.named, stated.region) {
                (Some(named), Some(region)) if !named.iter().any(|one| region.is_in(*one)) => {
                    reasons.push(Reason::NotAmong { stated: region.to_string(), by: Code::Regions });
                }
                (Some(_), None) => reasons.push(Reason::NotStated { by: Code::Regions }),
                _ => {}
            }
        }
        let names = [
            (&self.users, &stated.user, Fact::User, Code::Users),
            (&self.projects, &stated.project, Fact::Project, Code::Projects),
            (&self.institutions, &stated.institution, Fact::Institution, Code::Institutions),
        ];
        for (limit, name, fact, by) in names {
            if let Some(limit) = limit {
                limit.ask(name.as_ref(), stated.facts.has(fact), fact, by, reasons);
            }
        }
    }

    fn times(&self, stated: &Use, reasons: &mut Vec<Reason>) {
        let Some(until) = &self.until else { return };
        if until.unnamed {
            reasons.push(Reason::NotNamed { by: Code::TimeLimit });
        }
        if until.day.is_some_and(|last| stated.today > last) {
            reasons.push(Reason::Over { last: until.day });
        }
        if let Some(months) = until.months {
            match stated.since.filter(|since| *since <= stated.today) {
                None => reasons.push(Reason::NoBeginning),
                Some(since) if since.after_months(months).is_some_and(|end| stated.today >= end) => {
                    reasons.push(Reason::Over { last: None });
                }
                Some(_) => {}
            }
        }
    }

    fn facts(&self, stated: &Use, reasons: &mut Vec<Reason>) {
        if self.has(Code::GeneticOnly) {
            match stated.genetic {
                Some(true) => {}
                Some(false) => reasons.push(Reason::NotGenetic),
                None => reasons.push(Reason::NotStated { by: Code::GeneticOnly }),
            }
        }
        let silent = self
            .moratorium
            .as_ref()
            .is_some_and(|it| it.unnamed || it.day.is_some_and(|day| stated.today < day));
        let asked = [
            (self.has(Code::Ethics), Fact::Ethics, Code::Ethics),
            (self.has(Code::Collaboration), Fact::Collaboration, Code::Collaboration),
            (self.has(Code::Publication), Fact::Publication, Code::Publication),
            (self.has(Code::Return), Fact::Return, Code::Return),
            (silent, Fact::Silence, Code::Moratorium),
            (self.kinds.is_some(), Fact::ResearchType, Code::ResearchType),
        ];
        for (asks, fact, by) in asked {
            if asks && !stated.facts.has(fact) {
                reasons.push(Reason::NotSeen { fact, by });
            }
        }
    }
}

impl Within {
    /// Each part is asked: a disease that is within one of two is not within both.
    fn ask(&self, disease: &Disease, diseases: &dyn Diseases, reasons: &mut Vec<Reason>) {
        if self.unnamed {
            reasons.push(Reason::NotNamed { by: Code::DiseaseSpecific });
        }
        for part in &self.parts {
            match within(disease, part, diseases) {
                Some(true) => {}
                Some(false) => reasons.push(Reason::OtherDisease {
                    disease: disease.clone(),
                    permission: Code::DiseaseSpecific,
                }),
                None => reasons.push(Reason::UnknownDisease { disease: disease.clone() }),
            }
        }
    }
}

/// Whether a disease is one of these or lies below one. None when that cannot be told.
pub(super) fn within(disease: &Disease, part: &BTreeSet<Disease>, diseases: &dyn Diseases) -> Option<bool> {
    if part.contains(disease) {
        return Some(true);
    }
    if !diseases.knows(disease) {
        return None;
    }
    let mut all_known = true;
    for above in part {
        if !diseases.knows(above) {
            all_known = false;
        } else if diseases.lies_below(disease, above) {
            return Some(true);
        }
    }
    all_known.then_some(false)
}

impl OneOf<Name> {
    fn ask(&self, stated: Option<&Name>, approved: bool, fact: Fact, by: Code, reasons: &mut Vec<Reason>) {
        if self.unnamed && !approved {
            reasons.push(Reason::NotSeen { fact, by });
        }
        match (&self.named, stated) {
            (Some(named), Some(name)) if !named.contains(name) => {
                reasons.push(Reason::NotAmong { stated: name.to_string(), by });
            }
            (Some(_), None) => reasons.push(Reason::NotStated { by }),
            _ => {}
        }
    }
}
