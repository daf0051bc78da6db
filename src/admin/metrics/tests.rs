//! The page by Prometheus' rules: names, heads, labels from closed lists, histograms that add up.

use super::*;
use crate::mirror::{AnswerCounts, BackOffFigures, ConfirmFigures, LagFigures, PairOutcome};
use std::collections::{BTreeMap, BTreeSet};

fn health() -> Health {
    let primary =
        AnswerCounts { times: std::array::from_fn(|at| at as u64), total_us: 1_500_000, ..Default::default() };
    Health {
        accepting: true,
        draining: false,
        candidate: true,
        mirroring: true,
        breaker: BreakerState::Open,
        back_off: Some(BackOffFigures { share: 0.25, evidence: 0.125, ..BackOffFigures::default() }),
        lag: LagFigures { worst_us: 70_000, late: 1 },
        in_flight: 2,
        in_flight_bytes: 10,
        queued: 1,
        answers: [primary, AnswerCounts::default()],
        connections: 1,
        taking_in: Default::default(),
        turned_away: [0, 0, 0, 0, 3, 0],
        uptime_s: 5,
        sessions: Some(Default::default()),
        ids: Some(Default::default()),
        operations: Some(Default::default()),
        pairs: Some(PairOutcome::ALL.iter().map(|outcome| (*outcome, 3)).collect()),
        confirm: Some(ConfirmFigures { looks: 7, ..ConfirmFigures::default() }),
        reloads: ReloadState { refused: 2, ..ReloadState::default() },
        store_waiting: 1,
        store_failing: None,
    }
}

fn page() -> String {
    let mut ledger = Ledger::default();
    ledger.counts.count_not_mirrored(NotMirrored::Rate);
    ledger.in_flight = 2;
    let left_out = LeftOut { cells: 4, erased: 2, ..LeftOut::default() };
    let space = Space { generations: 3, bytes: 1_000, keys: 7, live_bytes: 500 };
    text(&ledger, &health(), &[1, 0, 0, 0], (left_out, space))
}

#[test]
fn every_word_of_the_ledger_is_there() {
    let text = page();
    assert!(text.contains("paritee_not_mirrored_total{reason=\"rate\"} 1\n"));
    assert!(text.contains("paritee_requests_received_total 3\n"));
    assert!(text.contains("paritee_session_outcomes_total{outcome=\"bridged\"} 0\n"));
    assert!(text.contains("paritee_id_forgotten_total{what=\"sessions\"} 0\n"));
    assert!(text.contains("paritee_secondary_total{outcome=\"in_flight\"} 3\n"));
    assert!(
        text.contains("paritee_confirm_total{outcome=\"race\"} 0\n")
            && text.contains("paritee_confirm_looks_total 7\n")
    );
    assert!(text.contains("paritee_connections_turned_away_total{reason=\"http2_flood\"} 3\n"));
    assert!(text.contains("paritee_config_reloads_total{outcome=\"refused\"} 2\n"));
    assert!(text.contains("paritee_breaker{state=\"open\"} 1\n"));
    for reason in NotMirrored::ALL {
        assert!(text.contains(&format!("paritee_not_mirrored_total{{reason=\"{reason}\"}} ")));
    }
    assert!(text.contains("paritee_store_left_out_total{what=\"cells\"} 4\n"));
    assert!(text.contains("paritee_store_left_out_total{what=\"erased\"} 2\n"));
    assert!(text.contains("paritee_store_generations_total 3\n") && text.contains("paritee_store_keys 7\n"));
}

/// A family of series as the page gives it.
struct Family {
    kind: String,
    /// Name, labels and value.
    series: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads the text format (version 0.0.4), strictly: a HELP and a TYPE for each family, once, before all of its series.
fn read(text: &str) -> BTreeMap<String, Family> {
    let (mut families, mut current) = (BTreeMap::<String, Family>::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(help.ends_with('.') && !help.contains('\\'), "{line}");
            let kind =
                lines.next().and_then(|line| line.strip_prefix("# TYPE ")?.strip_prefix(name)?.strip_prefix(' '));
            let family = Family { kind: kind.unwrap_or_else(|| panic!("{line}")).into(), series: Vec::new() };
            assert!(families.insert(name.into(), family).is_none(), "{name} twice");
            current = name.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap();
        let labels = labels.split_terminator(',').map(|label| {
            let (key, value) = label.split_once('=').unwrap();
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
            assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.+-".contains(&b)), "{line}");
            (key.to_owned(), value.to_owned())
        });
        let family = families.get_mut(&current).unwrap();
        let own = name == current || (family.kind == "histogram" && name.starts_with(&format!("{current}_")));
        assert!(own, "{line} stands below {current}");
        family.series.push((name.into(), labels.collect(), value.parse().unwrap()));
    }
    families
}

#[test]
fn the_page_reads_by_the_rules_and_its_names_say_what_they_are() {
    for (name, family) in read(&page()) {
        assert!(name.starts_with("paritee_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(family.kind == "counter", name.ends_with("_total"), "{name}: {}", family.kind);
        assert!(["counter", "gauge", "histogram"].contains(&&*family.kind), "{name}");
        assert!(!["_ms", "_us", "_millis", "_kb"].iter().any(|unit| name.contains(unit)), "{name}: base units");
        assert!(!family.series.is_empty() && family.series.len() <= 64, "{name}: {} series", family.series.len());
        let distinct: BTreeSet<_> = family.series.iter().map(|(name, labels, _)| (name, labels)).collect();
        assert_eq!(distinct.len(), family.series.len(), "{name}: one series twice");
    }
}

#[test]
fn a_histogram_is_cumulative_and_ends_with_all() {
    let families = read(&page());
    let series = &families["paritee_answer_duration_seconds"].series;
    for side in SIDES {
        let of = |part: &str| -> Vec<(f64, f64)> {
            let name = format!("paritee_answer_duration_seconds{part}");
            let own = series.iter().filter(|(known, labels, _)| *known == name && labels["side"] == *side);
            own.map(|(_, labels, value)| (labels.get("le").map_or(0.0, |le| le.parse().unwrap()), *value)).collect()
        };
        let buckets = of("_bucket");
        assert_eq!(buckets.len(), BOUNDS_US.len() + 1);
        assert!(buckets.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1), "{buckets:?}");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, of("_count")[0].1)));
        assert_eq!(of("_sum")[0].1, if side == "primary" { 1.5 } else { 0.0 });
    }
    assert_eq!(series.iter().find(|(name, ..)| name.ends_with("_count")).map(|(.., n)| *n), Some(91.0));
}

#[test]
fn the_document_names_exactly_the_metrics_that_there_are() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let docs = std::fs::read_to_string(file).unwrap();
    let documented: BTreeMap<&str, &str> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `paritee_")?.split_once("` | "))
        .map(|(name, rest)| (name, rest.split(" | ").next().unwrap()))
        .collect();
    let families = read(&page());
    let there: BTreeMap<&str, &str> =
        families.iter().map(|(name, family)| (name.strip_prefix("paritee_").unwrap(), &*family.kind)).collect();
    assert_eq!(documented, there);
    // Each label too.
    for (name, family) in &families {
        let row = docs.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap();
        for label in family.series.iter().flat_map(|(_, labels, _)| labels.keys()).filter(|label| *label != "le") {
            assert!(row.contains(&format!("`{label}`")), "{name}: the label {label} is not documented");
        }
    }
}
