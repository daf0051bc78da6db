//! The gate's promise by simulation: some seeded runs here, 2,000 of each kind in `cargo bench --bench gate`.

#[path = "../../benches/gate/simulate.rs"]
mod simulate;

use simulate::{Plan, THRESHOLD, first_ready};

fn ready(seeds: std::ops::Range<u64>, plan: Plan) -> Vec<Option<u64>> {
    seeds.map(|seed| first_ready(seed, plan)).collect()
}

#[test]
fn a_route_as_bad_as_the_threshold_is_hardly_ever_ready() {
    let all = ready(0..40, Plan { rate: THRESHOLD, distinct: 1_600, calm_from: u64::MAX });
    // At most 5 % at any look: six of forty have a chance of one in 70.
    let ready = all.iter().flatten().count();
    assert!(ready <= 5, "{ready} of {}", all.len());
}

#[test]
fn a_clean_route_is_ready_at_a_thousand_distinct_requests() {
    for (seed, ready) in ready(0..12, Plan { rate: 0.0, distinct: 1_200, calm_from: 850 }).into_iter().enumerate() {
        assert!(ready.is_some_and(|n| (984..=1_000).contains(&n)), "{seed}: {ready:?}");
    }
}

#[test]
fn a_route_far_better_than_the_threshold_is_ready_before_long() {
    let all = ready(0..20, Plan { rate: THRESHOLD / 10.0, distinct: 4_000, calm_from: u64::MAX });
    let ready = all.iter().flatten().filter(|n| **n <= 4_000).count();
    assert!(ready >= 16, "{ready} of {}", all.len());
}
