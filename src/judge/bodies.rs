//! Compares two bodies: equal bytes first, then decoded and by what they are.

use super::{Context, Inconclusive, answers};
use crate::compare::{Findings, Tallies, compare_bytes, compare_text, compare_trees};
use crate::document::json::{Document, ParseError, ParseOptions, same_in_step};
use crate::document::{DecodeError, Decoded, Media, decode};
use crate::exchange::{Body, Response};
use crate::rules::RuleSet;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};

/// What came of comparing two bodies, beside the findings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Compared {
    pub(super) undecided: Option<Inconclusive>,
    pub(super) approximate: bool,
    pub(super) leaves: u64,
}

impl Compared {
    fn undecided(reason: Inconclusive) -> Compared {
        Compared { undecided: Some(reason), ..Compared::default() }
    }
}

/// Everything a comparison of bodies reads.
pub(super) struct Bodies<'a> {
    pub(super) primary: &'a Response,
    pub(super) candidate: &'a Response,
    pub(super) rules: &'a RuleSet,
    pub(super) context: &'a Context,
}

impl Bodies<'_> {
    pub(super) fn compare(&self, findings: &mut Findings, tallies: &mut Tallies) -> Compared {
        let (primary, candidate) = match (&self.primary.body, &self.candidate.body) {
            (Body::Complete(primary), Body::Complete(candidate)) => (primary, candidate),
            (Body::Truncated { length, digest, .. }, Body::Truncated { length: theirs, digest: other, .. })
                if length == theirs && digest == other && self.same_reading() =>
            {
                return Compared::default();
            }
            _ => return Compared::undecided(Inconclusive::Truncated),
        };
        if self.same_reading() && primary.same_bytes(candidate) {
            return Compared::default();
        }
        let cap = self.context.limits.decoded_bytes;
        let mine = decode(primary.contiguous(), &self.primary.headers, cap);
        let theirs = decode(candidate.contiguous(), &self.candidate.headers, cap);
        match (mine, theirs) {
            (Err(DecodeError::TooLarge), _) | (_, Err(DecodeError::TooLarge)) => {
                Compared::undecided(Inconclusive::TooLarge)
            }
            (Ok(_), Err(DecodeError::Corrupt(reason))) => unparseable(findings, true, reason),
            (Err(DecodeError::Corrupt(reason)), Ok(_)) => unparseable(findings, false, reason),
            (Err(_), Err(_)) => plain_bytes(findings, &primary.contiguous(), &candidate.contiguous()),
            (Ok(mine), Ok(theirs)) => self.decoded(&mine, &theirs, findings, tallies),
        }
    }

    /// True where equal bytes mean the same on both sides.
    fn same_reading(&self) -> bool {
        let same = |name: HeaderName| {
            let (primary, candidate) = (&self.primary.headers, &self.candidate.headers);
            primary.get_all(&name).iter().eq(candidate.get_all(&name).iter())
        };
        same(CONTENT_TYPE) && same(CONTENT_ENCODING)
    }

    fn decoded(
        &self,
        mine: &Decoded<'_>,
        theirs: &Decoded<'_>,
        findings: &mut Findings,
        tallies: &mut Tallies,
    ) -> Compared {
        if mine.media == theirs.media && mine.bytes == theirs.bytes && self.same_charset() {
            return Compared::default();
        }
        if mine.media == Media::Json {
            return self.json(mine, theirs, findings, tallies);
        }
        match (&mine.text, &theirs.text) {
            (Some(mine), Some(theirs)) => {
                compare_text(mine, theirs)
                    .into_iter()
                    .for_each(|found| findings.add(found.kind, String::new, |_| found));
                Compared::default()
            }
            _ => plain_bytes(findings, &mine.bytes, &theirs.bytes),
        }
    }

    fn same_charset(&self) -> bool {
        let of = |response: &Response| response.headers.get(CONTENT_TYPE).cloned();
        of(self.primary) == of(self.candidate)
    }

    fn json(
        &self,
        mine: &Decoded<'_>,
        theirs: &Decoded<'_>,
        findings: &mut Findings,
        tallies: &mut Tallies,
    ) -> Compared {
        if !self.rules.spells()
            && let Some(leaves) = same_in_step(&mine.bytes, &theirs.bytes, self.context.limits.depth)
        {
            return Compared { leaves, ..Compared::default() };
        }
        let spelled_numbers = self.rules.spells();
        let options =
            ParseOptions { spelled_numbers, ..ParseOptions::new(self.context.limits.depth, self.context.hash_key) };
        let (primary, candidate) = (Document::parse(&mine.bytes, &options), Document::parse(&theirs.bytes, &options));
        match (primary, candidate) {
            (Ok(primary), Ok(candidate)) => {
                let walked = compare_trees(&primary, &candidate, self.rules, self.context.hash_key, findings, tallies);
                Compared { undecided: None, approximate: walked.approximate, leaves: walked.leaves }
            }
            // a document too deep on one side and broken on the other is still broken
            (Ok(_) | Err(ParseError::TooDeep { .. }), Err(error @ ParseError::Syntax { .. })) => {
                if theirs.media == Media::Json {
                    unparseable(findings, true, &error.to_string())
                } else {
                    plain_bytes(findings, &mine.bytes, &theirs.bytes)
                }
            }
            (Err(error @ ParseError::Syntax { .. }), Ok(_) | Err(ParseError::TooDeep { .. })) => {
                unparseable(findings, false, &error.to_string())
            }
            (Err(ParseError::TooDeep { .. }), _) | (_, Err(ParseError::TooDeep { .. })) => {
                Compared::undecided(Inconclusive::TooDeep)
            }
            (Err(ParseError::TooLarge), _) | (_, Err(ParseError::TooLarge)) => {
                Compared::undecided(Inconclusive::TooLarge)
            }
            (Err(_), Err(_)) => plain_bytes(findings, &mine.bytes, &theirs.bytes),
        }
    }
}

fn unparseable(findings: &mut Findings, of_candidate: bool, reason: &str) -> Compared {
    let found = answers::unparseable(of_candidate, reason);
    findings.add(found.kind, String::new, |_| found);
    Compared::default()
}

fn plain_bytes(findings: &mut Findings, primary: &[u8], candidate: &[u8]) -> Compared {
    compare_bytes(primary, candidate).into_iter().for_each(|found| findings.add(found.kind, String::new, |_| found));
    Compared::default()
}
