//! `[mirror.session]` and `[[principal]]`: who asks, and how the candidate is to know.

use super::error::ConfigError;
use super::raw::{RawConfig, RawEquals, RawPrincipal, RawSession, RawWhen, Scalar, Text};
use super::routes::{Pattern, Refused, RouteConfig, RouteTable};
use super::source::Source;
use super::{Bridge, Session, sections};
use crate::exchange::Route;
use crate::judge::{Owners, OwnersByClass};
use crate::principal::{Classifier, Credential, PrincipalClass, When};
use crate::rules::{RuleSet, Selector, is_cookie_name};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

const MAX_SESSIONS: i64 = 10_000;
const EXPIRES_AFTER: Duration = Duration::from_secs(3_600);
const BRIDGES: &str = "`METHOD /path` at the candidate, without parameters (POST /internal/session)";

/// `[mirror.session]`, but for `establish`, which is about routes.
pub(super) fn session(source: &Source<'_>, raw: &RawSession) -> Result<Session, ConfigError> {
    let cookie = source.expand(&raw.cookie)?;
    if !is_cookie_name(&cookie) {
        let error = source.error(raw.cookie.span(), format!("`{cookie}` is not the name of a cookie"));
        return Err(error.allowing("the name of the primary's session cookie (\"sessionid\")"));
    }
    if raw.establish.is_empty() && raw.bridge.is_none() {
        let error = source.error(raw.cookie.span(), "nothing says how the candidate gets to know a session");
        return Err(error.allowing("establish = [\"POST /api/login\"], bridge = \"POST /internal/session\", or both"));
    }
    let most =
        raw.max_sessions.as_ref().map_or(Ok(MAX_SESSIONS), |most| sections::within(source, most, 1..=1_000_000))?;
    Ok(Session {
        cookie,
        bridge: raw.bridge.as_ref().map(|text| bridge(source, text)).transpose()?,
        max_sessions: NonZeroUsize::new(most as usize).unwrap_or(NonZeroUsize::MIN),
        expires_after: raw
            .expires_after
            .as_ref()
            .map_or(Ok(EXPIRES_AFTER), |text| sections::positive_duration(source, text))?,
    })
}

fn bridge(source: &Source<'_>, text: &Text) -> Result<Bridge, ConfigError> {
    let value = source.expand(text)?;
    let pattern = Pattern::parse(&value)
        .map_err(|(at, message, _)| source.error(source.inside(text, at), message).allowing(BRIDGES))?;
    if pattern.host.is_some() || pattern.template.contains(['{', '}']) {
        return Err(source
            .error(text.span(), "one request for every session: no host, no parameters")
            .allowing(BRIDGES));
    }
    if pattern.template.parse::<http::uri::PathAndQuery>().is_err() {
        return Err(source.error(text.span(), "this is not a path").allowing(BRIDGES));
    }
    Ok(Bridge { method: pattern.method, path: pattern.template })
}

/// Marks the log-in routes that `establish` names; one that is not declared is declared by it.
pub(super) fn establish(
    source: &Source<'_>,
    raw: &RawConfig,
    general: &Arc<RuleSet>,
    table: &mut RouteTable,
) -> Result<(), ConfigError> {
    for text in raw.mirror.session.iter().flat_map(|session| &session.establish) {
        let value = source.expand(text)?;
        let pattern = Pattern::parse(&value)
            .map_err(|(at, message, allowed)| source.error(source.inside(text, at), message).allowing(allowed))?;
        let wrong = |message: String| source.error(text.span(), message);
        if let Some(declared) = table.by_name(&pattern.name()) {
            let route = table.get(declared);
            if route.mirror == Some(false) {
                return Err(wrong(format!("`{}` says mirror = \"never\", and this line mirrors it", route.route))
                    .allowing("one of the two"));
            }
            if route.owned_by_candidate {
                return Err(wrong(format!("`{}` belongs to the candidate and is not mirrored", route.route))
                    .allowing("a log-in of the primary"));
            }
            table.establish(declared);
            continue;
        }
        let config = RouteConfig {
            route: Route::declared(pattern.name()),
            role: None,
            mirror: None,
            owned_by_candidate: false,
            establishes: true,
            split_by: None,
            branches: super::Branches::default(),
            rules: general.clone(),
        };
        table.add(&pattern, config).map_err(|refused| match refused {
            Refused::Conflict(other) => {
                let message = format!("this and the route `{}` claim the same requests", table.get(other).route);
                wrong(message).allowing("the route's own spelling")
            }
            Refused::Template(message) => wrong(message),
            Refused::TooMany => wrong(format!("more than {} routes", RouteTable::MOST)),
        })?;
    }
    Ok(())
}

/// `[[principal]]`: the classifier, and where answers to each class name their owner.
pub(super) fn principals(
    source: &Source<'_>,
    raw: &[RawPrincipal],
    warnings: &mut Vec<String>,
) -> Result<(Classifier, OwnersByClass), ConfigError> {
    let (mut classes, mut owners) = (Vec::<PrincipalClass>::new(), OwnersByClass::new());
    for principal in raw {
        let name: Arc<str> = source.expand(&principal.class)?.into();
        let odd = name.is_empty() || name.len() > 64 || name.chars().any(|c| c.is_control() || c == '"');
        if odd || &*name == Classifier::UNCLASSIFIED {
            return Err(source
                .error(principal.class.span(), format!("`{name}` cannot be a class"))
                .allowing("a label of 1 to 64 characters, such as \"staff\""));
        }
        if classes.iter().any(|class| class.name == name) {
            return Err(source.error(principal.class.span(), format!("the class `{name}` is already declared")));
        }
        if classes.iter().any(|class| class.when == When::Always) {
            let message = format!("the class `{name}` can never be reached: one before it takes everybody");
            return Err(source.error(principal.class.span(), message).allowing("the class without `when` last"));
        }
        let when = principal.when.as_ref().map_or(Ok(When::Always), |when| when_of(source, &principal.class, when))?;
        let subject = principal.subject.as_ref().map(|subject| source.expand(&subject.claim)).transpose()?;
        let paths = owner_paths(source, &principal.owner_paths)?;
        let nobody = matches!(when, When::Credential(Credential::None | Credential::Rejected));
        if !paths.is_empty() && subject.is_none() && !nobody {
            warnings.push(format!(
                "[[principal]] class = \"{name}\" has owner_paths and no subject: ownership is unchecked"
            ));
        }
        owners.insert(name.clone(), Owners { paths, nobody });
        classes.push(PrincipalClass { name, when, subject });
    }
    Ok((Classifier::new(classes), owners))
}

fn when_of(source: &Source<'_>, class: &Text, when: &RawWhen) -> Result<When, ConfigError> {
    const ALLOWED: &str =
        "{ claim = \"role\", equals = \"staff\" }, { claim = \"sub\" } or { credential = \"rejected\" }";
    match (&when.claim, &when.equals, &when.credential) {
        (Some(claim), equals, None) => {
            let name = source.expand(claim)?;
            if name.is_empty() {
                return Err(source.error(claim.span(), "a claim has a name").allowing(ALLOWED));
            }
            Ok(When::Claim { name, equals: equals.as_ref().map(|equals| spelled(equals.get_ref())) })
        }
        (None, None, Some(word)) => match word.get_ref().as_str() {
            "none" => Ok(When::Credential(Credential::None)),
            "accepted" => Ok(When::Credential(Credential::Accepted)),
            "rejected" => Ok(When::Credential(Credential::Rejected)),
            other => {
                let words = ["none", "accepted", "rejected"];
                let error = source.error(word.span(), format!("unknown value `{other}`")).near(other, words);
                Err(error.allowing(words.join(", ")))
            }
        },
        (_, Some(equals), _) => Err(source.error(equals.span(), "`equals` says what a `claim` is").allowing(ALLOWED)),
        (_, _, Some(word)) => {
            Err(source.error(word.span(), "a class goes by a claim or by the credential, not both").allowing(ALLOWED))
        }
        (None, None, None) => Err(source.error(class.span(), "`when` says nothing").allowing(ALLOWED)),
    }
}

/// A claim's value as [`crate::principal::Claims::text`] spells it.
fn spelled(equals: &RawEquals) -> String {
    match equals {
        RawEquals::Truth(truth) => truth.to_string(),
        RawEquals::Scalar(Scalar::Text(text)) => text.clone(),
        RawEquals::Scalar(Scalar::Integer(number)) => number.to_string(),
        RawEquals::Scalar(Scalar::Float(number)) => number.to_string(),
    }
}

fn owner_paths(source: &Source<'_>, raw: &[Text]) -> Result<Vec<Selector>, ConfigError> {
    raw.iter()
        .map(|text| {
            let path = source.expand(text)?;
            Selector::parse(&path).map_err(|error| {
                let error = source.error(source.inside(text, error.offset), error.message);
                error.allowing("`$`, then `.name`, `['name']`, `[0]`, `[*]`, `..name` (an RFC 9535 subset)")
            })
        })
        .collect()
}
