//! From the config as typed to the config as meant. Pure: environment, day and cores are passed in.

use super::error::ConfigError;
use super::files::Files;
use super::raw::{RawConfig, Text};
use super::routes::{Pattern, Refused, RouteConfig, RouteTable};
use super::source::{Env, Source};
use super::tls;
use super::trust::Roots;
use super::{Config, Flags, Redact, Role, Upstream};
use super::{address, branch, confirm, gate, role, rule, sections, session, side, split};
use crate::exchange::Route;
use crate::judge::{Context, HeaderPolicy};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use toml::Spanned;

/// What the edge knows and the core of this room is told.
pub(super) struct Surroundings<'a> {
    pub(super) env: Env<'a>,
    /// Days since the Unix epoch.
    pub(super) today: i64,
    /// Live threads unless the config says so.
    pub(super) cores: usize,
    /// What relative paths in the file are relative to.
    pub(super) base: &'a Path,
    /// The certificates that the system trusts.
    pub(super) roots: Roots<'a>,
    /// How files that the config names are read.
    pub(super) files: Files<'a>,
}

/// Builds the config of a text (`None`: there is no file) and flags.
pub(super) fn resolve(
    text: Option<&str>,
    name: &str,
    flags: &Flags,
    around: &Surroundings<'_>,
) -> Result<Config, ConfigError> {
    let source = Source::new(name, text.unwrap_or(""), around.env);
    let raw = source.parse()?;
    let mut warnings = Vec::new();

    let upstreams = raw.upstreams.as_ref();
    let side = |name, flag, raw, seconds| side::side(&source, around, name, flag, raw, seconds);
    let primary = side("primary", flags.primary.as_deref(), upstreams.and_then(|all| all.primary.as_ref()), 30)?;
    let candidate = side("candidate", flags.candidate.as_deref(), upstreams.and_then(|all| all.candidate.as_ref()), 5)?;
    let secondary = side("secondary", None, upstreams.and_then(|all| all.secondary.as_ref()), 30)?;
    let Some(primary) = primary else {
        let message = "the primary is missing: the tee must know the monolith it stands in front of";
        return Err(ConfigError::plain(name, message)
            .allowing("[upstreams.primary] url = \"http://host:port\", or --primary http://host:port"));
    };
    if candidate.is_none() {
        warnings.push("no candidate is configured: requests are only proxied".to_owned());
    }
    warn_of_secondary(secondary.as_ref(), &primary, candidate.is_some(), &mut warnings);

    let listen = address_of(&source, "--listen", &flags.listen, &raw.listen)?.unwrap_or(super::LISTEN);
    let admin = address_of(&source, "--admin", &flags.admin, &raw.admin)?;
    let admin_token = token(&source, &raw)?;
    check_addresses(&source, &raw, listen, admin, admin_token.is_some(), &primary)?;

    let tls =
        raw.tls.as_ref().map(|raw| tls::tls(&source, raw, around.base, around.files, &mut warnings)).transpose()?;
    let mirror = sections::mirror(&source, &raw.mirror, text.is_some(), &mut warnings)?;
    let redact = sections::redact(&source, &raw.redact, around.base)?;
    let roles = role::roles(&source, &raw.role, &mut warnings)?;
    let mut rules = Vec::new();
    let (routes, general_rules) = routes(&source, &raw, (&roles, &redact), around.today, &mut warnings, &mut rules)?;
    role::check_owners(&source, &raw, candidate.is_some())?;
    let store = sections::store(&source, &raw.store, flags.store.as_deref(), around.base)?;
    sections::check_key_outside_store(&source, &raw.redact, &redact, &store)?;
    if redact.key_file.is_none() {
        let message =
            "[redact] key_file is not set: the key is random, so equal secrets get equal tokens within this run only";
        warnings.push(message.to_owned());
    }
    let (classifier, owners) = session::principals(&source, &raw.principal, &mut warnings)?;
    let sides = [Some(&primary), candidate.as_ref(), secondary.as_ref()];
    let context = Context { owners, ..context(&source, &raw, &sides)? };
    let workers = workers(&source, flags.workers, &raw.workers, around.cores)?;
    Ok(Config {
        listen,
        admin,
        admin_token,
        workers,
        tls,
        primary,
        candidate,
        secondary,
        mirror,
        confirm: confirm::confirm(&source, &raw.confirm)?,
        routes,
        classifier: Arc::new(classifier),
        rules: rules.into(),
        general_rules,
        context: Arc::new(context),
        redact,
        store,
        gates: gate::gates(&source, &raw.gate)?,
        roles,
        warnings,
    })
}

/// Where a secondary shows nothing, or costs more than it seems to.
fn warn_of_secondary(
    secondary: Option<&Upstream>,
    primary: &Upstream,
    has_candidate: bool,
    warnings: &mut Vec<String>,
) {
    let Some(secondary) = secondary else { return };
    if !has_candidate {
        warnings.push("[upstreams.secondary] is not asked where there is no candidate".to_owned());
    }
    if secondary.url() == primary.url() {
        let message = "[upstreams.secondary] is the primary itself: it is asked twice for each GET that is mirrored";
        warnings.push(message.to_owned());
    }
}

fn address_of(
    source: &Source<'_>,
    flag_name: &str,
    flag: &Option<String>,
    raw: &Option<Text>,
) -> Result<Option<SocketAddr>, ConfigError> {
    match (flag, raw) {
        (Some(flag), _) => address::listen(flag)
            .map(Some)
            .map_err(|message| ConfigError::plain(flag_name, message).allowing(address::LISTEN)),
        (None, Some(raw)) => address::listen(&source.expand(raw)?)
            .map(Some)
            .map_err(|message| source.error(raw.span(), message).allowing(address::LISTEN)),
        (None, None) => Ok(None),
    }
}

fn token(source: &Source<'_>, raw: &RawConfig) -> Result<Option<Arc<str>>, ConfigError> {
    let Some(text) = &raw.admin_token else { return Ok(None) };
    let token = source.expand(text)?;
    if token.len() < 16 || !token.bytes().all(|b| b.is_ascii_graphic()) {
        let message = "a token that is short or holds blanks is easily guessed or broken";
        return Err(source.error(text.span(), message).allowing("at least 16 visible ASCII characters"));
    }
    Ok(Some(token.into()))
}

fn check_addresses(
    source: &Source<'_>,
    raw: &RawConfig,
    listen: SocketAddr,
    admin: Option<SocketAddr>,
    has_token: bool,
    primary: &Upstream,
) -> Result<(), ConfigError> {
    let blame = |text: &Option<Text>, message: String| match text {
        Some(text) => source.error(text.span(), message),
        None => ConfigError::plain(source.name, message),
    };
    if primary.authority.parse() == Ok(listen) && listen.port() != 0 {
        let message = format!("the tee listens on {listen}, which is also its primary: it would ask itself for ever");
        return Err(blame(&raw.listen, message).allowing("another port for one of them"));
    }
    let Some(admin) = admin else { return Ok(()) };
    if admin == listen && admin.port() != 0 {
        let message = format!("the admin API and the tee cannot share {admin}");
        return Err(blame(&raw.admin, message).allowing("a port of its own for each"));
    }
    if !admin.ip().is_loopback() && !has_token {
        let message = format!("the admin API on {admin} can be reached from outside and has no token");
        let allowed = "a loopback address, or admin_token = \"${PARITEE_TOKEN}\" beside it";
        return Err(blame(&raw.admin, message).allowing(allowed));
    }
    Ok(())
}

fn workers(
    source: &Source<'_>,
    flag: Option<usize>,
    raw: &Option<Spanned<i64>>,
    cores: usize,
) -> Result<usize, ConfigError> {
    const ALLOWED: &str = "1 to 1024";
    match (flag, raw) {
        (Some(flag @ 1..=1024), _) => Ok(flag),
        (Some(flag), _) => {
            Err(ConfigError::plain("--workers", format!("{flag} is no number of threads")).allowing(ALLOWED))
        }
        (None, Some(raw)) => sections::within(source, raw, 1..=1024).map(|n| n as usize),
        (None, None) => Ok(cores.clamp(1, 1024)),
    }
}

fn routes(
    source: &Source<'_>,
    raw: &RawConfig,
    (roles, redact): (&[Role], &Redact),
    today: i64,
    warnings: &mut Vec<String>,
    declared: &mut Vec<rule::DeclaredRule>,
) -> Result<(RouteTable, Arc<crate::rules::RuleSet>), ConfigError> {
    let general = rule::specs(source, &raw.rule, None, today, warnings, declared)?;
    let general_rules = Arc::new(rule::compile(source, &general, [&raw.rule, &[]])?);
    let mut table = RouteTable::default();
    for route in &raw.route {
        let text = source.expand(&route.pattern)?;
        let pattern = Pattern::parse(&text).map_err(|(at, message, allowed)| {
            source.error(source.inside(&route.pattern, at), message).allowing(allowed)
        })?;
        let own = rule::specs(source, &route.rule, Some(&pattern.name()), today, warnings, declared)?;
        let rules = match own.is_empty() {
            true => general_rules.clone(),
            false => {
                let all: Vec<_> = general.iter().chain(&own).cloned().collect();
                Arc::new(rule::compile(source, &all, [&raw.rule, &route.rule])?)
            }
        };
        let config = RouteConfig {
            route: Route::declared(pattern.name()),
            role: role::role_of(source, route, roles)?,
            mirror: sections::mirror_word(source, route)?,
            owned_by_candidate: sections::owner_word(source, route)?,
            establishes: false,
            split_by: split::split_by(source, route, redact)?,
            branches: branch::branches(source, &route.branch)?,
            rules,
        };
        let span = route.pattern.span();
        table.add(&pattern, config).map_err(|refused| match refused {
            Refused::Conflict(other) => {
                let earlier = raw.route.get(other.0 as usize).map_or(0, |other| source.line(other.pattern.span()));
                let message = format!("this route and the one on line {earlier} claim the same requests");
                source.error(span, message).allowing("one [[route]] for each method and template")
            }
            Refused::Template(message) => {
                let allowed = "{name} as a whole segment or part of one, {*rest} at the end";
                source.error(span, message).allowing(allowed)
            }
            Refused::TooMany => source.error(span, format!("more than {} routes", RouteTable::MOST)),
        })?;
    }
    session::establish(source, raw, &general_rules, &mut table)?;
    Ok((table, general_rules))
}

fn context(source: &Source<'_>, raw: &RawConfig, sides: &[Option<&Upstream>]) -> Result<Context, ConfigError> {
    let headers = sections::header_policy(source, &raw.compare)?;
    let mut version_headers: Vec<String> = sides
        .iter()
        .filter_map(|side| side.as_ref()?.version_header.as_ref().map(|name| name.as_str().to_owned()))
        .collect();
    version_headers.sort();
    version_headers.dedup();
    if let HeaderPolicy::Only(list) = &headers
        && list.is_empty()
    {
        return Err(ConfigError::plain(
            source.name,
            "compare.headers: the list is empty, so no header would be compared",
        )
        .allowing("\"all\", or a list with at least one name"));
    }
    Ok(Context { headers, version_headers, ..Context::default() })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::time::Duration;

    fn with(text: Option<&str>, flags: &Flags) -> Result<Config, ConfigError> {
        let env = |name: &str| match name {
            "SET" => Some("9001".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let around = Surroundings {
            env: &env,
            today: 20_000,
            cores: 3,
            base: Path::new("/etc/paritee"),
            roots: &|| Err("there are none".into()),
            files: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        resolve(text, "paritee.toml", flags, &around)
    }
    pub(in crate::config) fn file(text: &str) -> Result<Config, ConfigError> {
        with(Some(text), &Flags { primary: Some("http://m:8000".into()), ..Flags::default() })
    }

    #[test]
    fn flags_alone_have_no_rate_limit_and_say_so() {
        let flags = Flags {
            primary: Some("http://127.0.0.1:8000".into()),
            candidate: Some("http://127.0.0.1:9000/v2".into()),
            store: Some("here".into()),
            ..Flags::default()
        };
        let config = with(None, &flags).unwrap();
        assert_eq!(config.listen, "127.0.0.1:7070".parse().unwrap());
        assert_eq!((config.admin, config.workers, config.mirror.rate), (None, 3, None));
        assert_eq!(config.mirror.basis_points, 10_000);
        assert_eq!(config.store.dir, Path::new("here"));
        let candidate = config.candidate.unwrap();
        assert_eq!((candidate.authority.as_str(), candidate.base_path.as_str()), ("127.0.0.1:9000", "/v2"));
        assert_eq!(candidate.timeout, Duration::from_secs(5));
        assert!(config.warnings.iter().any(|warning| warning.contains("no rate limit")), "{:?}", config.warnings);
    }

    #[test]
    fn a_file_has_the_documented_defaults() {
        let config = file("").unwrap();
        let mirror = &config.mirror;
        assert_eq!(mirror.rate, None, "a limit that nobody set would be a surprise");
        assert!(config.warnings.iter().any(|warning| warning.contains("no rate limit")), "{:?}", config.warnings);
        let limited = file("[mirror]\nrate = \"200/s\"").unwrap();
        assert_eq!(limited.mirror.rate.map(|rate| (rate.per_second.get(), rate.burst.get())), Some((200, 50)));
        assert!(!limited.warnings.iter().any(|warning| warning.contains("no rate limit")), "{:?}", limited.warnings);
        assert_eq!((mirror.max_in_flight, mirror.max_in_flight_bytes, mirror.max_body), (64, 16 << 20, 1 << 20));
        assert_eq!(mirror.methods, [http::Method::GET, http::Method::HEAD]);
        assert_eq!(mirror.breaker.failures, 20);
        assert_eq!(config.store.dir, Path::new("/etc/paritee/paritee-store"));
        assert_eq!(config.primary.timeout, Duration::from_secs(30));
    }

    #[test]
    fn flags_win_over_the_file_and_variables_are_expanded() {
        let text = "listen = \"127.0.0.1:${SET}\"\nadmin = \"127.0.0.1:${EMPTY:-7001}\"\n[upstreams.primary]\n\
                    url = \"http://elsewhere:1\"\ntimeout = \"2s\"\nversion_header = \"X-Build\"\n";
        let config = file(text).unwrap();
        assert_eq!(config.listen.port(), 9001);
        assert_eq!(config.admin.map(|admin| admin.port()), Some(7001));
        assert_eq!(config.primary.authority, "m:8000");
        assert_eq!(config.primary.timeout, Duration::from_secs(2));
        assert_eq!(config.context.version_headers, ["x-build"]);
    }

    #[test]
    fn gates_are_what_is_said_and_usual_otherwise() {
        use crate::evidence::{EvidenceFrom, Policy};
        assert_eq!(file("").unwrap().gates, [Policy::default()]);
        let text = "[[gate]]\nname = \"cutover\"\nmismatch_rate_below = 0.001\nmax_age = \"1d\"\nevidence_from = \"current\"\n\
                    [[gate]]\nname = \"soft\"\nopen_signatures = 3\nlatency_p95_ratio_below = 1.5\n";
        let gates = file(text).unwrap().gates;
        assert_eq!((gates[0].mismatch_rate_below, gates[0].max_age_ms), (0.001, 86_400_000));
        assert_eq!((gates[0].evidence_from, gates[0].open_signatures), (EvidenceFrom::Last(1), None));
        assert_eq!((gates[1].open_signatures, gates[1].latency_p95_ratio_below), (Some(3), Some(1.5)));
        for (text, place, says) in [
            ("[[gate]]\nname = \"x\"\nconfidence = 1.0\n", "paritee.toml:3:14", "0.5 to"),
            ("[[gate]]\nname = \"x\"\nevidence_from = \"last:0\"\n", "paritee.toml:3:17", "last:3"),
            ("[[gate]]\nname = \"x\"\n[[gate]]\nname = \"x\"\n", "paritee.toml:4:8", "already declared"),
            ("[[gate]]\nname = \"x\"\nmismatch_rate = 0.1\n", "paritee.toml:3:1", "mismatch_rate_below"),
        ] {
            let error = file(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_secondary_that_shows_nothing_is_said() {
        let text = "[upstreams.secondary]\nurl = \"http://m:8000\"\ntimeout = \"3s\"\nversion_header = \"X-Build\"\n";
        let config = file(text).unwrap();
        let secondary = config.secondary.unwrap();
        assert_eq!((secondary.authority.as_str(), secondary.timeout), ("m:8000", Duration::from_secs(3)));
        assert_eq!(config.context.version_headers, ["x-build"]);
        let warnings = config.warnings.join("\n");
        assert!(warnings.contains("is the primary itself") && warnings.contains("no candidate"), "{warnings}");
        assert!(!warnings.contains("no effect"), "{warnings}");
    }

    #[test]
    fn a_path_or_number_that_nothing_can_honour_is_refused_where_it_stands() {
        for (text, place, says) in [
            ("[redact]\npaths = [\"$..email\", \"$.a b\"]\n", "paritee.toml:2:22", "['…']"),
            ("[store]\nexemplars = 17\n", "paritee.toml:2:13", "1 to 16"),
        ] {
            let error = file(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(says), "{error}");
        }
        assert_eq!(file("[store]\nexemplars = 16\n").unwrap().store.exemplars, 16);
    }

    #[test]
    fn an_expired_rule_is_left_out_and_said() {
        // 2024-10-04 is day 20,000: the day itself still counts.
        let text = "[[rule]]\nname = \"old\"\npath = \"$.a\"\nunordered = true\nuntil = 2024-10-03\n";
        let config = file(text).unwrap();
        assert!(config.warnings.iter().any(|w| w.contains("`old` (paritee.toml:2) expired after 2024-10-03")));
    }
}
