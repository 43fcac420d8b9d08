//! The list of controls.

use crate::play::Play;
use crate::{Error, Result, audit, exceptions, identity, keys, network, policies, support, vault};

/// One promise, and the scenario that tests it.
pub struct Control {
    /// Its id, such as `C-VLT-03`.
    pub id: &'static str,
    /// What is promised.
    pub statement: &'static str,
    /// How it is tested.
    pub test: &'static str,
    /// The paragraphs of laws and standards that it serves; see [`SOURCES`].
    pub references: &'static [&'static str],
    pub(crate) scenario: fn(&mut Play) -> Result<()>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// What the references are cut from.
pub const SOURCES: &[(&str, &str)] = &[
    ("H", "45 CFR 164, HIPAA Security Rule"),
    ("53", "NIST SP 800-53 revision 5"),
    ("171", "NIST SP 800-171 revision 3"),
    ("P11", "21 CFR 11"),
    ("G", "Regulation (EU) 2016/679"),
    ("NIH", "NIH Genomic Data Sharing Policy"),
    ("SA", "SATRE version 2"),
    ("AS", "OWASP ASVS 5"),
];

/// Every control that has a scenario, in the order of ids.
pub const CONTROLS: &[Control] = &[
    audit::recorded::CONTROL,
    audit::append_only::CONTROL,
    audit::schema::CONTROL,
    audit::routes::CONTROL,
    audit::alarmed::CONTROL,
    audit::room::CONTROL,
    audit::clock::CONTROL,
    audit::witnessed::CONTROL,
    audit::old_state::CONTROL,
    audit::clean::CONTROL,
    identity::accounts::CONTROL,
    identity::denied::CONTROL,
    policies::uses::CONTROL,
    identity::withdrawn::CONTROL,
    identity::apart::CONTROL,
    identity::fresh::CONTROL,
    identity::sessions::CONTROL,
    identity::ended::CONTROL,
    identity::lapsed::CONTROL,
    identity::service::CONTROL,
    identity::tokens::CONTROL,
    identity::foreign::CONTROL,
    policies::combined::CONTROL,
    identity::split::CONTROL,
    policies::stated::CONTROL,
    policies::offered::CONTROL,
    keys::sealed::CONTROL,
    keys::shares::CONTROL,
    keys::revoked::CONTROL,
    keys::rotation::CONTROL,
    keys::unwraps::CONTROL,
    keys::rolled_back::CONTROL,
    keys::nonces::CONTROL,
    keys::secrets::CONTROL,
    support::answered::CONTROL,
    network::door::CONTROL,
    network::partner::CONTROL,
    network::addresses::CONTROL,
    policies::named::CONTROL,
    support::bundle::CONTROL,
    exceptions::let_in::CONTROL,
    exceptions::emergency::CONTROL,
    exceptions::reviewed::CONTROL,
    support::breach::CONTROL,
    support::told::CONTROL,
    vault::encrypted::CONTROL,
    vault::order::CONTROL,
    vault::changed::CONTROL,
    vault::bound::CONTROL,
    vault::scrubbed::CONTROL,
    vault::kept::CONTROL,
    vault::durable::CONTROL,
    vault::apart::CONTROL,
];

/// The control of this id, in either case of letters.
pub fn named(id: &str) -> Result<&'static Control> {
    let found = CONTROLS.iter().find(|control| control.id.eq_ignore_ascii_case(id));
    found.ok_or_else(|| Error::Unknown(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_in_order_and_say_where_they_come_from() {
        assert!(CONTROLS.is_sorted_by(|one, other| one.id < other.id));
        for control in CONTROLS {
            assert!(!control.statement.is_empty() && !control.test.is_empty(), "{control:?}");
            for reference in control.references {
                let source = reference.split(' ').next().unwrap();
                assert!(SOURCES.iter().any(|(short, _)| *short == source), "{control:?}: {reference}");
            }
        }
        assert_eq!(named("c-vlt-03").unwrap().id, "C-VLT-03");
        assert_eq!(named("C-VLT-99").unwrap_err().to_string(), "there is no control `C-VLT-99`");
    }

    #[test]
    fn the_page_of_laws_names_controls_that_there_are() {
        let page =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/safeguards.md");
        let text = std::fs::read_to_string(page).unwrap();
        let ids: std::collections::BTreeSet<&str> = text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .filter(|word| word.starts_with("C-") && word.len() == "C-IDN-01".len())
            .collect();
        assert!(ids.len() > 20, "{ids:?}");
        for id in ids {
            assert!(named(id).is_ok(), "the page names {id}, which is none");
        }
    }
}
