//! What the headers of VCF and SAM share: paths, and labels behind the options that take one.

use std::sync::LazyLock;

use regex::Regex;

use crate::{
    finding::{Reason, Span},
    label, redact,
    value::{self, Context, pattern},
};

/// `SM:`, `ID:`, `LB:`, `PU:` of a read group within a command line, its tab written out, and options that take a
/// sample's name, in the spellings of the common tools.
static LABELLED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:\\t|\b)(?:SM|LB):([^\\\s'",;]+)|(?i)(?:\bRG(?:SM|LB|ID)=|\bSAMPLE(?:_ALIAS|_NAME|_ID)?=|--?(?:sample|rgsm|rg-sm|rg-lb)(?:[-_]?(?:name|alias|id))?[ =])['"]?([^\s'",;<]+)"#,
    )
});

/// Folders of software: nobody keeps people there.
static SOFTWARE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:/usr|/opt|/bin|/sbin|/lib|/dev)(?:/[a-z][a-z0-9.+-]{0,23}){1,8}$"));

/// Paths with folders, and file names that hold an identifier.
pub(crate) fn paths(line: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (start, end, _) in redact::paths(line) {
        let text = line.get(start..end).unwrap_or_default();
        // `file://reference.fa` names no folder.
        let bare = text.strip_prefix("//").unwrap_or(text);
        let reason = if bare.contains(['/', '\\']) {
            (!SOFTWARE.is_match(bare)).then_some(Reason::Path)
        } else {
            label::file_identifier(bare)
        };
        found.extend(reason.map(|reason| Span { start, end, reason }));
    }
    found
}

/// Labels in a command line that look like identifiers.
pub(crate) fn labels(line: &str) -> Vec<Span> {
    let hits = LABELLED.captures_iter(line).filter_map(|c| c.get(1).or_else(|| c.get(2)));
    hits.filter_map(|hit| {
        let reason = label::identifier(hit.as_str())?;
        Some(Span { start: hit.start(), end: hit.end(), reason })
    })
    .collect()
}

/// All that stands in free text of a header.
pub(crate) fn free(line: &str, context: Context) -> Vec<Span> {
    let mut spans = value::spans(line, context);
    spans.retain(|span| span.reason != Reason::Ip || !is_version(line, span.start));
    spans.extend(paths(line));
    spans.extend(labels(line));
    public(line, context, &mut spans);
    spans
}

static REMOTE: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?i)\b(?:https?|ftp|s3|gs)://[^\s"'<>,;@]+"#));

/// Public addresses may stand, with their folders and days: of one that holds no account, what is left are names,
/// accounts, secrets and numbers within it.
fn public(line: &str, context: Context, spans: &mut Vec<Span>) {
    use Reason::{BirthDate, Host, Path, Url};
    let open = |hit: &regex::Match| !line.get(hit.end()..).is_some_and(|rest| rest.starts_with('@'));
    let hits: Vec<_> = REMOTE.find_iter(line).filter(open).map(|hit| (hit.start(), hit.end())).collect();
    spans.retain(|span| {
        let before = hits.partition_point(|(start, _)| *start <= span.start);
        let last = before.checked_sub(1).and_then(|at| hits.get(at));
        last.is_none_or(|(_, end)| span.end > *end)
    });
    for (start, end) in hits {
        // Without its scheme it is no address any more, so what stands in it shows.
        let scheme = line.get(start..end).and_then(|url| url.find("//")).map_or(0, |at| at + 2);
        let inner = value::spans(line.get(start + scheme..end).unwrap_or_default(), context);
        let told = inner.into_iter().filter(|span| !matches!(span.reason, BirthDate | Host | Path | Url));
        spans.extend(told.map(|span| Span {
            start: start + scheme + span.start,
            end: start + scheme + span.end,
            ..span
        }));
    }
}

static VERSION: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)(?:\bv|version|release)\W{0,3}$"));

/// Versions of four numbers look like network addresses.
fn is_version(line: &str, at: usize) -> bool {
    let from = line.floor_char_boundary(at.saturating_sub(16));
    line.get(from..at).is_some_and(|before| VERSION.is_match(before))
}
