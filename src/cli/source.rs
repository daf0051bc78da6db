//! Where the evidence is: a store at rest or a running tee, with the same views from both.

use super::client::{self, Client};
use super::failure::Failure;
use crate::config::{Config, Flags, load};
use crate::evidence::Exemplar;
use crate::report::Query;
use crate::report::build;
use crate::report::coverage::{self, CoverageView, Seen};
use crate::report::curl::Sides;
use crate::report::gate::{self, Asked, Evidence, GateView};
use crate::report::roles::{self, RolesView};
use crate::report::rules::{self, KeptView, RulesView, SamplesView};
use crate::report::text::clean;
use crate::report::views::{LedgerView, ReportView, ShowView};
use crate::store::{AtRest, StoreError};
use crate::sys::now_ms;
use std::path::{Path, PathBuf};

/// Where to look. Without any: the store that `serve` makes by default, if it is here.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Where {
    /// A store that no tee has open
    #[arg(long, value_name = "DIR", conflicts_with = "admin")]
    store: Option<PathBuf>,
    /// A running tee's admin API (http://127.0.0.1:7079)
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// The admin API's token
    #[arg(long, value_name = "TOKEN", env = "PARITEE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Take both from this config: the running tee if there is one, else its store
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where evidence is read from.
pub(crate) enum Source {
    /// A directory.
    AtRest(Box<AtRest>),
    /// A tee's admin API.
    Running(Client),
}

const DEFAULT_STORE: &str = "paritee-store";

impl Where {
    /// The config's file, if one is named.
    pub(crate) fn config_file(&self) -> Option<&PathBuf> {
        self.config.as_ref()
    }
    /// Where nothing says where to look, what this config says.
    pub(crate) fn or_config(mut self, file: Option<&PathBuf>) -> Where {
        if self.store.is_none() && self.admin.is_none() && self.config.is_none() {
            self.config = file.cloned();
        }
        self
    }
    /// The config that it names, if any.
    pub(crate) fn config(&self) -> Result<Option<Config>, Failure> {
        Ok(self.config.as_deref().map(|file| load(Some(file), &Flags::default())).transpose()?)
    }
}

impl Source {
    /// Finds it.
    pub(crate) fn find(place: &Where) -> Result<Source, Failure> {
        Source::under(place, place.config()?.as_ref())
    }
    /// Finds it, where the config that the place names is read already.
    pub(crate) fn under(place: &Where, config: Option<&Config>) -> Result<Source, Failure> {
        if let Some(dir) = &place.store {
            return Ok(Source::AtRest(open(dir)?));
        }
        let token = place.token.clone().or_else(|| config?.admin_token.as_deref().map(str::to_owned));
        if let Some(url) = &place.admin {
            return Ok(Source::Running(Client::new(url, token).map_err(Failure::usage)?));
        }
        let Some(config) = config else {
            let dir = Path::new(DEFAULT_STORE);
            return match dir.is_dir() {
                true => Ok(Source::AtRest(open(dir)?)),
                false => Err(Failure::usage(
                    "where is the evidence? name --store DIR (a store at rest), --admin URL (a running tee) or --config FILE",
                )),
            };
        };
        if let Some(admin) = config.admin {
            let client = Client::new(&format!("http://{admin}"), token).map_err(Failure::usage)?;
            if client.is_there() {
                return Ok(Source::Running(client));
            }
        }
        Ok(Source::AtRest(open(&config.store.dir)?))
    }
    /// The account.
    pub(crate) fn ledger(&self) -> Result<LedgerView, Failure> {
        match self {
            Source::AtRest(store) => Ok(build::ledger(&store.ledger()?)),
            Source::Running(client) => read(client.get("/api/ledger")),
        }
    }
    /// The signatures that the query keeps; `words` is the query as typed, which a running tee reads for itself.
    pub(crate) fn report(&self, words: &[String], query: &Query) -> Result<ReportView, Failure> {
        match self {
            Source::AtRest(store) => {
                let now_ms = now_ms();
                let records = store.signatures_where(|record| query.keeps(record, now_ms))?;
                Ok(build::report(&records, &store.ledger()?, &store.figures(), query, now_ms))
            }
            Source::Running(client) if query.is_empty() => read(client.get("/api/report")),
            Source::Running(client) => {
                read(client.get(&format!("/api/report?q={}", client::percent(&Query::text(words)))))
            }
        }
    }
    /// What the gate says. A running tee has a config of its own; that of a store at rest is the one that was named, if any.
    pub(crate) fn gate(&self, config: Option<&Config>, asked: &Asked) -> Result<GateView, Failure> {
        match self {
            Source::AtRest(store) => {
                let now_ms = now_ms();
                let cells = store.cells_by_age(gate::oldest_ms(config, asked, now_ms))?;
                let signatures = store.signatures()?;
                let (figures, ledger) = (store.figures(), store.ledger()?);
                let evidence = Evidence { cells: &cells, signatures: &signatures, figures: &figures, ledger: &ledger };
                gate::gate(config, &evidence, asked, now_ms).map_err(|error| Failure::usage(error.to_string()))
            }
            Source::Running(client) => {
                let wanted = [("gate", &asked.gate), ("route", &asked.route), ("role", &asked.role)];
                let wanted = wanted.into_iter().filter_map(|(name, value)| {
                    value.as_ref().map(|value| format!("{name}={}", client::percent(value)))
                });
                read(client.get(&format!("/api/gate?{}", wanted.collect::<Vec<_>>().join("&"))))
            }
        }
    }
    /// What was seen of each route, or of one.
    pub(crate) fn coverage(&self, config: Option<&Config>, route: Option<&str>) -> Result<CoverageView, Failure> {
        match self {
            Source::AtRest(store) => {
                let (cells, coverage) = (store.cells_by_age(0)?, store.coverage());
                Ok(coverage::coverage(config, &Seen { cells: &cells, coverage: &coverage }, route))
            }
            Source::Running(client) => {
                let route = route.map(|route| format!("?route={}", client::percent(route))).unwrap_or_default();
                read(client.get(&format!("/api/coverage{route}")))
            }
        }
    }
    /// The monolith's roles from the outside in.
    pub(crate) fn roles(&self, config: Option<&Config>) -> Result<RolesView, Failure> {
        match (self, config) {
            (Source::AtRest(store), Some(config)) => {
                let gate = self.gate(Some(config), &Asked::default())?;
                Ok(roles::roles(config, &gate, &store.coverage()))
            }
            (Source::AtRest(_), None) => {
                Err(Failure::usage("roles are declared in the config: name it with --config FILE beside --store"))
            }
            (Source::Running(client), _) => read(client.get("/api/roles")),
        }
    }
    /// What each rule did. The config is that of the gate.
    pub(crate) fn rules(&self, config: Option<&Config>, asked: &rules::Asked) -> Result<RulesView, Failure> {
        match self {
            Source::AtRest(store) => rules::list(config, &store.cells_of_rules()?, asked, now_ms())
                .map_err(|error| Failure::usage(error.to_string())),
            Source::Running(client) => {
                let route = asked.route.as_ref().map(|route| format!("?route={}", client::percent(route)));
                read(client.get(&format!("/api/rules{}", route.unwrap_or_default())))
            }
        }
    }
    /// A signature's exemplars as they are stored.
    pub(crate) fn exemplars(&self, id: &str) -> Result<Vec<Exemplar>, Failure> {
        match self {
            Source::AtRest(store) => {
                let id = id.parse().map_err(|_| Failure::usage(format!("`{}` is no signature's id", clean(id))))?;
                Ok(store.exemplars(id)?)
            }
            Source::Running(client) => {
                let kept: KeptView = read(client.get(&format!("/api/signatures/{id}/kept")))?;
                Ok(kept.exemplars)
            }
        }
    }
    /// Exchanges that rules made equal: those that come after the page before, as many as fit into one.
    pub(crate) fn samples(&self, after: Option<&str>) -> Result<SamplesView, Failure> {
        match self {
            Source::AtRest(store) => Ok(SamplesView::of(store.samples(after)?)),
            Source::Running(client) => {
                let after = after.map_or_else(String::new, |after| format!("?after={after}"));
                read(client.get(&format!("/api/samples{after}")))
            }
        }
    }
    /// One signature by the beginning of its id.
    pub(crate) fn show(&self, prefix: &str) -> Result<ShowView, Failure> {
        match self {
            Source::AtRest(store) => {
                let records = store.signatures()?;
                let record = build::find(&records, prefix).map_err(|error| Failure::usage(error.to_string()))?;
                let (exemplars, sides) = (store.exemplars(record.id)?, Sides::named(store.sides()));
                Ok(build::show(record, &exemplars, &sides, &store.figures().suppression))
            }
            Source::Running(client) => read(client.get(&format!("/api/signatures/{prefix}"))),
        }
    }
}

fn open(dir: &Path) -> Result<Box<AtRest>, Failure> {
    AtRest::open(dir).map(Box::new).map_err(|error| match error {
        StoreError::Locked(_) => Failure::could_not_run(format!(
            "the store {} is in use by a running tee: ask it with --admin URL (its `admin` address), or stop it first",
            dir.display()
        )),
        other => other.into(),
    })
}

/// A body as the view it must be; a body that says what was wrong with the question is a usage error.
fn read<T: serde::de::DeserializeOwned>(asked: Result<client::Answer, String>) -> Result<T, Failure> {
    let answer = asked.map_err(Failure::could_not_run)?;
    let said = || {
        let error: Option<ErrorBody> = serde_json::from_slice(&answer.body).ok();
        error.map_or_else(|| "it gave no reason".to_owned(), |body| clean(&body.error))
    };
    match answer.status {
        200 => serde_json::from_slice(&answer.body).map_err(|error| {
            Failure::could_not_run(format!("the admin API's answer does not read ({error}): is it another version?"))
        }),
        400 | 404 | 409 => Err(Failure::usage(said())),
        401 | 403 => Err(Failure::could_not_run(format!("the admin API refuses: {}; give its --token", said()))),
        status => Err(Failure::could_not_run(format!("the admin API answered {status}: {}", said()))),
    }
}

#[derive(serde::Deserialize)]
struct ErrorBody {
    error: String,
}
