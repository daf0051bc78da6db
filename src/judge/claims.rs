//! Bodies that are equal before anybody has read them still claim that each of their ids is the same thing on both sides.
//! They are read for that alone, and only where some rule's ids map one to one over a session or a run; the judgement of
//! equal bodies stays what it is, whatever is found.

use super::bodies::{Bodies, read_json, read_markup};
use crate::compare::{Findings, claim_all};
use crate::document::json::{Document, ParseError, ParseOptions};
use crate::document::{DecodeError, Decoded, Media, canonical_pair, decode_as};
use crate::exchange::Chunks;

impl Bodies<'_> {
    /// Of bodies of the same bytes.
    pub(super) fn claim_unread(&self, body: &Chunks, findings: &mut Findings) {
        if !findings.ids.is_wanted() || body.is_empty() {
            return;
        }
        let (cap, reading) = (self.context.limits.decoded_bytes, self.rules.body().map(|(_, media)| media));
        match decode_as(body.contiguous(), &self.primary.headers, cap, reading) {
            Ok(decoded) => self.claim_decoded(&decoded, findings),
            Err(DecodeError::TooLarge) => findings.ids.unread(),
            Err(DecodeError::Corrupt(_)) => {}
        }
    }

    /// Of bodies that are equal once decoded, or in step.
    pub(super) fn claim_decoded(&self, body: &Decoded<'_>, findings: &mut Findings) {
        if !findings.ids.is_wanted() {
            return;
        }
        let depth = self.context.limits.depth;
        match (body.media, body.text.as_deref()) {
            (Media::Json, _) => {
                let options = ParseOptions::new(depth, self.context.hash_key);
                self.claim_document(read_json(body, &options), findings);
            }
            (media @ (Media::Html | Media::Xml | Media::Form), Some(text)) => {
                let [canonical, _] = canonical_pair(media, [Some(text), Some(text)], depth);
                match canonical {
                    Ok(canonical) => self.claim_markup(&canonical, findings),
                    Err(error) => self.claim_document(Err(error), findings),
                }
            }
            _ => {}
        }
    }

    /// Of pages that are equal as canonical text.
    pub(super) fn claim_markup(&self, canonical: &str, findings: &mut Findings) {
        if findings.ids.is_wanted() {
            self.claim_document(read_markup(canonical, self.context.hash_key), findings);
        }
    }

    fn claim_document(&self, document: Result<Document<'_>, ParseError>, findings: &mut Findings) {
        match document {
            Ok(document) => claim_all(&document, self.rules, self.context.hash_key, &mut findings.ids),
            // no tree, so no place at which a rule acts
            Err(ParseError::Syntax { .. }) => {}
            Err(ParseError::TooDeep { .. } | ParseError::TooLarge) => findings.ids.unread(),
        }
    }
}
