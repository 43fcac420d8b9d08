//! Every permission and modifier of DUO, release 2021-02-23, that is not obsolete.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $short:literal, $value:literal, $words:literal;)*) => {
        /// A permission or a modifier of DUO.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Each of them, by number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code, as it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => concat!("DUO:00000", $number),)* }
            }

            /// DUO's short name.
            pub const fn short(self) -> &'static str {
                match self { $(Self::$variant => $short,)* }
            }

            /// What it says, in one sentence.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }

            /// What its value looks like; none when it takes none.
            pub(super) const fn example(self) -> Option<&'static str> {
                let example = match self { $(Self::$variant => $value,)* };
                if example.is_empty() { None } else { Some(example) }
            }
        }
    };
}

codes! {
    /// NRES, a permission.
    NoRestriction = "04", "NRES", "", "the data may be used for anything";
    /// HMB, a permission.
    Health = "06", "HMB", "", "the data may be used for research about health and medicine, and not about population origins or ancestry";
    /// DS, a permission.
    DiseaseSpecific = "07", "DS", "MONDO:0005148", "the data may be used for research about the diseases named, and no other";
    /// POA, a permission.
    AncestryOnly = "11", "POA", "", "the data may be used for research about population origins or ancestry, and no other";
    /// RS.
    ResearchType = "12", "RS", "DUO:0000034", "only for certain kinds of research";
    /// NMDS.
    NoMethods = "15", "NMDS", "", "not for the development of methods";
    /// GSO.
    GeneticOnly = "16", "GSO", "", "only for genetic studies";
    /// NPUNCU, which is NPU and NCU.
    NonProfitNonCommercial = "18", "NPUNCU", "", "only by organisations that are not for profit, and only for uses that are not commercial";
    /// PUB.
    Publication = "19", "PUB", "", "results have to be published";
    /// COL.
    Collaboration = "20", "COL", "", "only in collaboration with those who made the data";
    /// IRB.
    Ethics = "21", "IRB", "", "only with an ethics approval that was seen";
    /// GS.
    Regions = "22", "GS", "EU or DE,FR", "only in certain regions";
    /// MOR.
    Moratorium = "24", "MOR", "2027-01-01", "nothing may be published before a certain day";
    /// TS.
    TimeLimit = "25", "TS", "2027-01-01, or 12 for months", "only for a certain time";
    /// US.
    Users = "26", "US", "usr_1", "only by certain users";
    /// PS.
    Projects = "27", "PS", "prj_1", "only in certain projects";
    /// IS.
    Institutions = "28", "IS", "ror:05a28rw58", "only in certain institutions";
    /// RTN.
    Return = "29", "RTN", "", "what is derived has to be returned";
    /// GRU, a permission.
    Research = "42", "GRU", "", "the data may be used for research of any kind";
    /// CC.
    Care = "43", "CC", "", "the data may be used for care as well";
    /// NPOA.
    NoAncestry = "44", "NPOA", "", "not for research about population origins or ancestry";
    /// NPU.
    NonProfit = "45", "NPU", "", "only by organisations that are not for profit";
    /// NCU.
    NonCommercial = "46", "NCU", "", "only for uses that are not commercial";
}

impl Code {
    /// The code that is written so.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// Whether it is a permission; everything else is a modifier.
    pub const fn is_permission(self) -> bool {
        matches!(
            self,
            Self::NoRestriction | Self::Research | Self::Health | Self::DiseaseSpecific | Self::AncestryOnly
        )
    }

    /// Its place in a set of bits.
    pub(super) const fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.as_str(), self.short())
    }
}
