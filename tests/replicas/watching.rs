//! Watches a group from outside while something happens to it: scrapes each replica, and reads what stands in the
//! engine.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use reqwest::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::group::{GROUP, Group, Place, TOGETHER};
use crate::history::{Gap, Head, History, Holder, Life, Moment, Scrape, Span, now};
use crate::support::exposition::Exposition;
use crate::support::process::http_client;

/// From one scrape of a replica to the next.
const SCRAPES: Duration = Duration::from_millis(100);
/// From one look at the engine to the next: more often than versions are published.
const LOOKS: Duration = Duration::from_millis(10);

/// What watches, until it is asked what it saw.
pub struct Watching {
    history: Arc<Mutex<History>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Watching {
    pub fn begin(group: &Group) -> Watching {
        let history = Arc::<Mutex<History>>::default();
        let scraping = group.places.iter().map(|place| {
            let history = Arc::clone(&history);
            tokio::spawn(scrape_on(place.subscribe(), history))
        });
        let mut tasks: Vec<_> = scraping.collect();
        let (ports, seen) = (group.engine_port.subscribe(), Arc::clone(&history));
        tasks.push(tokio::spawn(look_on(
            ports,
            place(group.gitlab.url()),
            seen,
        )));
        Watching { history, tasks }
    }

    /// What was seen so far.
    pub fn so_far(&self) -> History {
        self.history.lock().expect("no one panics").clone()
    }

    /// Notes that the engine could not be asked, and whether it has forgotten something when it came back.
    pub fn engine_was_away(&self, begin: Moment, forgot: bool) {
        let mut history = self.history.lock().expect("no one panics");
        let end = now();
        history.away.push(Span { begin, end });
        if forgot {
            history.forgot.push(begin);
        }
    }

    /// Ends, and returns what was seen.
    pub fn end(self) -> History {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.so_far()
    }
}

async fn scrape_on(places: watch::Receiver<Place>, history: Arc<Mutex<History>>) {
    let (client, mut shown_in) = (http_client(), None);
    loop {
        sleep(SCRAPES).await;
        let Some((life, url)) = places.borrow().clone() else {
            continue;
        };
        let begin = now();
        let answer = scraped(&client, &url, life).await;
        let mut history = history.lock().expect("no one panics");
        match answer {
            // Before the first version there is nothing to show.
            Ok(scrape) if scrape.pulse.is_empty() && shown_in != Some(life) => {}
            Ok(scrape) if scrape.pulse.len() == 3 * TOGETHER.len() => {
                shown_in = Some(life);
                history.scrapes.push(scrape);
            }
            other => {
                let why = match other {
                    Ok(scrape) => format!("only {:?} is shown", scrape.pulse),
                    Err(why) => why,
                };
                let end = now();
                let span = Span { begin, end };
                history.gaps.push(Gap { span, life, why });
            }
        }
    }
}

async fn scraped(client: &Client, url: &str, life: Life) -> Result<Scrape, String> {
    let answer = client.get(format!("{url}/metrics")).send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status);
    let answer = answer.map_err(|error| format!("{error:?}"))?;
    let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
    let exposition = Exposition::parse(&text)?;
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    Ok(Scrape {
        at: now(),
        life,
        pulse: pulse(&exposition),
        counters: counters(&exposition),
        text: hasher.finish(),
    })
}

/// The numbers that GitLab changes together, as far as they are shown.
pub fn pulse(exposition: &Exposition) -> Vec<f64> {
    let each = TOGETHER.iter().flat_map(|id| {
        let id = id.to_string();
        let project = ("project_id", id.as_str());
        [
            exposition.value("gitlab_commits_total", [project]),
            exposition.value("gitlab_project_stars", [project]),
            exposition.value("gitlab_issues", [project, ("state", "opened")]),
        ]
    });
    each.flatten().collect()
}

fn counters(exposition: &Exposition) -> BTreeMap<String, f64> {
    let families = exposition.families.values();
    let counting =
        families.filter(|family| ["counter", "histogram"].contains(&family.kind.as_str()));
    let samples = counting.flat_map(|family| &family.samples);
    let series = samples.flat_map(|(name, series)| {
        let named = series.iter();
        named.map(move |(labels, value)| (format!("{name}{labels:?}"), *value))
    });
    series.collect()
}

/// What all keys about a GitLab begin with.
fn place(gitlab: &str) -> String {
    let address = gitlab.trim_start_matches("http://").trim_end_matches('/');
    format!("{{gmb}}:{GROUP}:{}/", address.replace(':', "%3A"))
}

async fn look_on(ports: watch::Receiver<u16>, place: String, history: Arc<Mutex<History>>) {
    loop {
        let port = *ports.borrow();
        if let Ok(mut connection) = connected(port).await {
            while *ports.borrow() == port {
                let looked = timeout(Duration::from_secs(1), look(&mut connection, &place)).await;
                let Ok(Ok((head, holder))) = looked else {
                    break;
                };
                note(&mut history.lock().expect("no one panics"), head, holder);
                sleep(LOOKS).await;
            }
        }
        sleep(LOOKS).await;
    }
}

async fn connected(port: u16) -> redis::RedisResult<MultiplexedConnection> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
    client.get_multiplexed_async_connection().await
}

/// The newest version and the lease, of the same moment.
async fn look(
    connection: &mut MultiplexedConnection,
    place: &str,
) -> redis::RedisResult<(Option<Head>, Option<Holder>)> {
    let key = |name: &str| format!("{place}:{name}");
    let mut both = redis::pipe();
    both.atomic();
    both.cmd("HMGET")
        .arg(key("head"))
        .arg("token")
        .arg("version");
    both.cmd("GET").arg(key("lease"));
    let (head, lease): (Vec<Option<u64>>, Option<String>) = both.query_async(connection).await?;
    let at = now();
    let head = match head[..] {
        [Some(token), Some(version)] => Some(Head { at, token, version }),
        _ => None,
    };
    let holder = lease.and_then(|lease| {
        let (token, replica) = lease.split_once(':')?;
        Some(Holder {
            at,
            token: token.parse().ok()?,
            replica: replica.to_owned(),
        })
    });
    Ok((head, holder))
}

/// Notes what is new.
fn note(history: &mut History, head: Option<Head>, holder: Option<Holder>) {
    let last = history.heads.last();
    let same = |last: &Head, new: &Head| (last.token, last.version) == (new.token, new.version);
    if let Some(head) = head.filter(|new| !last.is_some_and(|last| same(last, new))) {
        history.heads.push(head);
    }
    let last = history.holders.last();
    let same =
        |last: &Holder, new: &Holder| (last.token, &last.replica) == (new.token, &new.replica);
    if let Some(holder) = holder.filter(|new| !last.is_some_and(|last| same(last, new))) {
        history.holders.push(holder);
    }
}
