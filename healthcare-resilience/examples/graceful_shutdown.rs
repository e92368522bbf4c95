//! A server's life: started in order, ready, told to stop, and gone when the last request is answered.
//!
//! `cargo run -p healthcare-resilience --example graceful_shutdown --features axum,signal`

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use healthcare_resilience::{BoxError, Health, SecondSignal, Shutdown, Stage, Start, Step};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let shutdown = Shutdown::builder()
        .notice(Duration::from_millis(300)) // readiness is gone, requests are still answered
        .stage("http", Duration::from_secs(5)) // stops first
        .stage("relay", Duration::from_secs(1)) // serves until every request is done
        .build()?;
    // Ctrl-C or SIGTERM begins it as well; a second one ends the process at once.
    shutdown.listen(SecondSignal::Exit)?;
    let start = Start::new(&shutdown);

    // Each step has a deadline. One that fails would stop what was started before it.
    let connect = Step::new("database", Duration::from_secs(10))
        .tries(5)
        .pause(Duration::from_millis(20))
        .hint("is the database up?");
    start.step(connect, connect_third_time()).await?;
    shutdown.close("database", Duration::from_secs(1), async { println!("(the pool is closed)") })?;

    let relay = shutdown.stage("relay")?;
    let token = relay.token();
    drop(relay.spawn("relay", async move { token.until_stopping().await })?);

    let health = Health::builder()
        .required("database", Duration::from_millis(200), || async { Ok(()) })
        .start(&start)
        .shutdown(&shutdown)
        .build()?;
    let http = shutdown.stage("http")?;
    let app = Router::new()
        .route("/slow", get(async || tokio::time::sleep(Duration::from_millis(800)).await))
        .layer(middleware::from_fn_with_state(http.clone(), in_flight))
        .merge(health.router());
    let listen = Step::new("listener", Duration::from_secs(1));
    let listener = start.step(listen, || tokio::net::TcpListener::bind("127.0.0.1:0")).await?;
    let base = format!("http://{}", listener.local_addr()?);
    let server = axum::serve(listener, app).with_graceful_shutdown(http.until_stopping());
    drop(http.spawn("server", server.into_future())?);

    let caller = Caller { base, client: Client::builder(TokioExecutor::new()).build_http() };
    println!("before ready():  /readyz {}", caller.get("/readyz").await?);
    println!("\n{}\n", start.ready());
    println!("started:         /readyz {}", caller.get("/readyz").await?);

    let slow = tokio::spawn(caller.clone().get_owned("/slow"));
    while http.in_flight() < 2 {
        tokio::task::yield_now().await; // the server and the request
    }
    shutdown.begin();
    println!("begin():         /readyz {}", caller.get("/readyz").await?);
    println!("                 /livez  {}", caller.get("/livez").await?);

    let report = shutdown.drain().await;
    println!("the slow request, 500 ms after the listener closed: {}", slow.await??);
    println!(
        "a new one: {}",
        if caller.get("/livez").await.is_err() { "nobody listens" } else { "answered" }
    );
    println!("\n{report}\n\nclean: {}, after {:?}", report.is_clean(), report.took);
    Ok(())
}

/// Counts each request as work of the stage, so that the report tells of it.
async fn in_flight(State(http): State<Stage>, request: Request, next: Next) -> Response {
    match http.enter("request") {
        Ok(_guard) => next.run(request).await,
        Err(stopping) => (StatusCode::SERVICE_UNAVAILABLE, stopping.to_string()).into_response(),
    }
}

/// A database that is up at the third try.
fn connect_third_time() -> impl FnMut() -> std::future::Ready<io::Result<()>> {
    let tries = AtomicU32::new(0);
    move || match tries.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => std::future::ready(Err(io::ErrorKind::ConnectionRefused.into())),
        _ => std::future::ready(Ok(())),
    }
}

#[derive(Clone)]
struct Caller {
    base: String,
    client: Client<HttpConnector, String>,
}

impl Caller {
    async fn get(&self, path: &str) -> Result<StatusCode, BoxError> {
        Ok(self.client.get(format!("{}{path}", self.base).parse()?).await?.status())
    }

    async fn get_owned(self, path: &'static str) -> Result<StatusCode, BoxError> {
        self.get(path).await
    }
}
