//! The whole case, read back from its files.

#[cfg(test)]
mod files;
#[cfg(test)]
mod tools;

#[cfg(test)]
mod tests {
    use crate::files::{Case, lines, text};
    use demodata::{Error, Plan, write};
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    const SMALL: Plan = Plan { coverage: 2, lanes: 2, case: 7 };

    fn digests(dir: &Path) -> BTreeMap<String, [u8; 16]> {
        use md5::Digest as _;
        let files = fs::read_dir(dir).unwrap().map(|f| f.unwrap().path());
        files
            .map(|p| {
                (
                    p.file_name().unwrap().to_string_lossy().into_owned(),
                    md5::Md5::digest(fs::read(p).unwrap()).into(),
                )
            })
            .collect()
    }

    fn made(seed: u64, plan: &Plan) -> (tempfile::TempDir, demodata::Made) {
        let dir = tempfile::tempdir().unwrap();
        let made = write(dir.path(), seed, plan).unwrap();
        (dir, made)
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        let [first, again, other] =
            [(9, SMALL), (9, SMALL), (10, SMALL)].map(|(seed, plan)| made(seed, &plan).0);
        let (first, again, other) = (digests(first.path()), digests(again.path()), digests(other.path()));
        assert_eq!(first, again);
        assert_eq!(first.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        for (name, digest) in &first {
            // Neither says anything of the sequence.
            let fixed = ["samplesheet.csv", "confident.bed"].contains(&name.as_str());
            assert_eq!(other[name] == *digest, fixed, "{name}");
        }
    }

    /// Bytes must not depend on the machine or the compiler: this digest may change only with the
    /// simulator itself.
    #[test]
    fn the_bytes_are_the_ones_made_elsewhere() {
        use md5::Digest as _;
        let (dir, _) = made(1, &SMALL);
        let mut all = md5::Md5::new();
        for (name, digest) in digests(dir.path()) {
            all.update(name);
            all.update(digest);
        }
        assert_eq!(hex::encode(all.finalize()), "730d77679206a0944a281606113a995a");
    }

    #[test]
    fn a_folder_that_holds_something_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine"), "kept").unwrap();
        assert!(matches!(write(dir.path(), 1, &SMALL), Err(Error::NotEmpty { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let file = dir.path().join("mine");
        assert!(matches!(write(&file, 1, &SMALL), Err(Error::Write { .. })));
        let unasked = dir.path().join("new");
        assert!(matches!(write(&unasked, 1, &Plan { lanes: 99, ..SMALL }), Err(Error::Plan { .. })));
        assert!(!unasked.exists());
    }

    #[test]
    fn sheet_and_sums_name_every_read_file() {
        let (dir, made) = made(4, &SMALL);
        let sheet = lines(&dir.path().join("samplesheet.csv"));
        assert_eq!(sheet[0], "patient,sample,lane,fastq_1,fastq_2,sex,status,specimen_type");
        assert_eq!(
            sheet[1],
            "CASE-0007,CASE-0007-B,L001,reads_L001_R1.fastq.gz,reads_L001_R2.fastq.gz,XX,0,blood"
        );
        assert_eq!(
            sheet[2],
            "CASE-0007,CASE-0007-B,L002,reads_L002_R1.fastq.gz,reads_L002_R2.fastq.gz,XX,0,blood"
        );
        assert_eq!(sheet.len(), 3);
        let sums = lines(&dir.path().join("md5sums.txt"));
        let digests = digests(dir.path());
        assert_eq!(sums.len(), 4);
        for line in sums {
            let (sum, name) = line.split_once("  ").unwrap();
            assert_eq!(sum, hex::encode(digests[name]), "{name}");
        }
        let in_folder = digests.keys().map(Into::into).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(made.files.iter().cloned().collect::<std::collections::BTreeSet<_>>(), in_folder);
        assert_eq!(made.files.last().unwrap().to_str(), Some("samplesheet.csv"));
        let fastqs = made.files.iter().filter(|f| f.to_string_lossy().contains("fastq"));
        let records: usize = fastqs.map(|f| text(&dir.path().join(f)).lines().count() / 4).sum();
        assert_eq!(u64::try_from(records).unwrap(), made.reads);
    }

    /// Everything from the files alone: splice and translate each transcript before and after the
    /// planted change, and compare with what `expected.tsv` says of it.
    #[test]
    fn each_planted_change_does_what_is_expected_of_it() {
        for seed in 0..12 {
            let (dir, made) = made(seed, &Plan { coverage: 1, ..SMALL });
            let case = Case::read(dir.path());
            assert_eq!(case.truth.len(), made.variants);
            let mut kinds = std::collections::BTreeSet::new();
            for variant in &case.truth {
                let expected = case.expected.iter().find(|e| e.site == variant.site);
                let hits: Vec<_> = case.genes.iter().filter(|g| g.meets(&variant.site)).collect();
                let Some(expected) = expected else {
                    assert!(hits.is_empty(), "{variant:?} is not expected");
                    continue;
                };
                assert_eq!(hits.len(), 1, "{variant:?}");
                let told = case.effect(hits[0], &variant.site);
                assert_eq!(expected.term, told, "seed {seed}: {variant:?} in {}", hits[0].symbol);
                assert_eq!(expected.gene, hits[0].symbol);
                kinds.insert(told);
            }
            assert_eq!(kinds.len(), 14, "{kinds:?}");
        }
    }

    /// The check above must be able to fail.
    #[test]
    fn a_wrong_expectation_is_noticed() {
        let (dir, _) = made(3, &Plan { coverage: 1, ..SMALL });
        let case = Case::read(dir.path());
        let mut noticed = 0;
        for expected in &case.expected {
            let gene = case.genes.iter().find(|g| g.symbol == expected.gene).unwrap();
            // The same change three bases on is often something else.
            let mut moved = expected.site.clone();
            moved.position += 3;
            noticed += usize::from(case.effect(gene, &moved) != expected.term);
        }
        assert!(noticed > 5, "only {noticed} were noticed");
    }

    #[test]
    fn the_disease_has_one_cause_which_is_rare_pathogenic_and_in_both_copies() {
        for seed in 0..5 {
            let (dir, _) = made(seed, &Plan { coverage: 1, ..SMALL });
            let case = Case::read(dir.path());
            let causes: Vec<_> = case.expected.iter().filter(|e| e.causing).collect();
            assert_eq!(causes.len(), 1);
            let cause = causes[0];
            assert_eq!(cause.term, "stop_gained");
            let carried = case.truth.iter().find(|v| v.site == cause.site).unwrap();
            assert_eq!(carried.genotype, "1|1");
            let pathogenic =
                case.significance.iter().filter(|(_, info)| info.starts_with("CLNSIG=Pathogenic;"));
            let carried: Vec<_> =
                pathogenic.filter(|(site, _)| case.truth.iter().any(|v| v.site == *site)).collect();
            assert_eq!(carried.len(), 1, "one pathogenic allele is carried, the others are decoys");
            assert_eq!(carried[0].0, cause.site);
            let severe =
                ["stop_gained", "frameshift", "splice_donor", "splice_acceptor", "start_lost", "stop_lost"];
            for expected in case.expected.iter().filter(|e| severe.contains(&e.term.as_str())) {
                let info = &case.frequencies.iter().find(|(s, _)| *s == expected.site).unwrap().1;
                let frequency: f64 = info.strip_prefix("AF=").unwrap().parse().unwrap();
                assert_eq!(frequency < 0.001, expected.causing, "{expected:?}");
            }
            let decoy = |(site, info): &&(crate::files::Site, String)| {
                info.contains("Pathogenic")
                    && case
                        .truth
                        .iter()
                        .any(|v| v.site.position == site.position && v.site.alternate != site.alternate)
            };
            assert_eq!(
                case.significance.iter().filter(decoy).count(),
                1,
                "a pathogenic allele beside a carried one"
            );
        }
    }
}
