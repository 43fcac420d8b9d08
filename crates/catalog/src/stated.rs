//! What a project states of the use of its data.

use crate::scope::Basis;
use crate::{Error, Purpose};
use base::{Id, ProjectId};
use policy::terms::{Aim, Aims, Day, Disease, Fact, Facts, Name, Region, Terms, Use};

/// Words that one project states at most.
const MOST: usize = 64;

/// What the data of a project is used for. Words of a closed list, written sorted: `disease=MONDO:0005148`, `for-profit`,
/// an aim beside the purpose, a fact that is on record. `docs/spec/data-use.md` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedUse {
    aims: Aims,
    diseases: Vec<Disease>,
    for_profit: Option<bool>,
    commercial: Option<bool>,
    region: Option<Region>,
    institution: Option<Name>,
    facts: Facts,
}

/// What a project states of its data, for decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// The project.
    pub project: ProjectId,
    /// What the data came under; none where what is stored cannot be read, so that nothing is allowed by it.
    pub terms: Option<Terms>,
    /// What it is used for.
    pub stated: StatedUse,
    /// Where the data must stay; it is used there, unless another country is stated.
    pub region: String,
    /// Whose agreement that stands on.
    pub basis: Basis,
}

impl Stated {
    /// The use, on a day.
    pub fn on(&self, today: Day) -> Use {
        let StatedUse { aims, diseases, for_profit, commercial, region, institution, facts } =
            self.stated.clone();
        Use {
            aims,
            diseases,
            for_profit,
            commercial,
            // Variants of genomes are what is looked at, whatever for.
            genetic: Some(true),
            region: region.or_else(|| Region::parse(&self.region)),
            institution,
            project: Name::parse(self.project.as_str()),
            facts,
            ..Use::on(today)
        }
    }
}

impl StatedUse {
    /// What a purpose says, and no more.
    pub fn of_purpose(purpose: Purpose) -> Self {
        let aim = match purpose {
            Purpose::Care => Aim::Care,
            Purpose::Research => Aim::Research,
            Purpose::Quality => Aim::Quality,
            Purpose::Methods => Aim::Methods,
            Purpose::Teaching => Aim::Teaching,
        };
        Self {
            aims: Aims::NONE.with(aim),
            diseases: Vec::new(),
            for_profit: None,
            commercial: None,
            region: None,
            institution: None,
            facts: Facts::NONE,
        }
    }

    /// A purpose, and what else is true of the use.
    pub fn parse<'a>(purpose: Purpose, words: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut stated = Self::of_purpose(purpose);
        for (number, word) in words.into_iter().enumerate() {
            if number >= MOST || !stated.take(word) {
                let expected = "a word of docs/spec/data-use.md, each once: for-profit, disease=MONDO:0005148, ethics, …";
                return Err(crate::project::invalid("use", word, expected));
            }
        }
        // What research is about says more than that it is research.
        let subject = [Aim::General, Aim::Health, Aim::Ancestry].iter().any(|aim| stated.aims.has(*aim));
        if subject || !stated.diseases.is_empty() {
            let others = stated.aims.iter().filter(|aim| *aim != Aim::Research);
            stated.aims = others.fold(Aims::NONE, Aims::with);
        }
        Ok(stated)
    }

    fn take(&mut self, word: &str) -> bool {
        fn once<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
            let free = slot.is_none() && value.is_some();
            if free {
                *slot = value;
            }
            free
        }
        match word.split_once('=') {
            Some(("disease", term)) => {
                let new = Disease::parse(term).filter(|term| !self.diseases.contains(term));
                let is_new = new.is_some();
                self.diseases.extend(new);
                self.diseases.sort();
                is_new
            }
            Some(("country", code)) => once(&mut self.region, Region::parse(code)),
            Some(("institution", name)) => once(&mut self.institution, Name::parse(name)),
            Some(_) => false,
            None => match word {
                "for-profit" => once(&mut self.for_profit, Some(true)),
                "non-profit" => once(&mut self.for_profit, Some(false)),
                "commercial" => once(&mut self.commercial, Some(true)),
                "non-commercial" => once(&mut self.commercial, Some(false)),
                _ => match (Aim::named(word), Fact::named(word)) {
                    (Some(aim), _) if !self.aims.has(aim) => {
                        self.aims = self.aims.with(aim);
                        true
                    }
                    (None, Some(fact)) if !self.facts.has(fact) => {
                        self.facts = self.facts.with(fact);
                        true
                    }
                    _ => false,
                },
            },
        }
    }

    /// All that is stated, in words that [`StatedUse::parse`] takes beside the purpose.
    pub fn words(&self, purpose: Purpose) -> Vec<String> {
        let own = Self::of_purpose(purpose).aims;
        let aims = self.aims.iter().filter(|aim| !own.has(*aim)).map(|aim| aim.as_str().to_owned());
        let choice = |stated: Option<bool>, yes: &str, no: &str| {
            stated.map(|stated| if stated { yes.to_owned() } else { no.to_owned() })
        };
        let mut words: Vec<String> = aims.collect();
        words.extend(self.diseases.iter().map(|disease| format!("disease={disease}")));
        words.extend(choice(self.for_profit, "for-profit", "non-profit"));
        words.extend(choice(self.commercial, "commercial", "non-commercial"));
        words.extend(self.region.map(|region| format!("country={region}")));
        words.extend(self.institution.as_ref().map(|name| format!("institution={name}")));
        words.extend(self.facts.iter().map(|fact| fact.as_str().to_owned()));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stated_is_read_again() {
        let all = "population disease=MONDO:0005148 disease=MONDO:0007254 for-profit non-commercial country=DE \
                   institution=lab-7 ethics publication";
        for (purpose, words) in [(Purpose::Research, all), (Purpose::Care, "ethics"), (Purpose::Methods, "")]
        {
            let stated = StatedUse::parse(purpose, words.split_whitespace()).unwrap();
            let written = stated.words(purpose);
            assert_eq!(written.join(" "), words);
            let again = StatedUse::parse(purpose, written.iter().map(String::as_str)).unwrap();
            assert_eq!(again, stated);
        }
    }

    #[test]
    fn words_are_closed_and_said_once() {
        for words in [
            "profit",
            "for-profit non-profit",
            "ethics ethics",
            "disease=diabetes",
            "disease=MONDO:0005148 disease=MONDO:0005148",
            "country=UK",
            "colour=red",
            "research",
        ] {
            let stated = StatedUse::parse(Purpose::Research, words.split_whitespace());
            assert!(stated.is_err(), "{words}");
        }
    }
}
