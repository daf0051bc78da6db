//! `paritee diff`: two answers out of files, judged as the tee judges.

use super::failure::Failure;
use super::message::{self, Content};
use super::{Exit, out};
use crate::config::{Config, Flags, RouteIndex, load};
use crate::document::json::{Document, ParseOptions};
use crate::exchange::{
    Answer, Body, CandidateSession, Client, Exchange, ExchangeId, Outcome, Provenance, Request, Response, Route,
};
use crate::judge::{Context, Limits, Verdict, judge};
use crate::report::{build, json, table};
use crate::rules::RuleSet;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "Each file is a body, or a whole HTTP/1 message as `curl -i` prints it; `-` is standard input.\n\n\
Examples:\n  \
    paritee diff old.json new.json\n  \
    paritee diff old.http new.http --config paritee.toml --route 'GET /api/review/{id}'\n  \
    curl -s http://127.0.0.1:9000/api/review/7 | paritee diff old.json - --format json";

/// Longer files are refused: the judge would call them too large.
const MOST_BYTES: u64 = 64 << 20;

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What the monolith answered
    primary: PathBuf,
    /// What the new API answered
    candidate: PathBuf,
    /// Take rules and header policy from this config
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The route whose rules hold (METHOD /template/{id}, or a concrete path)
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// The content type of bare bodies; else by the file's extension, else by a look
    #[arg(long, value_name = "TYPE")]
    content_type: Option<HeaderValue>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs `diff`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    if args.primary == Path::new("-") && args.candidate == Path::new("-") {
        return Err(Failure::usage("standard input can be one side only"));
    }
    let config = match &args.config {
        Some(file) => Some(load(Some(file), &Flags::default())?),
        None => None,
    };
    let (route, method, target) = route(args.route.as_deref(), config.as_ref())?;
    let (rules, context) = match &config {
        Some(config) => {
            let declared = config.routes.by_name(&route.name);
            let rules = declared.map_or_else(|| config.general_rules.clone(), |at| config.routes.get(at).rules.clone());
            (rules, config.context.clone())
        }
        None => (Arc::new(RuleSet::default()), Arc::new(Context::default())),
    };
    let (primary, candidate) = answers(args)?;
    let exchange = Exchange {
        id: ExchangeId(0),
        received_at_ms: 0,
        route,
        principal: "anonymous".into(),
        subject: None,
        request: Request { method, target, headers: HeaderMap::new(), body: Body::empty() },
        primary: Answer { outcome: primary, elapsed_us: 0 },
        candidate: Answer { outcome: candidate, elapsed_us: 0 },
        secondary: None,
        provenance: Provenance::Own,
        client: Client::Served,
        candidate_session: CandidateSession::Known,
    };
    let judgement = judge(&exchange, &rules, &context);
    let view = build::diff(&judgement);
    match args.format {
        Format::Text => out::print(|out| table::diff(out, &view))?,
        Format::Json => out::print_raw(|out| json::write(out, &view))?,
    }
    Ok(match judgement.verdict {
        Verdict::Match | Verdict::Normalised => Exit::Ok,
        Verdict::Mismatch => Exit::Mismatch,
        Verdict::Inconclusive(_) | Verdict::Vacuous(_) => Exit::Nothing,
    })
}

/// The route as declared, with a method and a target that belong to it.
fn route(text: Option<&str>, config: Option<&Config>) -> Result<(Route, Method, String), Failure> {
    let Some(text) = text else { return Ok((Route::declared("GET /"), Method::GET, "/".to_owned())) };
    let bad = || Failure::usage(format!("`{text}` is not a route: METHOD /template/{{id}}"));
    let (method, rest) = text.split_once(' ').ok_or_else(bad)?;
    let method: Method = method.parse().map_err(|_| bad())?;
    let slash = rest.find('/').ok_or_else(bad)?;
    let (host, path) = rest.split_at(slash);
    let (host, target) = ((!host.is_empty()).then_some(host), path.to_owned());
    let Some(config) = config else { return Ok((Route::declared(text), method, target)) };
    let found: Option<RouteIndex> = config
        .routes
        .by_name(text)
        .or_else(|| config.routes.find(host, &method, path.split('?').next().unwrap_or(path)));
    if let Some(found) = found {
        return Ok((config.routes.get(found).route.clone(), method, target));
    }
    let names: Vec<&str> = config.routes.iter().map(|route| &*route.route.name).collect();
    let near = names.iter().max_by(|a, b| strsim::jaro_winkler(a, text).total_cmp(&strsim::jaro_winkler(b, text)));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Err(Failure::usage(format!("no [[route]] of the config is `{text}`{hint}")))
}

fn answers(args: &Args) -> Result<(Outcome, Outcome), Failure> {
    let read = |path: &Path| {
        let bytes = bytes(path)?;
        message::read(bytes).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
    };
    match (read(&args.primary)?, read(&args.candidate)?) {
        (Content::Message(primary), Content::Message(candidate)) => Ok((*primary, *candidate)),
        (Content::Body(primary), Content::Body(candidate)) => {
            let by_name = |path: &Path| by_extension(path).map(HeaderValue::from_static);
            let (of_primary, of_candidate) = match &args.content_type {
                Some(given) => (given.clone(), given.clone()),
                None => {
                    let (p, c) = (by_name(&args.primary), by_name(&args.candidate));
                    let looked = || HeaderValue::from_static(by_look(&primary));
                    let p_or_c = p.clone().or(c.clone()).unwrap_or_else(looked);
                    (p.unwrap_or_else(|| p_or_c.clone()), c.unwrap_or(p_or_c))
                }
            };
            Ok((bare(primary, of_primary), bare(candidate, of_candidate)))
        }
        _ => Err(Failure::usage("one file is a whole HTTP message and the other a bare body: give both alike")),
    }
}

fn bare(body: Vec<u8>, content_type: HeaderValue) -> Outcome {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
    Outcome::Answered(Response { status: StatusCode::OK, headers, body: Body::from(body), trailers: None })
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let fail = |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let mut bytes = Vec::new();
    match path == Path::new("-") {
        true => std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?,
        false => {
            let file = std::fs::File::open(path).map_err(fail)?;
            file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?
        }
    };
    match bytes.len() as u64 > MOST_BYTES {
        true => Err(Failure::usage(format!("{} is larger than 64 MiB", path.display()))),
        false => Ok(bytes),
    }
}

fn by_extension(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" => "application/json",
        "html" | "htm" => "text/html; charset=utf-8",
        "xml" => "application/xml",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

fn by_look(body: &[u8]) -> &'static str {
    let options = ParseOptions { depth: Limits::default().depth, hash_key: 0 };
    if Document::parse(body, &options).is_ok() {
        return "application/json";
    }
    match std::str::from_utf8(body) {
        Ok(_) => "text/plain; charset=utf-8",
        Err(_) => "application/octet-stream",
    }
}
