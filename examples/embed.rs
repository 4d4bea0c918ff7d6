//! The bridge inside another service, which has a page of its own and the bridge's metrics beside it:
//!
//! ```sh
//! GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN_FILE=token cargo run --example embed
//! curl http://127.0.0.1:8080/gitlab/metrics
//! ```

use anyhow::Result;
use axum::Router;
use axum::routing::get;
use gitlab_metrics_bridge::Embedded;
use gitlab_metrics_bridge::config::{Config, Environment, Flags};
use tokio::net::TcpListener;
use tokio::signal::ctrl_c;

#[tokio::main]
async fn main() -> Result<()> {
    let config = Config::load(&Flags::default(), &Environment::of_process())?;
    let bridge = Embedded::start(config).await?;
    let service = Router::new()
        .route("/", get(|| async { "The service's own page.\n" }))
        .nest("/gitlab", bridge.routes().await);
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let stopped = async {
        let _ = ctrl_c().await; // Without signals it is stopped now.
    };
    axum::serve(listener, service)
        .with_graceful_shutdown(stopped)
        .await?;
    bridge.stop().await;
    Ok(())
}
