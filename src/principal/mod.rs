//! Who asks, as a label: a configured classifier over the claims of a token and the standing of a credential. Pure.
//!
//! The label goes into evidence; the subject (a user id) stays in memory, where the judge holds it against `owner_paths`.

mod claims;

pub use claims::Claims;
#[cfg(test)]
pub(crate) use claims::token_of;

use std::sync::Arc;

/// What became of the credential that a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// It carries none.
    None,
    /// It carries one, and nobody has said no to it.
    Accepted,
    /// It carries one that counts for nothing: expired, logged out, unknown.
    Rejected,
}

/// Which requests belong to a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// All that no class before it took.
    Always,
    /// Those whose token has this claim, of this value where one is named.
    Claim {
        /// The claim's name.
        name: String,
        /// Its value as text.
        equals: Option<String>,
    },
    /// Those whose credential stands so.
    Credential(Credential),
}

/// One class of callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalClass {
    /// The label.
    pub name: Arc<str>,
    /// Which requests it takes.
    pub when: When,
    /// The claim that names the caller; without it the ownership of answers is unchecked.
    pub subject: Option<String>,
}

/// The configured classes; the first that fits counts.
#[derive(Clone, Debug)]
pub struct Classifier {
    classes: Vec<PrincipalClass>,
    unclassified: Arc<str>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The label.
    pub class: Arc<str>,
    /// The caller's own name, where the class says which claim has it.
    pub subject: Option<Arc<str>>,
}

impl Default for Classifier {
    fn default() -> Classifier {
        Classifier::new(Vec::new())
    }
}

impl Classifier {
    /// The label of whoever no class takes.
    pub const UNCLASSIFIED: &'static str = "unclassified";

    /// A classifier of these classes, in order.
    pub fn new(classes: Vec<PrincipalClass>) -> Classifier {
        Classifier { classes, unclassified: Classifier::UNCLASSIFIED.into() }
    }
    /// True where everybody is unclassified, so that nothing need be looked at.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
    /// The class of a request.
    pub fn classify(&self, credential: Credential, claims: Option<&Claims>) -> Caller {
        let found = self.classes.iter().find(|class| match &class.when {
            When::Always => true,
            When::Credential(standing) => *standing == credential,
            // A rejected token's claims are words without weight.
            When::Claim { name, equals } => {
                let value = claims.filter(|_| credential != Credential::Rejected).and_then(|claims| claims.text(name));
                value.is_some_and(|value| equals.as_ref().is_none_or(|wanted| *wanted == value))
            }
        });
        let Some(class) = found else { return Caller { class: self.unclassified.clone(), subject: None } };
        let subject = class.subject.as_ref().and_then(|claim| claims?.text(claim));
        Caller { class: class.name.clone(), subject: subject.map(Arc::from) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classifier() -> Classifier {
        let class = |name: &str, when: When, subject: Option<&str>| PrincipalClass {
            name: name.into(),
            when,
            subject: subject.map(str::to_owned),
        };
        let claim =
            |name: &str, equals: Option<&str>| When::Claim { name: name.into(), equals: equals.map(str::to_owned) };
        Classifier::new(vec![
            class("staff", claim("role", Some("staff")), Some("sub")),
            class("user", claim("sub", None), Some("sub")),
            class("rejected", When::Credential(Credential::Rejected), None),
            class("anonymous", When::Credential(Credential::None), None),
        ])
    }

    #[test]
    fn the_first_class_that_fits_counts() {
        let claims = |text: &str| Claims::of_token(&token_of(text));
        let (staff, user) = (claims(r#"{"sub":"1","role":"staff"}"#), claims(r#"{"sub":2,"role":"user"}"#));
        let said = |credential, claims: &Option<Claims>| {
            let caller = classifier().classify(credential, claims.as_ref());
            (caller.class.to_string(), caller.subject.map(|subject| subject.to_string()))
        };
        let named = |class: &str, subject: &str| (class.to_owned(), Some(subject.to_owned()));
        assert_eq!(said(Credential::Accepted, &staff), named("staff", "1"));
        assert_eq!(said(Credential::Accepted, &user), named("user", "2"));
        assert_eq!(said(Credential::Rejected, &staff), ("rejected".into(), None), "no staff by an expired token");
        assert_eq!(said(Credential::None, &None), ("anonymous".into(), None));
        assert_eq!(said(Credential::Accepted, &None), ("unclassified".into(), None));
    }
}
