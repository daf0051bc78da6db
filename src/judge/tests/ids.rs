//! What judgements claim of ids beyond their document, where nobody compares a thing, and over the limits.

use super::*;
use crate::rules::{IdScope, Rewrite, SameId, TextMode};

fn same_id(path: &'static str, scope: IdScope) -> (&'static str, RuleKind) {
    (path, RuleKind::SameId(SameId { space: "book".into(), scope }))
}

fn told(judgement: &Judgement) -> Vec<String> {
    judgement.ids.kept.iter().map(|claim| format!("{} {}={}", claim.path, claim.values[0], claim.values[1])).collect()
}

#[test]
fn equal_bodies_claim_their_ids_and_are_judged_as_ever() {
    let (with, without) = (rules(&[same_id("$..id", IdScope::Run)]), rules(&[]));
    for (primary, candidate) in [
        (r#"[{"id":7},{"id":"a"}]"#, r#"[{"id":7},{"id":"a"}]"#),
        (r#"[{"id":7},{"id":"a"}]"#, r#"[ {"id":7}, {"id":"a"} ]"#),
        (r#"[{"id":7,"x":1},{"id":"a"}]"#, r#"[{"x":1,"id":7},{"id":"a"}]"#),
    ] {
        let judgement = judged(primary, candidate, &with);
        assert_eq!(told(&judgement), ["/0/id 7=7", "/1/id \"a\"=\"a\""]);
        assert_eq!(Judgement { ids: IdClaims::default(), ..judgement }, judged(primary, candidate, &without));
    }
}

#[test]
fn what_is_no_tree_claims_nothing_and_what_is_not_read_says_so() {
    let rules = rules(&[same_id("$..id", IdScope::Session)]);
    assert_eq!(judged("{\"id\":", "{\"id\":", &rules).ids, IdClaims::default());
    assert_eq!(judged("", "", &rules).ids, IdClaims::default());
    let body = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let deep = judged(&body, &body, &rules);
    assert!(deep.verdict == Verdict::Match && deep.ids.unread, "{deep:?}");
    let cut = |digest| Body::Truncated { length: 10, kept: b"{".to_vec().into(), digest };
    let mut exchange = exchange(b"", b"");
    for side in [&mut exchange.primary, &mut exchange.candidate] {
        let Outcome::Answered(response) = &mut side.outcome else { panic!() };
        response.body = cut(5);
    }
    let judgement = judge(&exchange, &rules, &Context::default());
    assert!(judgement.verdict == Verdict::Match && judgement.ids.unread, "{judgement:?}");
}

#[test]
fn claims_are_cut_at_the_limit_and_counted() {
    let rules = rules(&[same_id("$[*]", IdScope::Run)]);
    let context = Context { limits: Limits { claims: 3, ..Limits::default() }, ..Context::default() };
    let judgement = judge(&exchange(b"[1,2,3,4,5]", b"[\"a\",\"b\",\"c\",\"d\",\"e\"]"), &rules, &context);
    assert_eq!(told(&judgement), ["/0 1=\"a\"", "/1 2=\"b\"", "/2 3=\"c\""]);
    assert_eq!((judgement.ids.left_out, judgement.verdict), (2, Verdict::Normalised));
}

/// `same_id` counts an id as a `text` or a `rewrite` rule at its place makes it, exactly as it claims it.
#[test]
fn an_id_that_text_makes_the_same_stands_for_itself() {
    for (kind, left, right) in [
        (RuleKind::Text(vec![TextMode::Case]), "AB", "ab"),
        (
            RuleKind::Rewrite(Rewrite { pattern: "^old-(.+)$".into(), with: "$1".into(), side: SideChoice::Both }),
            "old-ab",
            "ab",
        ),
    ] {
        let rules = rules(&[same_id("$[*].id", IdScope::Document), ("$[*].id", kind)]);
        // ab is itself, by what the rule makes of it; so the candidate's ab cannot be 7 too
        let primary = format!(r#"[{{"id":"{left}"}},{{"id":7}}]"#);
        let judgement = judged(&primary, &format!(r#"[{{"id":"{right}"}},{{"id":"{left}"}}]"#), &rules);
        assert_eq!(judgement.verdict, Verdict::Mismatch, "{judgement:?}");
        assert_eq!(judgement.differences[0].path, "/1/id");
    }
}

#[test]
fn hashes_of_ids_are_the_same_whatever_the_key_and_tell_types_apart() {
    let rules = rules(&[same_id("$[*]", IdScope::Run)]);
    let hashes = |body: &str, hash_key| {
        let context = Context { hash_key, ..Context::default() };
        let judgement = judge(&exchange(body.as_bytes(), body.as_bytes()), &rules, &context);
        judgement.ids.kept.iter().map(|claim| claim.primary).collect::<Vec<_>>()
    };
    let all = hashes(r#"[7,"7",-7,7.5,1e400,1e99999999999999999999999999999999999999999]"#, 1);
    assert_eq!(all, hashes(r#"[7.0,"\u0037",-7e0,75e-1,10e399,1E99999999999999999999999999999999999999999]"#, 2));
    let mut each = all.clone();
    each.sort_unstable();
    each.dedup();
    assert_eq!(each.len(), 6);
}
