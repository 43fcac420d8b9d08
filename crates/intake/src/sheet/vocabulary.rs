//! The closed lists of a sheet: what can be said in it without free text.

use serde::{Deserialize, Serialize};

macro_rules! closed {
    ($(#[$doc:meta])* $name:ident, default $default:ident { $($(#[$vdoc:meta])* $variant:ident = $($text:literal)|+,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* #[doc = "Not said."] #[default] $default }

        impl $name {
            /// The spellings that a sheet may use.
            pub const SPELLINGS: &'static [&'static str] = &[$($($text),+),*];

            pub(super) fn parse(text: &str) -> Option<Self> {
                match text {
                    $($($text)|+ => Some(Self::$variant),)*
                    "" | "NA" => Some(Self::$default),
                    _ => None,
                }
            }

            /// The spelling of a sheet; none when it says nothing.
            pub fn spelling(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => [$($text),+].first().copied(),)*
                    Self::$default => None,
                }
            }
        }
    };
}

closed! {
    /// Chromosomal sex as the sheet gives it.
    Sex, default Unknown {
        /// Two X.
        Xx = "XX",
        /// X and Y.
        Xy = "XY",
    }
}
closed! {
    /// Whether a sample is of a tumour.
    Status, default Unknown {
        /// Germline or matched normal.
        Normal = "0",
        /// Tumour.
        Tumor = "1",
    }
}
closed! {
    /// What a sample was taken from: a closed list, so that no free text comes in with it.
    Specimen, default Unknown {
        /// Whole blood.
        Blood = "blood",
        /// Saliva.
        Saliva = "saliva",
        /// Buccal swab.
        Buccal = "buccal",
        /// Fresh or frozen tissue.
        Tissue = "tissue",
        /// Formalin-fixed tissue.
        Ffpe = "ffpe",
        /// Bone marrow.
        BoneMarrow = "bone_marrow",
        /// Plasma.
        Plasma = "plasma",
        /// Cell-free DNA.
        Cfdna = "cfdna",
        /// Cultured cells.
        CellLine = "cell_line",
        /// Fibroblasts.
        Fibroblast = "fibroblast",
        /// Amniotic fluid.
        AmnioticFluid = "amniotic_fluid",
        /// Chorionic villi.
        Cvs = "cvs",
        /// Urine.
        Urine = "urine",
        /// Anything else.
        Other = "other",
    }
}
