//! The judge's speed and memory as ratios to parsing both texts with serde_json, taken in alternation in one run; with
//! rules, as ratios to the same pair without.
//!
//! `cargo bench --bench judge` prints a table; each row has the bound that must hold. Words after `--` choose rows by name.

mod corpus;

use corpus::{Spelling, list};
use http::{HeaderMap, HeaderValue, StatusCode};
use paritee::exchange::{
    Answer, Body, CandidateSession, Client, Exchange, ExchangeId, Outcome, Provenance, Request, Response, Route,
};
use paritee::judge::{Context, Judgement, judge};
use paritee::rules::{NumberTolerance, Rewrite, RuleKind, RuleSet, RuleSpec, Shape, SideChoice};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// One row: two texts, rules, and at most this many times the base.
struct Row {
    name: String,
    primary: String,
    candidate: String,
    rules: RuleSet,
    at_most: f64,
    verdict: &'static str,
    /// Also bounded: peak memory growth, as a multiple of the input bytes.
    memory: Option<f64>,
}

/// The other program: what everything is held against.
struct Base {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Base {
    fn start() -> Base {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--release", "-p", "paritee-bench-base"])
            .current_dir(root)
            .status()
            .expect("cargo");
        assert!(built.success(), "the base does not build");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let mut child = Command::new(target.join("release/paritee-bench-base"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the base starts");
        let input = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let folder = std::env::temp_dir().join(format!("paritee-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for texts");
        Base { child, input, output, folder }
    }
    fn ns(&mut self, times: u32) -> f64 {
        let (a, b) = (self.folder.join("a"), self.folder.join("b"));
        writeln!(self.input, "{times} {} {}", a.display(), b.display()).expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        line.trim().parse().expect("nanoseconds")
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        // It ends with its input; whatever is left of the folder is in the system's temporary one.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn exchange(primary: &str, candidate: &str) -> Exchange {
    let answer = |text: &str| Answer {
        outcome: Outcome::Answered(Response {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]),
            body: Body::from(text.as_bytes().to_vec()),
            trailers: None,
        }),
        elapsed_us: 1,
    };
    Exchange {
        id: ExchangeId(1),
        received_at_ms: 0,
        route: Route::declared("GET /x"),
        principal: "anonymous".into(),
        subject: None,
        request: Request {
            method: http::Method::GET,
            target: "/x".into(),
            headers: HeaderMap::new(),
            body: Body::empty(),
        },
        primary: answer(primary),
        candidate: answer(candidate),
        secondary: None,
        provenance: Provenance::Own,
        client: Client::Served,
        candidate_session: CandidateSession::Known,
    }
}

/// Nanoseconds for one judgement.
fn ns(exchange: &Exchange, rules: &RuleSet, context: &Context, times: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        std::hint::black_box(judge(std::hint::black_box(exchange), rules, context));
    }
    start.elapsed().as_nanos() as f64 / f64::from(times)
}

/// Bytes by which the process grew at most while this ran.
fn peak_growth(run: impl FnOnce() -> Judgement) -> (Judgement, u64) {
    let read = |key: &str| -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap_or("");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0) << 10
    };
    // 5 resets the peak to what is resident now.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = read("VmRSS:");
    let judgement = run();
    (judgement, read("VmHWM:").saturating_sub(before))
}

/// What a row gave: medians over rounds in alternation. The yardstick is the base, or the same pair without rules.
struct Measured {
    yardstick_ns: f64,
    own_ns: f64,
    ratio: f64,
    memory: f64,
}

fn measure(row: &Row, base: &mut Base, rounds: usize, budget: Duration) -> Measured {
    std::fs::write(base.folder.join("a"), &row.primary).expect("a text");
    std::fs::write(base.folder.join("b"), &row.candidate).expect("a text");
    let exchange = exchange(&row.primary, &row.candidate);
    let context = Context { hash_key: 0x5eed, ..Context::default() };
    let (judgement, growth) = peak_growth(|| judge(&exchange, &row.rules, &context));
    assert_eq!(judgement.verdict.as_str(), row.verdict, "{}: {:?}", row.name, judgement.differences.first());
    let no_rules = RuleSet::default();
    let mut yardstick = |times: u32| match row.rules.is_empty() {
        true => base.ns(times),
        false => ns(&exchange, &no_rules, &context, times),
    };
    let own = |times: u32| ns(&exchange, &row.rules, &context, times);
    let per_round = budget.as_nanos() as f64 / rounds as f64;
    let (yardstick_times, own_times) = (
        (per_round / yardstick(1).max(1.0)).clamp(1.0, 1e6) as u32,
        (per_round / own(1).max(1.0)).clamp(1.0, 1e6) as u32,
    );
    let both: Vec<(f64, f64)> = (0..rounds).map(|_| (yardstick(yardstick_times), own(own_times))).collect();
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut all: Vec<f64> = both.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Measured {
        yardstick_ns: median(|pair| pair.0),
        own_ns: median(|pair| pair.1),
        ratio: median(|pair| pair.1 / pair.0),
        memory: growth as f64 / (row.primary.len() + row.candidate.len()) as f64,
    }
}

fn spec(at: usize, path: &str, kind: RuleKind) -> RuleSpec {
    RuleSpec {
        name: format!("rule {at}").into(),
        path: Some(path.into()),
        kind,
        reason: Some("a benchmark".into()),
        until_day: None,
        of_route: false,
    }
}

/// Ten rules that apply to every record.
fn ten_rules() -> RuleSet {
    let rewrite = |pattern: &str| {
        RuleKind::Rewrite(Rewrite { pattern: pattern.into(), with: "/new/$1".into(), side: SideChoice::Both })
    };
    let kinds = [
        ("$.results[*].book.path", rewrite("^/api/book/(.+)$")),
        ("$.results[*].book.title", RuleKind::Shape(Shape::SameType)),
        ("$.results[*].created_at", RuleKind::Timestamp { within_us: 1_000_000 }),
        ("$.results[*].helpful", RuleKind::Shape(Shape::Number)),
        ("$.results[*].archive_id", RuleKind::Shape(Shape::SameType)),
        ("$.results[*].tags", RuleKind::Unordered),
        ("$.results[*].reviewer.name", RuleKind::Shape(Shape::SameType)),
        ("$.results[*].reviewer.more", RuleKind::Added),
        ("$.results[*].summary", rewrite("^(.+)\\.\\.\\.$")),
        ("$.count", RuleKind::Ignore),
    ];
    compiled(kinds)
}

fn compiled(kinds: [(&str, RuleKind); 10]) -> RuleSet {
    let specs: Vec<RuleSpec> = kinds.into_iter().enumerate().map(|(at, (path, kind))| spec(at, path, kind)).collect();
    RuleSet::compile(&specs).expect("rules")
}

/// Ten rules of which four are needed in every record.
fn ten_rules_at_work() -> RuleSet {
    let rewrite = Rewrite { pattern: "^/book/(.+)$".into(), with: "/api/book/$1".into(), side: SideChoice::Candidate };
    let kinds = [
        ("$.results[*].id", RuleKind::Shape(Shape::Number)),
        ("$.results[*].book.path", RuleKind::Rewrite(rewrite)),
        ("$.results[*].created_at", RuleKind::Timestamp { within_us: 1_000_000 }),
        (
            "$.results[*].helpful",
            RuleKind::Number(NumberTolerance { abs: Some("0.001".into()), ..NumberTolerance::default() }),
        ),
        ("$.results[*].archive_id", RuleKind::Shape(Shape::SameType)),
        ("$.results[*].tags", RuleKind::Unordered),
        ("$.results[*].reviewer.name", RuleKind::Shape(Shape::SameType)),
        ("$.results[*].reviewer.more", RuleKind::Added),
        ("$.results[*].book.title", RuleKind::Shape(Shape::SameType)),
        ("$.count", RuleKind::Ignore),
    ];
    compiled(kinds)
}

/// Two hundred rules for places that no record has.
fn rules_that_do_not_apply() -> RuleSet {
    let specs: Vec<RuleSpec> = (0..200)
        .map(|at| spec(at, &format!("$.other{at}.list[*].value{at}"), RuleKind::Shape(Shape::SameType)))
        .collect();
    RuleSet::compile(&specs).expect("rules")
}

fn array(elements: impl Iterator<Item = usize>) -> String {
    let elements: Vec<String> = elements.map(|n| format!("{{\"n\":{n},\"t\":\"element {n}\"}}")).collect();
    format!("[{}]", elements.join(","))
}

fn row(name: String, primary: String, candidate: String, at_most: f64, verdict: &'static str) -> Row {
    Row { name, primary, candidate, rules: RuleSet::default(), at_most, verdict, memory: None }
}

fn rows() -> Vec<Row> {
    let plain = Spelling::default();
    let mut rows = Vec::new();
    for (size, bytes) in [("1 KiB", 1 << 10), ("16 KiB", 16 << 10), ("1 MiB", 1 << 20)] {
        let text = list(bytes, plain);
        let with = |spelling| list(bytes, spelling);
        let records = (bytes / 420).max(1);
        let changed = Spelling { changed_every: records.div_ceil(20).max(1), ..plain };
        rows.push(row(format!("{size}, same bytes"), text.clone(), text.clone(), 0.02, "match"));
        let spaced = with(Spelling { spaced: true, ..plain });
        rows.push(row(format!("{size}, equal by value, same order"), text.clone(), spaced, 0.30, "match"));
        let reordered = with(Spelling { reordered: true, ..plain });
        rows.push(row(format!("{size}, other member order"), text.clone(), reordered, 0.60, "match"));
        rows.push(row(format!("{size}, up to 20 findings"), text.clone(), with(changed), 1.0, "mismatch"));
        let ten = row(format!("{size}, up to 20 findings, ten rules"), text.clone(), with(changed), 1.5, "mismatch");
        rows.push(Row { rules: ten_rules(), ..ten });
        // every record differs in four ruled places, its identity among them
        let ruled = Spelling { ruled: true, ..changed };
        let ten = row(format!("{size}, all ruled, ten rules"), text.clone(), with(ruled), 1.5, "mismatch");
        rows.push(Row { rules: ten_rules_at_work(), ..ten });
        let many = row(format!("{size}, up to 20 findings, 200 idle rules"), text, with(changed), 1.1, "mismatch");
        rows.push(Row { rules: rules_that_do_not_apply(), ..many });
    }
    let large = list(10_000_000, plain);
    let one = list(10_000_000, Spelling { changed_every: 30_000, ..plain });
    let tenth = list(10_000_000, Spelling { changed_every: 10, ..plain });
    let memory = Some(8.0);
    rows.push(Row { memory, ..row("10 MB, one change".into(), large.clone(), one, 0.7, "mismatch") });
    rows.push(Row { memory, ..row("10 MB, every tenth record".into(), large, tenth, 1.5, "mismatch") });
    let n = 100_000;
    let whole = || array(0..n);
    let head = array(std::iter::once(n + 7).chain(0..n));
    rows.push(Row { memory, ..row("100,000 elements, one more at the head".into(), whole(), head, 2.0, "mismatch") });
    rows.push(Row {
        memory,
        ..row("100,000 elements, reversed".into(), whole(), array((0..n).rev()), 2.0, "mismatch")
    });
    let other = array(n..2 * n);
    rows.push(Row { memory, ..row("100,000 elements, none in common".into(), whole(), other, 2.0, "mismatch") });
    rows
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let rows: Vec<Row> =
        rows().into_iter().filter(|row| wanted.iter().all(|word| row.name.contains(word.as_str()))).collect();
    let mut base = Base::start();
    let mut broken = Vec::new();
    println!(
        "{:<46} {:>12} {:>12} {:>8} {:>8} {:>8}",
        "pair", "yardstick ns", "judge ns", "ratio", "at most", "memory"
    );
    for row in &rows {
        let large = row.primary.len() > 2 << 20;
        let (rounds, budget) = if large { (7, Duration::from_secs(4)) } else { (15, Duration::from_millis(900)) };
        let Measured { yardstick_ns, own_ns, ratio, memory } = measure(row, &mut base, rounds, budget);
        let shown = row.memory.map_or(String::new(), |_| format!("{memory:.1}x"));
        println!("{:<46} {yardstick_ns:>12.0} {own_ns:>12.0} {ratio:>7.3}x {:>7.2}x {shown:>8}", row.name, row.at_most);
        if ratio > row.at_most || row.memory.is_some_and(|most| memory > most) {
            broken.push(row.name.clone());
        }
    }
    if !broken.is_empty() {
        println!("over their bounds: {}", broken.join("; "));
    }
}
