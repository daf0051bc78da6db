//! Each planted mistake is found, under its own signatures and no others; and two at once are found both.

use super::stack::{Stack, available, folder};
use super::table::{FIXED_SEED, Rows, all, faults, fresh_seed, pairs, run};
use std::collections::BTreeMap;
use std::process::Command;

#[test]
fn the_table_names_every_fault_of_the_api() {
    if !available() {
        return;
    }
    let api = std::path::Path::new(env!("CARGO_BIN_EXE_paritee")).with_file_name("bookreviews-api");
    let help = Command::new(api).arg("--help").output().expect("the API's help");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let known = faults();
    for fault in known.keys() {
        assert!(help.contains(fault.as_str()), "the API does not know {fault}");
    }
    let (_, of_faults) = help.split_once("--fault <NAME>").expect("the setting");
    let of_faults = of_faults.split("\n  -").next().unwrap_or_default();
    let switches = of_faults.lines().filter(|line| line.trim_start().starts_with("- ")).count();
    assert!(switches >= 34, "{help}");
    assert_eq!(switches, known.len(), "a fault without a row in the table:\n{help}");
}

/// A quarter of the faults, so that the test threads share the work; each under a fresh seed, some under the fixed one, and in
/// the long tier under five.
fn quarter(part: usize) {
    if !available() {
        return;
    }
    let fresh = fresh_seed();
    let mut stack = Stack::start(&[]);
    let mut wrong = Vec::new();
    for (position, (fault, expected)) in faults().into_iter().enumerate().filter(|(at, _)| at % 4 == part) {
        let seeds = match all() {
            true => vec![FIXED_SEED, fresh, fresh + 1, fresh + 2, fresh + 3],
            // The fixed seed goes round.
            false if position as u64 % 8 == fresh % 8 => vec![FIXED_SEED],
            false => vec![fresh],
        };
        for seed in seeds {
            wrong.extend(run(&mut stack, &[&fault], &expected, seed));
        }
    }
    stack.stop();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_fault_is_found_first_quarter() {
    quarter(0);
}

#[test]
fn each_fault_is_found_second_quarter() {
    quarter(1);
}

#[test]
fn each_fault_is_found_third_quarter() {
    quarter(2);
}

#[test]
fn each_fault_is_found_last_quarter() {
    quarter(3);
}

/// A seeded sample: the same seed, the same pairs.
fn sample(mut from: Vec<(String, String)>, many: usize, seed: u64) -> Vec<(String, String)> {
    // SplitMix64 (Steele, Lea and Flood, 2014).
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let mut chosen = Vec::new();
    while chosen.len() < many && !from.is_empty() {
        chosen.push(from.swap_remove((next() % from.len() as u64) as usize));
    }
    chosen
}

#[test]
fn two_faults_at_once_are_found_both() {
    if !available() {
        return;
    }
    let (seed, known) = (fresh_seed(), faults());
    let rows = |name: &String| -> &Rows { &known[name] };
    let mut stack = Stack::start(&[]);
    let mut wrong = Vec::new();
    for (one, other) in sample(pairs(), if all() { 40 } else { 6 }, seed) {
        eprintln!("{one} and {other}");
        let expected: Rows = rows(&one).union(rows(&other)).cloned().collect();
        wrong.extend(run(&mut stack, &[&one, &other], &expected, seed));
    }
    stack.stop();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_sample_has_no_pair_twice_and_few_pairs_are_masked() {
    let possible = pairs();
    let chosen = sample(possible.clone(), 40, FIXED_SEED);
    assert_eq!(chosen, sample(possible.clone(), 40, FIXED_SEED));
    let counted = chosen.iter().fold(BTreeMap::new(), |mut counted: BTreeMap<_, u32>, pair| {
        *counted.entry(pair).or_default() += 1;
        counted
    });
    assert!(counted.len() == 40 && counted.values().all(|times| *times == 1), "{counted:?}");
    let faults = faults().len();
    assert!(possible.len() > faults * (faults - 1) / 2 * 3 / 4, "{} pairs of {faults} faults", possible.len());
}

#[test]
fn the_tool_and_its_config_know_no_fault_by_name() {
    let mut texts = vec![std::fs::read_to_string(folder().join("paritee.toml")).expect("the example's config")];
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => texts.push(std::fs::read_to_string(path).expect("a readable file")),
            }
        }
    }
    for fault in faults().keys().filter(|fault| fault.contains('-')) {
        let spellings = [fault.clone(), fault.replace('-', "_")];
        for word in &spellings {
            assert!(!texts.iter().any(|text| text.contains(word.as_str())), "{word} is named outside the example");
        }
    }
}
