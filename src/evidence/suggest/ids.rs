//! Ids: made anew for each answer, or the candidate's own names for the same things. An id of another record is neither.

use super::pair::{Pairs, document};
use super::tally;
use crate::document::json::token_name;
use crate::rules::{IdScope, RuleKind, SameId, Shape, is_uuid};
use std::collections::{BTreeMap, BTreeSet};

/// Characters of an id that is made anew: fewer may be the name of something.
const RANDOM: usize = 12;

pub(super) fn id(pairs: &Pairs<'_>) -> Option<(RuleKind, String)> {
    let texts = pairs.texts()?;
    if pairs.are_volatile() && each_once(&texts) && (names_no_record(&pairs.name()) || asked_often(pairs)) {
        let why = "asked for the same again, the monolith gives another one each time, and so does the candidate";
        if texts.iter().flatten().all(|text| is_uuid(text)) {
            return Some((RuleKind::Shape(Shape::Uuid), why.to_owned()));
        }
        return random(&texts).map(|pattern| (RuleKind::Shape(Shape::Pattern(pattern)), why.to_owned()));
    }
    own_names(pairs, &texts)
}

/// True for a name that says that it is made for the answer, or nothing of a record.
fn names_no_record(name: &str) -> bool {
    const OF_THE_ANSWER: [&str; 6] = ["request", "trace", "correlation", "span", "nonce", "csrf"];
    let of_a_record = name.ends_with("id") || name.ends_with("_by") || name.ends_with("ref");
    !of_a_record || OF_THE_ANSWER.iter().any(|word| name.contains(word))
}

/// Nobody edits a record before each of so many looks.
fn asked_often(pairs: &Pairs<'_>) -> bool {
    pairs.asked_again().is_some_and(|again| again >= 8)
}

/// No value twice, on neither side, and none on both.
fn each_once(texts: &[[&str; 2]]) -> bool {
    let all: BTreeSet<&str> = texts.iter().flatten().copied().collect();
    all.len() == texts.len() * 2
}

/// What random texts of one length look like: what they all begin with, then a class of characters.
fn random(texts: &[[&str; 2]]) -> Option<String> {
    let first = texts.first()?[0];
    let all = || texts.iter().flatten().copied();
    if !first.is_ascii() || all().any(|text| text.len() != first.len()) {
        return None;
    }
    let shared = all().map(|text| text.bytes().zip(first.bytes()).take_while(|(a, b)| a == b).count()).min()?;
    // a beginning ends where a word does: random characters may be alike too
    let begin = first.get(..shared)?.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    let (begin, length) = (first.get(..begin)?, first.len() - begin);
    let rest = || all().flat_map(|text| text.bytes().skip(begin.len()));
    let class = match () {
        () if rest().all(|b| b.is_ascii_digit()) => return None,
        () if rest().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) => "[0-9a-f]",
        () if rest().all(|b| b.is_ascii_alphanumeric()) => "[0-9A-Za-z]",
        () if rest().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') => "[0-9A-Za-z_-]",
        () => return None,
    };
    // words are made of letters; what is random has digits in it
    let mixed = all().filter(|text| text.bytes().skip(begin.len()).any(|b| b.is_ascii_digit())).count();
    (length >= RANDOM && mixed * 4 >= texts.len() * 2 * 3)
        .then(|| format!("{}{class}{{{length}}}", regex::escape(begin)))
}

/// How an id is spelled: what kind of characters follow one another, each run as one.
fn form(text: &str) -> String {
    if is_uuid(text) {
        return "uuid".to_owned();
    }
    let mut form = String::new();
    for c in text.chars() {
        let class = match c {
            '0'..='9' => '9',
            c if c.is_alphabetic() => 'a',
            other => other,
        };
        if !form.ends_with(class) {
            form.push(class);
        }
    }
    form
}

/// The candidate names the same things otherwise: in another form, one for one, over all that is kept. In one form an id of
/// another record would look the same.
fn own_names(pairs: &Pairs<'_>, texts: &[[&str; 2]]) -> Option<(RuleKind, String)> {
    let last = pairs.all.iter().map(|pair| pair.path.rsplit('/').next().unwrap_or_default()).max()?;
    let name = token_name(last).to_ascii_lowercase();
    let is_name_of_an_id = name == "id" || name.ends_with("_id") || name.ends_with("uuid") || last.ends_with("Id");
    let forms = |side: usize| tally(texts.iter().map(|pair| pair[side])).into_keys().map(form).collect::<BTreeSet<_>>();
    let (mine, theirs) = (forms(0), forms(1));
    let of_one_form = mine.len() == 1 && theirs.len() == 1 && mine.is_disjoint(&theirs);
    let with_digits =
        texts.iter().flatten().all(|text| text.bytes().any(|b| b.is_ascii_digit()) && !text.contains(' '));
    if !is_name_of_an_id || !of_one_form || !with_digits {
        return None;
    }
    let (mut there, mut back) = (BTreeMap::new(), BTreeMap::new());
    let mut again = 0;
    for [a, b] in texts {
        let (theirs, mine) = (*there.entry(*a).or_insert(*b), *back.entry(*b).or_insert(*a));
        if theirs != *b || mine != *a {
            return None;
        }
    }
    again += texts.len() - there.len();
    // a map of which no id came twice is no map yet
    if there.len() < super::AGREE || again < 2 || elsewhere(pairs, &back) {
        return None;
    }
    let space = name.trim_end_matches("_id").trim_end_matches("uuid").trim_matches('_').to_owned();
    let space = if space.is_empty() || space == "id" { "id".to_owned() } else { space };
    let why = format!(
        "{} ids of the monolith, each with one of the candidate's own, {again} of them seen again",
        there.len()
    );
    Some((RuleKind::SameId(SameId { space, scope: IdScope::Document }), why))
}

/// True where the monolith uses the candidate's ids too: then they are the names of other things.
fn elsewhere(pairs: &Pairs<'_>, candidate: &BTreeMap<&str, &str>) -> bool {
    pairs.others.iter().any(|exemplar| {
        let body = document(&exemplar.primary.body, exemplar.primary.partial).map(|body| body.to_string());
        body.is_none_or(|body| candidate.keys().any(|id| body.contains(*id)))
    })
}
