//! Cells that differ in their hour alone, as one: what a gate pools, in the memory of what it tells apart instead of a week's.

use super::gate::last_ms;
use super::{CellDelta, CellKey};
use std::collections::BTreeMap;

/// Sums of cells over their hours, those last seen before some moment apart from the others.
#[derive(Default)]
pub struct Hours {
    edge_ms: u64,
    /// By key, the hour of which is 0, and whether it is of before the moment.
    sums: BTreeMap<(CellKey, bool), (u32, CellDelta)>,
}

impl Hours {
    /// Nothing yet. A cell counts as old where its last exchange was before this moment, milliseconds since the Unix epoch.
    pub fn before(edge_ms: u64) -> Hours {
        Hours { edge_ms, sums: BTreeMap::new() }
    }
    /// Adds a cell.
    pub fn add(&mut self, key: CellKey, mut cell: CellDelta) {
        cell.last_ms = last_ms(&key, &cell);
        let (hour, old) = (key.hour, cell.last_ms < self.edge_ms);
        if old {
            // Of what is too old the requests are not told apart, and they take the most memory.
            (cell.distinct, cell.mismatching, cell.mixed) = Default::default();
        }
        let (latest, sum) = self.sums.entry((CellKey { hour: 0, ..key }, old)).or_default();
        *latest = (*latest).max(hour);
        sum.merge(&cell);
    }
    /// The sums, each under the latest of its hours: a pool of them is a pool of the cells.
    pub fn cells(self) -> Vec<(CellKey, CellDelta)> {
        self.sums.into_iter().map(|((key, _), (hour, sum))| (CellKey { hour, ..key }, sum)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{EvidenceFrom, Policy, Suppression, pool};

    const HOUR_MS: u64 = 3_600_000;

    fn cells() -> Vec<(CellKey, CellDelta)> {
        let mut cells = Vec::new();
        for n in 0..600u64 {
            let key = CellKey {
                route: "GET /x".to_owned(),
                inferred: false,
                primary_version: format!("p{}", n % 2),
                candidate_version: format!("c{}", n / 120),
                rule_set: n % 3,
                comparator: 1,
                principal: ["anonymous", "user"][n as usize % 2].to_owned(),
                hour: (n / 4) as u32,
            };
            let mut cell = CellDelta { leaves: n, ..CellDelta::default() };
            *cell.verdicts.entry(["match", "mismatch"][n as usize % 2].to_owned()).or_default() += n + 1;
            *cell.statuses.entry((200, 200 + (n % 2) as u16)).or_default() += 1;
            (0..30).for_each(|i| cell.distinct.insert((n * 7 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            cell.mismatching.count(n % 11);
            cell.primary_us.record(n);
            // one of an older format does not say when
            cell.last_ms = if n % 5 == 0 { 0 } else { n / 4 * HOUR_MS + n % 7 };
            cells.push((key, cell));
        }
        cells
    }

    #[test]
    fn a_pool_of_the_sums_is_a_pool_of_the_cells() {
        let cells = cells();
        for (now_h, age_h, from) in
            [(150, 168, EvidenceFrom::Last(3)), (200, 80, EvidenceFrom::Last(2)), (150, 20, EvidenceFrom::All)]
        {
            let policy = Policy { max_age_ms: age_h * HOUR_MS, evidence_from: from, ..Policy::default() };
            let now_ms = now_h * HOUR_MS;
            let mut hours = Hours::before(now_ms.saturating_sub(policy.max_age_ms));
            cells.iter().for_each(|(key, cell)| hours.add(key.clone(), cell.clone()));
            let sums = hours.cells();
            assert!(sums.len() < cells.len() / 4, "{}", sums.len());
            let of = |cells: &[(CellKey, CellDelta)]| {
                pool(cells.iter().map(|(k, c)| (k, c)), &policy, &Suppression::default(), now_ms)
            };
            assert_eq!(of(&sums), of(&cells));
        }
    }
}
