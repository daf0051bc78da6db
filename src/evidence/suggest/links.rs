//! Links: another origin, a slash at the end, query pairs in another order, a beginning that was moved. What leads elsewhere
//! is none of these.

use super::pair::Pairs;
use crate::rules::{Rewrite, RuleKind, SideChoice, UrlRule};
use std::collections::BTreeSet;

/// A link in its parts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Link<'t> {
    scheme: &'t str,
    host: &'t str,
    path: &'t str,
    query: &'t str,
}

impl<'t> Link<'t> {
    fn of(text: &'t str) -> Option<Link<'t>> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (host, rest) = match (scheme, rest.find(['/', '?'])) {
            ("", _) => ("", rest),
            (_, Some(at)) => rest.split_at(at),
            (_, None) => (rest, ""),
        };
        let (path, query) = rest.find('?').map_or((rest, ""), |at| rest.split_at(at));
        let sound = matches!(scheme, "" | "http" | "https")
            && (path.is_empty() || path.starts_with('/'))
            && !text.contains(char::is_whitespace);
        (sound && !(path.is_empty() && host.is_empty())).then_some(Link { scheme, host, path, query })
    }
}

pub(super) fn link(pairs: &Pairs<'_>) -> Option<(RuleKind, String)> {
    let texts = pairs.texts()?;
    let links: Vec<[Link<'_>; 2]> =
        texts.iter().map(|[a, b]| Some([Link::of(a)?, Link::of(b)?])).collect::<Option<_>>()?;
    let origin = |link: &Link<'_>| (link.scheme.to_owned(), link.host.to_owned());
    let differs = |by: &dyn Fn(&Link<'_>, &Link<'_>) -> bool| links.iter().any(|[a, b]| by(a, b));
    let slash = differs(&|a, b| a.path != b.path && a.path.trim_end_matches('/') == b.path.trim_end_matches('/'));
    let order = differs(&|a, b| a.query != b.query && sorted(a.query) == sorted(b.query));
    let moved = differs(&|a, b| origin(a) != origin(b));
    let same_otherwise = links.iter().all(|[a, b]| {
        a.path.trim_end_matches('/') == b.path.trim_end_matches('/') && sorted(a.query) == sorted(b.query)
    });
    if !same_otherwise {
        return rewritten(&links, &texts);
    }
    let hosts = if moved { safe_hosts(&links)? } else { Vec::new() };
    let named = [(moved, "origin"), (slash, "slash at the end"), (order, "order of the query")];
    let named: Vec<&str> = named.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
    let why = format!("the same links but for their {}", named.join(" and "));
    let rule = UrlRule { origin: moved, trailing_slash: slash, query_order: order, hosts };
    Some((RuleKind::Url(rule), why))
}

/// Pairs of different names may change places; those of one name may not.
fn sorted(query: &str) -> Vec<&str> {
    let mut pairs: Vec<&str> = query.trim_start_matches('?').split('&').collect();
    pairs.sort_by_key(|pair| pair.split('=').next().unwrap_or_default().to_owned());
    pairs
}

/// The one host of each side, where clients of the one reach the other: not a machine of one's own, not without TLS where
/// there was TLS.
fn safe_hosts(links: &[[Link<'_>; 2]]) -> Option<Vec<String>> {
    let all = |side: usize| links.iter().map(|pair| (pair[side].scheme, pair[side].host)).collect::<BTreeSet<_>>();
    let (mine, theirs) = (all(0), all(1));
    let ((from, host), (to, other)) = match (mine.first(), theirs.first()) {
        (Some(mine), Some(theirs))
            if links
                .iter()
                .all(|[a, b]| (a.scheme, a.host, b.scheme, b.host) == (mine.0, mine.1, theirs.0, theirs.1)) =>
        {
            (*mine, *theirs)
        }
        _ => return None,
    };
    let absolute = !from.is_empty() && !to.is_empty();
    let lost_tls = from == "https" && to == "http";
    if !absolute || lost_tls || is_inside(other) && !is_inside(host) || domain(host) != domain(other) {
        return None;
    }
    Some(vec![host.to_ascii_lowercase(), other.to_ascii_lowercase()])
}

/// The last two names of a host: who may be trusted with the links of the one is trusted with those of the other.
fn domain(host: &str) -> Vec<String> {
    let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    name.rsplit('.').take(2).map(str::to_owned).collect()
}

/// A machine that clients outside cannot reach by this name, or are not meant to.
fn is_inside(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let octets: Option<Vec<u8>> = name.split('.').map(|part| part.parse().ok()).collect();
    match octets.as_deref() {
        Some([10 | 127 | 0, ..] | [192, 168, ..] | [172, 16..=31, ..] | [169, 254, ..]) => true,
        Some([_, _, _, _]) => false,
        _ => {
            const INSIDE: [&str; 7] = [".local", ".internal", ".lan", ".svc", ".test", ".localhost", ".cluster"];
            const NOT_LIVE: [&str; 6] = ["stag", "test", "dev", "qa", "uat", "sandbox"];
            let first = name.split('.').next().unwrap_or_default();
            !name.contains('.')
                || name.starts_with('[')
                || INSIDE.iter().any(|end| name.ends_with(end))
                || first.split('-').any(|part| NOT_LIVE.iter().any(|word| part.starts_with(word)))
        }
    }
}

/// Another beginning, and perhaps another end, around the same names of records: three of them at least.
fn rewritten(links: &[[Link<'_>; 2]], texts: &[[&str; 2]]) -> Option<(RuleKind, String)> {
    // hosts and queries are no part of it
    if links.iter().flatten().any(|link| !link.host.is_empty() || !link.query.is_empty()) {
        return None;
    }
    let [mine, theirs] = [0, 1].map(|side| around(&texts.iter().map(|pair| pair[side]).collect::<Vec<_>>()));
    let (mine, theirs) = (mine?, theirs?);
    let middle =
        |text: &'_ str, (before, after): (usize, usize)| text.get(before..text.len() - after).map(str::to_owned);
    let names: Vec<[String; 2]> =
        texts.iter().map(|[a, b]| Some([middle(a, mine)?, middle(b, theirs)?])).collect::<Option<_>>()?;
    let distinct: BTreeSet<&str> = names.iter().map(|pair| pair[0].as_str()).collect();
    let plain = |name: &str| !name.is_empty() && !name.contains('/');
    if distinct.len() < super::AGREE || names.iter().any(|[a, b]| a != b || !plain(a)) {
        return None;
    }
    let [from, to] = *texts.first()?;
    let (before, after) = (from.get(..mine.0)?, from.get(from.len() - mine.1..)?);
    let (new_before, new_after) = (to.get(..theirs.0)?, to.get(to.len() - theirs.1..)?);
    // what is lost altogether may be whose it is: a tenant, a version
    let segments = |text: &str| text.split('/').filter(|part| !part.is_empty()).count();
    if segments(new_before) < segments(before)
        || segments(new_after) < segments(after)
        || is_other_version(before, new_before)
    {
        return None;
    }
    let escaped = |text: &str| text.replace('$', "$$");
    let pattern = format!("^{}([^/]+){}$", regex::escape(before), regex::escape(after));
    let with = format!("{}${{1}}{}", escaped(new_before), escaped(new_after));
    let why =
        format!("`{before}…{after}` is `{new_before}…{new_after}` at the candidate, for {} records", distinct.len());
    Some((RuleKind::Rewrite(Rewrite { pattern, with, side: SideChoice::Primary }), why))
}

/// The beginnings differ in a number alone: another version, page or owner.
fn is_other_version(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    a != b && plain(a) == plain(b)
}

/// Bytes that all texts begin with, and bytes that all end with, to whole segments.
fn around(texts: &[&str]) -> Option<(usize, usize)> {
    let first = *texts.first()?;
    let alike = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let tail = |a: &str, b: &str| a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    let before = texts.iter().map(|text| alike(first, text)).min()?;
    let after = texts.iter().map(|text| tail(first, text)).min()?;
    let before = first.get(..before)?.rfind('/')? + 1;
    let end = first.get(first.len().checked_sub(after)?..)?;
    let after = end.find('/').map_or(0, |at| end.len() - at);
    (texts.iter().all(|text| before + after < text.len())).then_some((before, after))
}
