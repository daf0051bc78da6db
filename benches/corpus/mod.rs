//! Bodies like API answers: lists of records with nested objects, decimals, dates, escapes; the same for every run.

use std::fmt::Write;

/// How a list is written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spelling {
    /// Members in another order.
    pub(crate) reordered: bool,
    /// Spaces after separators, another spelling of the same decimals.
    pub(crate) spaced: bool,
    /// Every so many records one value differs; 0 for none.
    pub(crate) changed_every: usize,
    /// Every record differs where the benchmark's rules allow it: its id, its date, its link, a decimal.
    pub(crate) ruled: bool,
}

const WORDS: [&str; 12] =
    ["whale", "sea", "Ishmael", "solaris", "ocean", "tale", "genji", "darkness", "omens", "naïve", "日本", "left"];

/// One record's members, in their usual order.
fn record(at: usize, spelling: Spelling) -> Vec<String> {
    let mut n = fastrand::Rng::with_seed(at as u64 * 7_919 + 1);
    let changed = spelling.changed_every > 0 && at % spelling.changed_every == spelling.changed_every / 2;
    let text: Vec<&str> = (0..6 + n.u64(..8)).map(|_| WORDS[n.usize(..12)]).collect();
    let stars = n.u64(..5) + 1 + u64::from(changed);
    let price = format!("{}.{:02}", n.u64(..90), n.u64(..9) * 10 + 5);
    let time = if spelling.ruled { "06:30:00Z" } else { "08:30:00+02:00" };
    let price = if spelling.spaced { format!("{price}0") } else { price };
    let mut nested = [
        format!("\"title\":\"{} \\\"{}\\\"\"", WORDS[n.usize(..12)], WORDS[n.usize(..12)]),
        format!("\"path\":\"{}/book/978-{}/reviews/\"", if spelling.ruled { "" } else { "/api" }, n.u64(..1 << 40)),
        format!("\"price\":{price}"),
    ];
    let mut members = vec![
        format!("\"id\":{}", at + 1),
        format!("\"archive_id\":{}", (1_u64 << 53) + n.u64(..1 << 40) + u64::from(spelling.ruled)),
        format!("\"summary\":\"{}...\"", text.join(" ")),
        format!("\"stars\":{stars}"),
        format!("\"helpful\":0.{:04}{}", n.u64(..9_000) + 1, if spelling.ruled { "1" } else { "" }),
        format!("\"created_at\":\"2025-{:02}-{:02}T{}\"", n.u64(..12) + 1, n.u64(..28) + 1, time),
        String::new(),
        format!(
            "\"reviewer\":{}",
            if at % 9 == 4 {
                "null".to_owned()
            } else {
                format!("{{\"id\":{},\"name\":\"u{}\"}}", n.u64(..99), n.u64(..99))
            }
        ),
        format!("\"tags\":[\"{}\",\"{}\",true,{}]", WORDS[n.usize(..12)], WORDS[n.usize(..12)], n.u64(..1000)),
    ];
    if spelling.reordered {
        nested.reverse();
    }
    members[6] = format!("\"book\":{{{}}}", nested.join(","));
    if spelling.reordered {
        members.reverse();
    }
    members
}

/// A list of about so many bytes.
pub(crate) fn list(bytes: usize, spelling: Spelling) -> String {
    let mut out = String::with_capacity(bytes + 512);
    let separator = if spelling.spaced { ", " } else { "," };
    out.push_str("{\"count\":1,\"next\":null,\"results\":[");
    let mut at = 0;
    // The plain spelling decides how many there are, so that all spellings hold the same records.
    let mut plain = out.len();
    while plain < bytes || at == 0 {
        if at > 0 {
            out.push_str(separator);
        }
        let members = record(at, spelling);
        plain += record(at, Spelling::default()).iter().map(|member| member.len() + 1).sum::<usize>() + 2;
        let _ = write!(out, "{{{}}}", members.join(separator));
        at += 1;
    }
    out.push_str("]}");
    out
}
