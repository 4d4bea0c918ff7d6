//! The status page and its API: what the bridge knows, for people at `/` and for programs at `/api/v1`.
//!
//! Both are made of the same values, so they can't say different things. Nothing here asks GitLab, and no
//! page holds more than a few rows of however many projects there are.

mod answers;
mod chart;
mod clock;
mod gitlab_section;
mod history;
mod layout;
mod missing;
mod now;
mod overview;
mod problems;
mod project;
mod project_lists;
mod project_page;
mod query;
mod ranking;
mod reasons;
mod replicas;
mod search;
mod search_form;
mod settings;
mod status;
mod subject_table;
mod subjects;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::metrics::explain::Settings;
use crate::metrics::{Catalogue, text};
use answers::{guarded, json, page_of, private, refused, refused_as_json};
use clock::Clock;
use layout::{ICON, Root};
use overview::Overview;
use project::{NoProject, Project};
use query::Query;
use ranking::Rankings;
use status::{Known, Status};

pub use history::History;
pub use missing::{Known as KnownPage, not_found};
pub use now::Now;
pub use settings::ShownSetting;

/// So many pages are made at a time: looking through very many projects takes a processor.
const AT_ONCE: usize = 2;

/// What the pages are made of.
pub struct Pages {
    /// Tells what is known now.
    pub now: Box<dyn Fn() -> Now + Send + Sync>,
    pub history: Arc<History>,
    pub settings: Arc<Vec<ShownSetting>>,
    /// What explanations must know of the configuration.
    pub explaining: Arc<Settings>,
}

/// The pages while they are served.
struct Served {
    pages: Pages,
    rankings: Rankings,
    turns: Semaphore,
}

impl Pages {
    pub fn routes(self) -> Router {
        let served = Served {
            pages: self,
            rankings: Rankings::default(),
            turns: Semaphore::new(AT_ONCE),
        };
        Router::new()
            .route("/", get(overview))
            .route("/api/v1/status", get(status))
            .route("/projects/{project}", get(project))
            .route("/api/v1/projects", get(projects))
            .route("/api/v1/projects/{project}", get(project_values))
            .route("/docs/metrics", get(reference))
            .route("/icon.svg", get(icon))
            .with_state(Arc::new(served))
    }
}

async fn overview(State(served): State<Arc<Served>>, uri: Uri) -> Response {
    made(
        served,
        Query::read(uri.query()),
        refused,
        move |served, query| {
            let now = (served.pages.now)();
            let found = query.search.map(|query| search::search(&now.view, &query));
            let status = served.status(&now);
            let polls = now.bridge.gitlabs.iter().map(|gitlab| {
                let polls = served.pages.history.polls(gitlab.name.as_deref());
                (polls, Clock::of(gitlab), gitlab.now)
            });
            let page = Overview {
                status: &status,
                polls: &polls.collect::<Vec<_>>(),
                found: found.as_ref(),
            };
            page_of(StatusCode::OK, page.html(&Root::from("/")).into_string())
        },
    )
    .await
}

async fn status(State(served): State<Arc<Served>>, uri: Uri) -> Response {
    made(
        served,
        Query::read(uri.query()),
        refused_as_json,
        |served, _| {
            let now = (served.pages.now)();
            json(StatusCode::OK, &served.status(&now))
        },
    )
    .await
}

async fn projects(State(served): State<Arc<Served>>, uri: Uri) -> Response {
    made(
        served,
        Query::read(uri.query()),
        refused_as_json,
        move |served, query| {
            let now = (served.pages.now)();
            let query = query.search.unwrap_or_default();
            json(StatusCode::OK, &search::search(&now.view, &query))
        },
    )
    .await
}

async fn project(
    State(served): State<Arc<Served>>,
    Path(project): Path<String>,
    uri: Uri,
) -> Response {
    made(
        served,
        Query::read(uri.query()),
        refused,
        move |served, query| {
            let root = Root::from(uri.path());
            match served.project(&project, &query) {
                Ok(project) => page_of(
                    StatusCode::OK,
                    project_page::project(&root, &project).into_string(),
                ),
                Err(none) => page_of(
                    StatusCode::NOT_FOUND,
                    project_page::none(&root, &none).into_string(),
                ),
            }
        },
    )
    .await
}

async fn project_values(
    State(served): State<Arc<Served>>,
    Path(project): Path<String>,
    uri: Uri,
) -> Response {
    made(
        served,
        Query::read(uri.query()),
        refused_as_json,
        move |served, query| match served.project(&project, &query) {
            Ok(project) => json(StatusCode::OK, &project),
            Err(none) => json(StatusCode::NOT_FOUND, &none),
        },
    )
    .await
}

/// The reference of all metrics, as the command `metrics` prints it.
async fn reference() -> Response {
    private(text(Catalogue::standard()).into_response())
}

async fn icon() -> Response {
    const HEADERS: [(HeaderName, &str); 2] = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "max-age=86400"),
    ];
    guarded((HEADERS, ICON).into_response())
}

impl Served {
    fn project(&self, project: &str, query: &Query) -> Result<Project, NoProject> {
        let now = (self.pages.now)();
        let gitlab = query.gitlab.as_deref();
        Project::of(project, gitlab, &now, &self.pages.explaining)
    }

    fn status(&self, now: &Now) -> Status {
        let status = Status::of(&Known {
            bridge: &now.bridge,
            history: &self.pages.history,
            rankings: &self.rankings.of(&now.view),
            ready: now.complaint.is_none(),
            settings: &self.pages.settings,
        });
        problems::judged(status, now.complaint.as_deref())
    }
}

/// Makes an answer in its turn, and not on a worker of the runtime. A query that can't be read is refused.
async fn made(
    served: Arc<Served>,
    query: Result<Query, String>,
    refuse: fn(String) -> Response,
    make: impl FnOnce(&Served, Query) -> Response + Send + 'static,
) -> Response {
    let query = match query {
        Ok(query) => query,
        Err(error) => return refuse(error),
    };
    let _turn = served.turns.acquire().await; // It is never closed.
    let making = Arc::clone(&served);
    let made = spawn_blocking(move || make(&making, query)).await;
    made.unwrap_or_else(|_| {
        let text = "This broke off: please report it, with the log.\n";
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    })
}
