//! Compares two bodies: equal bytes first, then decoded and by what they are.

use super::{Context, Inconclusive, answers};
use crate::compare::{Findings, Tallies, compare_bytes, compare_text, compare_trees};
use crate::document::json::{Document, ParseError, ParseOptions, count_leaves, same_in_step};
use crate::document::{DecodeError, Decoded, Media, canonical_pair, decode_as};
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
                findings.ids.unread();
                return Compared::default();
            }
            _ => return Compared::undecided(Inconclusive::Truncated),
        };
        if self.same_reading() && primary.same_bytes(candidate) {
            self.claim_unread(primary, findings);
            return Compared::default();
        }
        let cap = self.context.limits.decoded_bytes;
        let reading = self.rules.body().map(|(_, media)| media);
        let mine = decode_as(primary.contiguous(), &self.primary.headers, cap, reading);
        let theirs = decode_as(candidate.contiguous(), &self.candidate.headers, cap, reading);
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
        let (primary, candidate) = (&self.primary.headers, &self.candidate.headers);
        let same = |name: HeaderName| primary.get_all(&name).iter().eq(candidate.get_all(&name).iter());
        // walking both is cheaper than looking four times for a name
        primary.iter().eq(candidate.iter()) || (same(CONTENT_TYPE) && same(CONTENT_ENCODING))
    }

    fn decoded(
        &self,
        mine: &Decoded<'_>,
        theirs: &Decoded<'_>,
        findings: &mut Findings,
        tallies: &mut Tallies,
    ) -> Compared {
        if mine.media == theirs.media && mine.bytes == theirs.bytes && self.same_charset() {
            self.claim_decoded(mine, findings);
            return Compared::default();
        }
        if let Some((rule, media)) = self.rules.body()
            && (mine.named != media || theirs.named != media)
        {
            tallies.hit(rule, 0);
        }
        match (mine.media, theirs.media) {
            (Media::Json, _) => return self.json(mine, theirs, findings, tallies),
            // the wrong type over what may be the right document is told by its header
            (Media::Html | Media::Xml | Media::Form, other)
                if other == mine.media || matches!(other, Media::Text | Media::None) =>
            {
                return self.tree(mine, theirs, findings, tallies);
            }
            _ => {}
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
            && let (Some(primary), Some(candidate)) = (&mine.text, &theirs.text)
            && let Some(leaves) = same_in_step(primary, candidate, self.context.limits.depth)
        {
            self.claim_decoded(mine, findings);
            return Compared { leaves, ..Compared::default() };
        }
        let spelled_numbers = self.rules.spells();
        let options =
            ParseOptions { spelled_numbers, ..ParseOptions::new(self.context.limits.depth, self.context.hash_key) };
        let (primary, candidate) = (read_json(mine, &options), read_json(theirs, &options));
        let named = theirs.media == Media::Json;
        self.parsed(primary, candidate, (mine, theirs, named), findings, tallies)
    }

    /// Markup and forms: both as canonical text, which is the same text where they are the same document.
    fn tree(
        &self,
        mine: &Decoded<'_>,
        theirs: &Decoded<'_>,
        findings: &mut Findings,
        tallies: &mut Tallies,
    ) -> Compared {
        let media = mine.media;
        let named = theirs.media == media;
        // what is malformed in its charset is no XML; browsers make something of the others, which only bytes tell apart
        if media != Media::Xml && (mine.text.is_none() || theirs.text.is_none()) {
            return plain_bytes(findings, &mine.bytes, &theirs.bytes);
        }
        let texts = [mine.text.as_deref(), theirs.text.as_deref()];
        let [primary, candidate] = canonical_pair(media, texts, self.context.limits.depth);
        if let (Ok(primary), Ok(candidate)) = (&primary, &candidate)
            && primary == candidate
        {
            self.claim_markup(primary, findings);
            return Compared { leaves: count_leaves([primary.as_bytes()]), ..Compared::default() };
        }
        let key = self.context.hash_key;
        let [primary, candidate] = [&primary, &candidate]
            .map(|text| text.as_ref().map_err(Clone::clone).and_then(|text| read_markup(text, key)));
        self.parsed(primary, candidate, (mine, theirs, named), findings, tallies)
    }

    /// Compares two documents, or tells which of them is none. `named` says that the candidate's type promised one.
    fn parsed(
        &self,
        primary: Result<Document<'_>, ParseError>,
        candidate: Result<Document<'_>, ParseError>,
        (mine, theirs, named): (&Decoded<'_>, &Decoded<'_>, bool),
        findings: &mut Findings,
        tallies: &mut Tallies,
    ) -> Compared {
        match (primary, candidate) {
            (Ok(primary), Ok(candidate)) => {
                let walked = compare_trees(&primary, &candidate, self.rules, self.context.hash_key, findings, tallies);
                Compared { undecided: None, approximate: walked.approximate, leaves: walked.leaves }
            }
            // a document too deep on one side and broken on the other is still broken
            (Ok(_) | Err(ParseError::TooDeep { .. }), Err(error @ ParseError::Syntax { .. })) => {
                if named {
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

pub(super) fn read_json<'a>(decoded: &'a Decoded<'_>, options: &ParseOptions) -> Result<Document<'a>, ParseError> {
    match &decoded.text {
        Some(text) => Document::parse_text(text, options),
        // what is no text is told with its place
        None => Document::parse(&decoded.bytes, options),
    }
}

/// Canonical text: each level of elements is two of it, and what was too deep is so already.
pub(super) fn read_markup(text: &str, hash_key: u64) -> Result<Document<'_>, ParseError> {
    Document::parse_text(text, &ParseOptions::new(usize::MAX, hash_key)).map(Document::as_markup)
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
