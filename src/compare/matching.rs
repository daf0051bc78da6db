//! Elements that are equal under the rules, in any order. Such equality is not transitive: elements are matched by augmenting
//! paths over pairs that are asked under the rules, and pairs that cancelled may be matched anew (`[1.0, 1.4]` and
//! `[1.4, 1.8]` within 0.5 are one multiset).

use super::multiset::{Group, Matched};
use super::walk::Walk;
use std::collections::{HashMap, HashSet};

/// Elements of one side that may take part in a matching by rules.
pub(super) const MATCHING: usize = 256;
/// How deep matchings by rules may nest in one another.
const NESTED: u32 = 8;

/// The elements of each key, and what of them cancelled. In the order of positions, so that what a bound leaves out does not
/// depend on the key of the hashes.
#[derive(Default)]
struct Parts<'m> {
    at: HashMap<u128, usize>,
    all: Vec<(Group<'m>, Matched)>,
}

impl<'m> Parts<'m> {
    /// The part of a key.
    fn of(&mut self, group: &Group<'m>, key: Option<&u128>) -> usize {
        let at = *self.at.entry(key.copied().unwrap_or(0)).or_insert(self.all.len());
        if at == self.all.len() {
            self.all.push((Group { p: Vec::new(), c: Vec::new(), ..*group }, Matched::default()));
        }
        at
    }
}

impl Walk<'_, '_> {
    /// Matches elements that are equal under the rules. Where they are too many for one matching, those of each key are one of
    /// their own: elements of different keys are never equal.
    pub(super) fn match_by_rules(
        &mut self,
        group: &Group<'_>,
        keys: (&HashMap<usize, u128>, &HashMap<usize, u128>),
        begun: Matched,
    ) -> Matched {
        if group.p.len() <= MATCHING && group.c.len() <= MATCHING {
            return self.match_few(group, keys, begun);
        }
        let mut parts = Parts::default();
        let home_p: HashMap<usize, usize> = group.p.iter().map(|p| (*p, parts.of(group, keys.0.get(p)))).collect();
        let home_c: HashMap<usize, usize> = group.c.iter().map(|c| (*c, parts.of(group, keys.1.get(c)))).collect();
        let (mut all, mut apart) = (Matched::default(), [HashSet::new(), HashSet::new()]);
        for (p, c) in begun.pairs {
            if home_p[&p] == home_c[&c] {
                parts.all[home_p[&p]].1.pairs.push((p, c));
            } else {
                // one value, but other rules at its two positions
                apart[0].insert(p);
                apart[1].insert(c);
                all.pairs.push((p, c));
            }
        }
        begun.rest_p.iter().for_each(|p| parts.all[home_p[p]].1.rest_p.push(*p));
        begun.rest_c.iter().for_each(|c| parts.all[home_c[c]].1.rest_c.push(*c));
        group.p.iter().filter(|p| !apart[0].contains(*p)).for_each(|p| parts.all[home_p[p]].0.p.push(*p));
        group.c.iter().filter(|c| !apart[1].contains(*c)).for_each(|c| parts.all[home_c[c]].0.c.push(*c));
        for (group, begun) in parts.all {
            let done = match begun.rest_p.is_empty() || begun.rest_c.is_empty() {
                true => begun,
                false => self.match_few(&group, keys, begun),
            };
            all.pairs.extend(done.pairs);
            all.rest_p.extend(done.rest_p);
            all.rest_c.extend(done.rest_c);
        }
        all.rest_p.sort_unstable();
        all.rest_c.sort_unstable();
        all
    }

    /// A maximum matching over pairs that are equal under the rules, begun with what cancelled (Kuhn's algorithm).
    fn match_few(
        &mut self,
        group: &Group<'_>,
        (keys_p, keys_c): (&HashMap<usize, u128>, &HashMap<usize, u128>),
        begun: Matched,
    ) -> Matched {
        let Matched { pairs: cancelled, rest_p, rest_c } = begun;
        // where all fit, all take part; else only what is left over
        let whole = group.p.len() <= MATCHING && group.c.len() <= MATCHING;
        let (mut p, mut c) = if whole { (group.p.clone(), group.c.clone()) } else { (rest_p, rest_c) };
        let kept = if whole { Vec::new() } else { cancelled.clone() };
        let (over_p, over_c) = (p.split_off(p.len().min(MATCHING)), c.split_off(c.len().min(MATCHING)));
        let mut of_c: Vec<Option<usize>> = vec![None; c.len()];
        let mut free: Vec<usize> = (0..p.len()).collect();
        if whole {
            for (a, b) in &cancelled {
                let (Some(i), Some(j)) = (p.iter().position(|x| x == a), c.iter().position(|x| x == b)) else {
                    continue;
                };
                of_c[j] = Some(i);
                free.retain(|other| *other != i);
            }
        }
        let mut known: HashMap<(usize, usize), bool> = HashMap::new();
        for i in free {
            let mut seen = vec![false; c.len()];
            self.augment(i, &mut seen, &mut of_c, &mut |walk, i, j| {
                *known.entry((i, j)).or_insert_with(|| walk.equal_under_rules(group, (keys_p, keys_c), p[i], c[j]))
            });
        }
        let mut matched = kept;
        let mut used = vec![false; p.len()];
        let mut rest_c = over_c;
        for (j, i) in of_c.iter().enumerate() {
            match i {
                Some(i) => {
                    used[*i] = true;
                    matched.push((p[*i], c[j]));
                }
                None => rest_c.push(c[j]),
            }
        }
        let mut rest_p: Vec<usize> = (0..p.len()).filter(|i| !used[*i]).map(|i| p[i]).collect();
        rest_p.extend(over_p);
        rest_p.sort_unstable();
        rest_c.sort_unstable();
        if !whole && !rest_p.is_empty() && !rest_c.is_empty() && self.probing == 0 {
            self.approximate = true;
        }
        Matched { pairs: matched, rest_p, rest_c }
    }

    /// Finds a place for one element, moving others; at most [`MATCHING`] calls deep.
    fn augment(
        &mut self,
        i: usize,
        seen: &mut [bool],
        of_c: &mut [Option<usize>],
        equal: &mut impl FnMut(&mut Self, usize, usize) -> bool,
    ) -> bool {
        for j in 0..of_c.len() {
            if seen[j] || !equal(self, i, j) {
                continue;
            }
            seen[j] = true;
            let free = match of_c[j] {
                None => true,
                Some(other) => self.augment(other, seen, of_c, equal),
            };
            if free {
                of_c[j] = Some(i);
                return true;
            }
        }
        false
    }

    pub(super) fn equal_under_rules(
        &mut self,
        group: &Group<'_>,
        (keys_p, keys_c): (&HashMap<usize, u128>, &HashMap<usize, u128>),
        p: usize,
        c: usize,
    ) -> bool {
        let (Some(a), Some(b)) = (group.mine.get(p), group.theirs.get(c)) else { return false };
        if self.primary.hash(*a) == self.candidate.hash(*b) {
            return true;
        }
        if keys_p.get(&p) != keys_c.get(&c) {
            return false;
        }
        if self.probing >= NESTED || self.budget == 0 {
            self.approximate = true;
            return false;
        }
        let here = self.element_here(group.here, p, (group.mine.len(), group.theirs.len()), true);
        self.probe(*a, *b, here)
    }
}
