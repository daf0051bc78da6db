//! Random documents that are hard to compare: few values that repeat, names that pointers must escape, numbers that doubles
//! cannot hold; and small changes of them. Below: answers and rule sets made of them, and the laws that hold of any.

mod answers;
mod laws;
mod rules;

/// A seeded source: the same documents in every run.
pub(crate) struct Random(fastrand::Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(fastrand::Rng::with_seed(seed))
    }
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0.usize(..n.max(1))
    }
    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// How often a random test goes round: `./tests/run --all` takes its time.
pub(crate) fn rounds(usual: usize) -> usize {
    if std::env::var_os("PARITEE_ALL").is_some() { usual * 40 } else { usual }
}

const NAMES: &[&str] = &[
    "",
    "a",
    "b",
    "id",
    "/",
    "~",
    "~1",
    "~01",
    "a/b",
    "0",
    "1",
    "-",
    "a.b",
    "__proto__",
    "é",
    r"\ud800",
    r"\u0000",
    r"\ud83d\ude00",
    r#"\""#,
    r"\\",
    "name",
    "\u{202e}",
    "\u{9b}",
];
const SCALARS: &[&str] = &[
    "0",
    "-0",
    "1",
    "1.0",
    "2",
    "9007199254740993",
    "9007199254740992",
    "18446744073709551617",
    "1e400",
    "2e400",
    "1e-400",
    "0.1",
    "null",
    "true",
    "false",
    r#""""#,
    r#""a""#,
    r#""b""#,
    r#""\ud800""#,
    r#""\u001b[31m""#,
    r#""ü 😀""#,
    "\"\u{9b}1m\"",
    "[]",
    "{}",
    "-1.5e3",
];
/// What most values are drawn from, so that elements repeat.
const FEW: &[&str] = &["1", "2", "3", r#""a""#, "null"];

/// A document as a tree of text.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Scalar(String),
    Array(Vec<Text>),
    Object(Vec<(String, Text)>),
}

impl Text {
    pub(crate) fn text(&self) -> String {
        match self {
            Text::Scalar(text) => text.clone(),
            Text::Array(all) => format!("[{}]", all.iter().map(Text::text).collect::<Vec<_>>().join(", ")),
            Text::Object(all) => {
                let member = |(name, value): &(String, Text)| format!("\"{name}\": {}", value.text());
                format!("{{{}}}", all.iter().map(member).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// A document of at most so many levels.
pub(crate) fn document(random: &mut Random, depth: usize) -> Text {
    match random.below(if depth == 0 { 4 } else { 9 }) {
        0..=2 => Text::Scalar(random.pick(FEW).to_owned()),
        3 => Text::Scalar(random.pick(SCALARS).to_owned()),
        4 | 5 => {
            let length = random.below(9);
            Text::Array((0..length).map(|_| document(random, depth - 1)).collect())
        }
        // records with an identity, which may repeat
        6 => {
            let length = random.below(7);
            let record = |random: &mut Random| {
                let id = Text::Scalar(random.below(12).to_string());
                Text::Object(vec![("id".to_owned(), id), ("v".to_owned(), document(random, depth.min(2) - 1))])
            };
            Text::Array((0..length).map(|_| record(random)).collect())
        }
        _ => {
            let mut all = Vec::new();
            for _ in 0..random.below(6) {
                let name = random.pick(NAMES).to_owned();
                if all.iter().all(|(other, _)| *other != name) {
                    all.push((name, document(random, depth - 1)));
                }
            }
            Text::Object(all)
        }
    }
}

/// The document with a few small changes.
pub(crate) fn mutated(random: &mut Random, of: &Text) -> Text {
    let mut out = of.clone();
    for _ in 0..=random.below(4) {
        change(random, &mut out);
    }
    out
}

fn change(random: &mut Random, at: &mut Text) {
    match at {
        Text::Array(all) if !all.is_empty() => {
            let (one, other) = (random.below(all.len()), random.below(all.len()));
            match random.below(6) {
                0 => drop(all.remove(one)),
                1 => all.insert(one, document(random, 2)),
                2 => {
                    let moved = all.remove(one);
                    all.insert(other.min(all.len()), moved);
                }
                3 => all.insert(other, all[one].clone()),
                _ => change(random, &mut all[one]),
            }
        }
        Text::Object(all) if !all.is_empty() => {
            let one = random.below(all.len());
            match random.below(5) {
                0 => drop(all.remove(one)),
                1 => all.rotate_left(one),
                2 => {
                    let name = random.pick(NAMES).to_owned();
                    if all.iter().all(|(other, _)| *other != name) {
                        all.insert(one, (name, document(random, 2)));
                    }
                }
                _ => change(random, &mut all[one].1),
            }
        }
        at => *at = document(random, 2),
    }
}
