//! Bodies like API answers: lists of records with nested objects, decimals, dates, escapes; the same for every run.

use std::fmt::Write;

/// A small generator of numbers: the same sequence everywhere (SplitMix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// The next one.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// Below a bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// How a list is written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spelling {
    /// Members in another order.
    pub(crate) reordered: bool,
    /// Spaces after separators, another spelling of the same decimals.
    pub(crate) spaced: bool,
    /// Every so many records one value differs; 0 for none.
    pub(crate) changed_every: usize,
}

const WORDS: [&str; 12] =
    ["whale", "sea", "Ishmael", "solaris", "ocean", "tale", "genji", "darkness", "omens", "naïve", "日本", "left"];

/// One record's members, in their usual order.
fn record(at: usize, spelling: Spelling) -> Vec<String> {
    let mut n = Numbers(at as u64 * 7_919 + 1);
    let changed = spelling.changed_every > 0 && at % spelling.changed_every == spelling.changed_every / 2;
    let text: Vec<&str> = (0..6 + n.below(8)).map(|_| WORDS[n.below(12) as usize]).collect();
    let stars = n.below(5) + 1 + u64::from(changed);
    let price = format!("{}.{:02}", n.below(90), n.below(9) * 10 + 5);
    let price = if spelling.spaced { format!("{price}0") } else { price };
    let mut nested = [
        format!("\"title\":\"{} \\\"{}\\\"\"", WORDS[n.below(12) as usize], WORDS[n.below(12) as usize]),
        format!("\"path\":\"/api/book/978-{}/reviews/\"", n.below(1 << 40)),
        format!("\"price\":{price}"),
    ];
    let mut members = vec![
        format!("\"id\":{}", at + 1),
        format!("\"archive_id\":{}", (1_u64 << 53) + n.below(1 << 40)),
        format!("\"summary\":\"{}...\"", text.join(" ")),
        format!("\"stars\":{stars}"),
        format!("\"helpful\":0.{:04}", n.below(9_000) + 1),
        format!("\"created_at\":\"2025-{:02}-{:02}T08:30:00+02:00\"", n.below(12) + 1, n.below(28) + 1),
        String::new(),
        format!(
            "\"reviewer\":{}",
            if at % 9 == 4 {
                "null".to_owned()
            } else {
                format!("{{\"id\":{},\"name\":\"u{}\"}}", n.below(99), n.below(99))
            }
        ),
        format!(
            "\"tags\":[\"{}\",\"{}\",true,{}]",
            WORDS[n.below(12) as usize],
            WORDS[n.below(12) as usize],
            n.below(1000)
        ),
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
