//! `clinic-server serve`: starts, serves, and ends in order.

use super::Failure;
use crate::{
    App, api,
    config::{Config, Environment, Transport},
    http, ops, pages,
    seed::{DEMO_PASSWORD, demo_clinics, seed},
    wiring::{self, Process, Server, StartError, feed_live, start_worker},
};
use async_trait::async_trait;
use axum::Router;
use axum_server::{Handle, tls_rustls::RustlsConfig};
use healthcare_core::{ClinicId, DomainEvent, Plugins, Record, Role};
use healthcare_db::SqlScopeKeys;
use healthcare_messaging::{EventBus, Handler, HandlerError, Subscribed, Subscription, WorkerBuilder};
use healthcare_resilience::{DrainReport, SecondSignal};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};
use tokio::task::JoinHandle;

/// The most clinics whose plugins are loaded at start.
const CLINICS_MAX: u32 = 10_000;

/// A server that serves.
#[derive(Debug)]
pub struct Running {
    /// Where it serves.
    pub address: SocketAddr,
    /// Where operators are served, if anywhere.
    pub ops: Option<SocketAddr>,
    /// What it is made of.
    pub server: Server,
    handle: Handle<SocketAddr>,
    http: JoinHandle<std::io::Result<()>>,
    // Listeners are told until this is dropped.
    _listeners: Option<Subscribed>,
    _live: Option<Subscribed>,
}

/// Serves until it is told to stop.
pub(super) async fn run(config: &Config, process: Process) -> Result<bool, Failure> {
    let running = begin(config, process, Signals::Heard, |worker, _| worker).await?;
    announce(config, process, &running);
    running.server.shutdown.until_begun().await;
    let report = running.stop().await;
    tracing::info!(clean = report.is_clean(), "stopped");
    Ok(report.is_clean())
}

/// Wires a server, seeds a demonstration, and begins to serve.
///
/// # Errors
/// [`StartError`], which says what to set or repair.
pub async fn start(config: &Config) -> Result<Running, StartError> {
    start_as(config, Process::All).await
}

/// As [`start`], for one process of several.
///
/// # Errors
/// [`StartError`], which says what to set or repair.
pub async fn start_as(config: &Config, process: Process) -> Result<Running, StartError> {
    start_with(config, process, |worker, _| worker).await
}

/// As [`start_as`], with kinds of jobs beside those that the server knows.
///
/// # Errors
/// [`StartError`], which says what to set or repair.
pub async fn start_with(
    config: &Config,
    process: Process,
    more: impl FnOnce(WorkerBuilder, &Arc<App>) -> WorkerBuilder,
) -> Result<Running, StartError> {
    begin(config, process, Signals::Ignored, more).await
}

/// Whether Ctrl-C ends the server in order: a program's own server hears it, one inside a test does not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signals {
    Heard,
    Ignored,
}

async fn begin(
    config: &Config,
    process: Process,
    signals: Signals,
    more: impl FnOnce(WorkerBuilder, &Arc<App>) -> WorkerBuilder,
) -> Result<Running, StartError> {
    // Bound first: a second server on the same address must not touch the data.
    let listener = TcpListener::bind(config.listen).map_err(StartError::Listen)?;
    listener.set_nonblocking(true).map_err(StartError::Listen)?;
    let metrics = ops::record(config.ops.as_ref())?;
    let mut server = wiring::wire(config, process).await?;
    server.hear().await?;
    // Before the first request is answered: whoever waits for the server may end it at once.
    if signals == Signals::Heard {
        drop(server.shutdown.listen(SecondSignal::Exit).map_err(|error| StartError::Wiring(error.into()))?);
    }
    match config.environment {
        // A demonstration is seeded by what serves it: two at once would each make a part.
        Environment::Demo if !process.answers() => {}
        Environment::Demo => {
            let fresh = seed(&server.app).await?;
            tracing::info!(fresh, "the demonstration is there");
        }
        Environment::Production => refuse_demo(&server).await?,
    }
    load_plugins(&server).await?;
    let live = feed_live(&mut server).await?;
    let listeners = if process.works() { Some(work(&mut server, more).await?) } else { None };
    let address = listener.local_addr().map_err(StartError::Listen)?;
    let ops = match (&config.ops, metrics) {
        (Some(ops), Some(metrics)) => Some(ops::serve(ops, metrics, &server.app, &server.shutdown).await?),
        _ => None,
    };
    let handle = Handle::new();
    let router = http::wrap(routes(process, &server.app), Arc::clone(&server.app));
    let http = serve(config, listener, handle.clone(), router).await?;
    Ok(Running { address, ops, server, handle, http, _listeners: listeners, _live: live })
}

/// What a process answers: each answers for its health.
fn routes(process: Process, app: &App) -> Router<Arc<App>> {
    match process {
        _ if process.answers() => api::routes(app).merge(pages::routes()),
        _ if process.connects() => api::live_routes(app).merge(pages::live_routes()),
        _ => api::health_routes(),
    }
}

async fn serve(
    config: &Config,
    listener: TcpListener,
    handle: Handle<SocketAddr>,
    router: Router,
) -> Result<JoinHandle<std::io::Result<()>>, StartError> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    Ok(match &config.transport {
        Transport::Tls { certificate, key } => {
            // One process-wide choice; a second call finds it made.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let tls = RustlsConfig::from_pem_file(certificate, key).await.map_err(StartError::Tls)?;
            let server = axum_server::from_tcp_rustls(listener, tls).map_err(StartError::Listen)?;
            let mut server = server.map(awaited);
            hurry(server.http_builder());
            tokio::spawn(server.handle(handle).serve(service))
        }
        Transport::Loopback | Transport::BehindProxy(_) => {
            let mut server = axum_server::from_tcp(listener).map_err(StartError::Listen)?.map(awaited);
            hurry(server.http_builder());
            tokio::spawn(server.handle(handle).serve(service))
        }
    })
}

/// How long a client may take to send a request's head.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// The largest head of a request, and what is read of a body at a time.
const HEAD_BYTES_MAX: usize = 32 << 10;
const HEAD_LIST_MAX: u32 = 32 << 10;
/// How many requests one connection may have under way.
const STREAMS_MAX: u32 = 100;

fn awaited<A>(acceptor: A) -> http::FirstBytes<A> {
    http::FirstBytes::within(acceptor, HEAD_TIME_MAX)
}

/// A client that sends its request a byte a minute does not hold a connection for hours.
fn hurry(http: &mut Builder<TokioExecutor>) {
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).max_buf_size(HEAD_BYTES_MAX);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIME_MAX)
        .max_header_list_size(HEAD_LIST_MAX)
        .max_concurrent_streams(STREAMS_MAX);
}

impl Running {
    /// Stops: no new requests, those in flight are finished, then the worker and the relay, then log and database are closed.
    pub async fn stop(self) -> DrainReport {
        self.server.shutdown.begin();
        self.handle.graceful_shutdown(Some(Duration::from_secs(20)));
        let report = self.server.shutdown.drain().await;
        self.handle.shutdown();
        if let Ok(Err(error)) = self.http.await {
            tracing::warn!(%error, "the listener did not end well");
        }
        self.server.app.edge.record_refused();
        let audit = self.server.app.audit.clone();
        if let Ok(Err(fault)) = tokio::task::spawn_blocking(move || audit.close()).await {
            tracing::error!(%fault, "the audit log could not be closed");
        }
        self.server.database.close().await;
        report
    }
}

/// Begins what runs on its own.
async fn work(
    server: &mut Server,
    more: impl FnOnce(WorkerBuilder, &Arc<App>) -> WorkerBuilder,
) -> Result<Subscribed, StartError> {
    if !server.app.email.delivers() {
        tracing::warn!(
            "no mail server is set: patients are told nothing, and each notice is counted as logged"
        );
    }
    start_worker(server, more)?;
    let listeners = listen_to_events(server).await?;
    relay(server)?;
    housekeeping(server)?;
    Ok(listeners)
}

/// A demonstration's passwords are published.
async fn refuse_demo(server: &Server) -> Result<(), StartError> {
    let known = clinics(server).await?;
    let is_demo = |clinic: &ClinicId| demo_clinics().iter().any(|demo| demo.id == *clinic);
    if known.iter().any(is_demo) { Err(StartError::DemoData) } else { Ok(()) }
}

async fn clinics(server: &Server) -> Result<Vec<ClinicId>, StartError> {
    SqlScopeKeys::new(server.database.clone()).clinics(CLINICS_MAX).await.map_err(StartError::Database)
}

/// Reads each clinic's record for the plugins it switched on.
async fn load_plugins(server: &Server) -> Result<(), StartError> {
    let role: Role = "SEED".parse().map_err(|error| StartError::Wiring(Box::new(error)))?;
    for clinic in clinics(server).await? {
        let context = server.app.system.job("load-plugins", role.clone(), clinic);
        match api::read_clinic(&server.app, &context).await {
            Ok(record) => {
                server.plugins.configure(record.clinic(), &record.plugins).map_err(StartError::Plugins)?
            }
            Err(healthcare_core::AccessError::NotFound) => {}
            Err(error) => return Err(StartError::Wiring(Box::new(error))),
        }
    }
    Ok(())
}

/// Tells plugins what was committed.
struct PluginEvents(Arc<Plugins>);

#[async_trait]
impl Handler for PluginEvents {
    async fn handle(&self, event: &DomainEvent) -> Result<(), HandlerError> {
        self.0.notify(event).await.map_err(HandlerError::because)
    }
}

async fn listen_to_events(server: &Server) -> Result<Subscribed, StartError> {
    let handler = Arc::new(PluginEvents(Arc::clone(&server.plugins)));
    let subscription = Subscription::acknowledged("appointment-plugins").kind("appointment.*");
    server.bus.subscribe(subscription, handler).await.map_err(|error| StartError::Wiring(Box::new(error)))
}

fn relay(server: &mut Server) -> Result<(), StartError> {
    let Some(relay) = server.relay.take() else { return Ok(()) };
    let stage = server.shutdown.stage("relay").map_err(|error| StartError::Wiring(Box::new(error)))?;
    let work = relay.run(stage.token());
    drop(stage.spawn("relay", work).map_err(|error| StartError::Wiring(Box::new(error)))?);
    Ok(())
}

fn housekeeping(server: &mut Server) -> Result<(), StartError> {
    let Some(housekeeping) = server.housekeeping.take() else { return Ok(()) };
    let stage = server.shutdown.stage("housekeeping").map_err(|error| StartError::Wiring(Box::new(error)))?;
    let work = housekeeping.run(stage.token());
    drop(stage.spawn("housekeeping", work).map_err(|error| StartError::Wiring(Box::new(error)))?);
    Ok(())
}

fn announce(config: &Config, process: Process, running: &Running) {
    let scheme = if matches!(config.transport, Transport::Tls { .. }) { "https" } else { "http" };
    println!("Serving on {scheme}://{}", running.address);
    if let Some(ops) = running.ops {
        println!("Operators on http://{ops}: /metrics, /health/detailed, /health/api, /cache/caches");
    }
    if !process.is_alone() && config.redis.is_none() {
        println!("One of several processes, without --redis-url: nothing is kept in memory.");
    }
    if process.works() && config.email.is_none() {
        println!("No --smtp-url: e-mail to patients goes nowhere, and the log tells of each.");
    }
    if !process.answers() {
        return;
    }
    if config.environment == Environment::Demo {
        println!("\nA demonstration with invented people. Sign in as one of");
        for clinic in demo_clinics() {
            println!("\n  {} ({})", clinic.name, clinic.id);
            clinic.addresses().for_each(|address| println!("    {address}"));
        }
        println!("\nwith the password\n    {DEMO_PASSWORD}\n");
        println!("Data, keys and audit log are in {}. Ctrl-C ends it in order.", config.data_dir.display());
    }
}
