//! The new API of the bookreviews example: the service that takes routes over from the Django monolith.
//!
//! Reading order: [`routes`] (which routes it owns at which step; the rest goes to [`proxy`]), [`callers`] (who asks, by
//! [`sessions`]), [`reviews`], [`books`] and [`accounts`] (owned routes: ask the internal APIs, compose), [`internal`] (those
//! APIs over gRPC), [`document`] (the shape of an answer, the fallbacks), [`answer`] (status, headers, errors), [`paging`],
//! and [`faults`] (mistakes that can be switched on, to be found).

mod accounts;
mod answer;
mod books;
mod callers;
mod document;
mod faults;
mod internal;
mod paging;
mod proxy;
mod reviews;
mod routes;
mod sessions;
#[cfg(test)]
mod tests;

use anyhow::{Context, bail};
use axum::serve::ListenerExt;
use clap::Parser;
use faults::{Fault, Faults};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long running requests may take once the process was asked to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// The new API of the bookreviews example.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where to listen, on loopback; port 0 takes a free one. The address is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The monolith's gRPC worker, http://HOST:PORT.
    #[arg(long)]
    grpc: String,
    /// Where routes that are not owned yet are sent: the monolith, or the tee in front of it.
    #[arg(long)]
    monolith: http::Uri,
    /// What `x-build` says in this service's own answers.
    #[arg(long, default_value = concat!("api-", env!("CARGO_PKG_VERSION")))]
    build: String,
    /// How far the move has come: 1 a transparent proxy, 2 sessions of its own, 3 the user travels to the internal APIs, 4
    /// the listing of books comes from them, 5 everything that reads is composed of them, 6 clients come with the
    /// monolith's session alone.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=6))]
    step: u8,
    /// Signs the session cookies, 32 bytes or more; several processes may share it. Without it a random one, for this run.
    #[arg(long, value_name = "FILE")]
    session_key_file: Option<std::path::PathBuf>,
    /// Which headers of a request are passed on to the monolith with it.
    #[arg(long, value_enum, default_value_t = proxy::Passed::All)]
    forward: proxy::Passed,
    /// A mistake to make; may be given several times.
    #[arg(long = "fault", value_name = "NAME")]
    faults: Vec<Fault>,
}

/// What every request needs.
struct App {
    internal: internal::Internal,
    proxy: proxy::Proxy,
    build: http::HeaderValue,
    step: u8,
    sessions: sessions::Sessions,
    faults: Faults,
    /// For the mistake that gives one caller's answer to the others.
    first_who_am_i: OnceLock<serde_json::Value>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    run(Args::parse()).await
}

async fn run(args: Args) -> anyhow::Result<()> {
    if !args.listen.ip().is_loopback() {
        bail!("{} is not a loopback address: this is an example without transport security", args.listen);
    }
    let app = Arc::new(App {
        internal: internal::Internal::new(&args.grpc)?,
        proxy: proxy::Proxy::new(&args.monolith, args.forward)?,
        build: args.build.parse().context("--build must fit into a header")?,
        step: args.step,
        sessions: sessions::Sessions::new(args.session_key_file.as_deref())?,
        faults: Faults::new(&args.faults),
        first_who_am_i: OnceLock::new(),
    });
    let resets = app.faults.on(Fault::ResetInBody);
    let listener =
        tokio::net::TcpListener::bind(args.listen).await.with_context(|| format!("listen on {}", args.listen))?;
    writeln!(std::io::stdout(), "api listening on {}", listener.local_addr()?)?;
    std::io::stdout().flush()?;
    let listener = listener.tap_io(move |stream| {
        let _ = stream.set_nodelay(true);
        if resets {
            // A connection given up in the middle ends with RST and not with FIN.
            let _ = stream.set_zero_linger();
        }
    });
    let stopping = Arc::new(tokio::sync::Notify::new());
    let told = stopping.clone();
    let server = axum::serve(listener, routes::router(app)).with_graceful_shutdown(async move {
        stop_signal().await;
        told.notify_one();
    });
    tokio::select! {
        ended = server.into_future() => ended.context("serve"),
        // Hanging answers are cut.
        () = async { stopping.notified().await; tokio::time::sleep(DRAIN).await } => Ok(()),
    }
}

/// SIGTERM or SIGINT.
async fn stop_signal() {
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut term), Ok(mut int)) => {
            tokio::select! { _ = term.recv() => (), _ = int.recv() => () }
        }
        // Without signals the process is ended by force.
        _ => std::future::pending().await,
    }
}
