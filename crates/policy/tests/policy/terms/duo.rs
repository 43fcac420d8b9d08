//! The program knows the permissions and modifiers of DUO, and no others.

use super::shared;
use policy::terms::{Code, Terms};
use std::collections::BTreeSet;

fn known() -> BTreeSet<(String, String)> {
    Code::ALL.iter().map(|code| (code.as_str().to_owned(), code.short().to_owned())).collect()
}

#[test]
fn the_list_of_terms_is_the_program_s() {
    let mut listed = BTreeSet::new();
    for line in shared("phenotype/duo/duo.csv").lines().skip(1) {
        let mut fields = line.split(',');
        let (code, short) = (fields.next().unwrap(), fields.next().unwrap());
        // The two classes have no short name.
        if short.is_empty() {
            assert!(["DUO:0000001", "DUO:0000017"].contains(&code), "{line}");
        } else {
            listed.insert((code.to_owned(), short.to_owned()));
        }
    }
    assert_eq!(known(), listed);
}

/// A class of the ontology: its code, its short name, what it lies under, whether it is obsolete.
struct Class {
    code: String,
    short: String,
    under: Vec<String>,
    obsolete: bool,
}

fn classes() -> Vec<Class> {
    let owl = shared("phenotype/duo/duo.owl");
    assert!(owl.contains("releases/2021-02-23/duo.owl"), "another release");
    let between = |text: &str, start: &str, end: &str| -> Vec<String> {
        let after = text.split(start).skip(1);
        after.map(|rest| rest.split(end).next().unwrap_or_default().to_owned()).collect()
    };
    let code = |iri: &str| iri.rsplit('/').next().unwrap().replace('_', ":");
    owl.split("<owl:Class rdf:about=\"")
        .skip(1)
        .filter(|class| class.starts_with("http://purl.obolibrary.org/obo/DUO_"))
        .map(|class| {
            let body = class.split("</owl:Class>").next().unwrap();
            let label = between(body, "<rdfs:label", "</rdfs:label>").concat();
            let short = between(body, "<oboInOwl:shorthand", "</").concat();
            Class {
                // The release writes this one with a zero too many.
                code: code(class.split('"').next().unwrap()).replace("DUO:00000044", "DUO:0000044"),
                short: short.rsplit('>').next().unwrap_or_default().to_owned(),
                under: between(body, "<rdfs:subClassOf rdf:resource=\"", "\"")
                    .iter()
                    .map(|s| code(s))
                    .collect(),
                obsolete: label.contains("obsolete"),
            }
        })
        .collect()
}

#[test]
fn the_ontology_s_permissions_and_modifiers_are_the_program_s() {
    let classes = classes();
    let mut under: BTreeSet<String> = ["DUO:0000001", "DUO:0000017"].map(str::to_owned).into();
    loop {
        let more: Vec<&Class> = classes
            .iter()
            .filter(|class| !under.contains(&class.code) && class.under.iter().any(|up| under.contains(up)))
            .collect();
        if more.is_empty() {
            break;
        }
        under.extend(more.iter().map(|class| class.code.clone()));
    }
    let those = classes.iter().filter(|class| under.contains(&class.code) && !class.short.is_empty());
    let those: BTreeSet<_> = those.map(|class| (class.code.clone(), class.short.clone())).collect();
    assert_eq!(known(), those);
    assert_eq!(those.len(), 23);
}

#[test]
fn each_other_class_is_refused_with_what_to_write() {
    let classes = classes();
    let obsolete: Vec<_> = classes.iter().filter(|class| class.obsolete).map(|c| c.code.as_str()).collect();
    assert_eq!(obsolete, ["DUO:0000002", "DUO:0000003", "DUO:0000005", "DUO:0000014"]);
    let mut refused = 0;
    for class in &classes {
        let named = Code::named(&class.code).is_some() || class.code == "DUO:0000001";
        match Terms::parse(&class.code) {
            Ok(_) => assert!(named, "{}", class.code),
            Err(error) => {
                let told = error.to_string();
                assert!(!named && told.contains("; ") && !told.contains("is not in DUO"), "{told}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 4 + 1 + 10, "obsolete, the class of modifiers, kinds of research");
}

#[test]
fn each_code_is_read_written_and_said() {
    let mut said = BTreeSet::new();
    for code in Code::ALL {
        let terms = Terms::parse(code.as_str()).unwrap();
        assert!(terms.to_string().contains(code.as_str()), "{terms}");
        let words = terms.words().join("; ");
        assert!(words.contains(code.words()), "{words}");
        assert!(said.insert(code.words()), "said twice: {}", code.words());
        let short = Terms::parse(code.short()).unwrap_err().to_string();
        assert!(short.contains(&format!("write `{}`", code.as_str())), "{short}");
    }
}
