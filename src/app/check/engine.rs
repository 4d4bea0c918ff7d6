//! The engine that replicas share: whether it answers, is new enough, keeps what it is given and lets us do all that
//! is needed.

use super::findings::{Finding, Findings, good, note, of_two, problem};
use crate::app::waiting;
use crate::cluster::{self, Engine, Examination};
use crate::config::Config;
use crate::prose::duration;

/// An answer that takes a larger part of a lease than this makes renewals fail on a bad day.
const PART_OF_LEASE: u32 = 50;

/// Looks at the engine, if there is one.
pub async fn check(config: &Config, findings: &mut Findings) {
    let Some(cluster) = &config.cluster else {
        return;
    };
    let engine = match Engine::new(cluster, "check".to_owned()) {
        Ok(engine) => engine,
        Err(error) => return findings.tell(of_two("engine", &error.to_string())),
    };
    let examined = waiting::told("the engine to answer", engine.examine()).await;
    let examined = match examined {
        Ok(examined) => examined,
        Err(error) => return findings.tell(of_two("engine", &error.to_string())),
    };
    findings.tell(reached(cluster, &examined));
    findings.tell(eviction(&examined));
    findings.tell(rights(cluster, &examined));
}

fn reached(cluster: &cluster::Config, examined: &Examination) -> Finding {
    let product = examined.product.as_deref().unwrap_or("the engine");
    let version = examined
        .version
        .as_deref()
        .unwrap_or("of an unknown version");
    let took = duration(examined.latency);
    let text = format!(
        "{product} {version} answers in {took}; the group is {}",
        cluster.name
    );
    let finding = match () {
        () if !examined.is_new_enough => problem(
            "engine",
            format!("{product} {version} lacks what the bridge needs"),
        )
        .advising("Run Redis 6.2 or Valkey 7.2, or newer."),
        () if examined.is_cluster => problem(
            "engine",
            format!("{product} {version} is one of a cluster with slots"),
        )
        .advising("Name a server in cluster.url that is not: a cluster was not tried."),
        () if examined.latency > cluster.lease / PART_OF_LEASE => {
            let lease = duration(cluster.lease);
            note(
                "engine",
                format!("{text}, which is slow for a lease of {lease}"),
            )
            .advising("Run the engine nearer, or set a longer cluster.lease.")
        }
        () => good("engine", text),
    };
    finding
        .with("product", examined.product.clone())
        .with("version", examined.version.clone())
        .with("group", cluster.name.clone())
        .with_seconds("latency_seconds", examined.latency)
}

fn eviction(examined: &Examination) -> Finding {
    let finding = match examined.eviction.as_deref() {
        _ if examined.product.is_none() => note(
            "eviction",
            "the engine does not say what it does when its memory is full",
        )
        .advising("See that its maxmemory-policy is noeviction."),
        None => good(
            "eviction",
            "the engine's memory has no limit, so it evicts nothing",
        ),
        Some("noeviction") => good("eviction", "the engine evicts nothing"),
        Some(policy) => note(
            "eviction",
            format!(
                "the engine may evict the lease or a version when its memory is full ({policy})"
            ),
        )
        .advising(
            "Set its maxmemory-policy to noeviction, or give the bridge a server of its own.",
        ),
    };
    finding.with("policy", examined.eviction.clone())
}

fn rights(cluster: &cluster::Config, examined: &Examination) -> Finding {
    let user = cluster.user.as_deref().unwrap_or("default");
    let lacking = examined.lacking.join(" ");
    let finding = match examined.lacking.is_empty() {
        true => good(
            "rights",
            format!("the user {user} may do all that is needed"),
        ),
        false => problem("rights", format!("the user {user} lacks {lacking}"))
            .advising(format!("Run `ACL SETUSER {user} {lacking}` on the engine.")),
    };
    finding
        .with("user", user)
        .with("lacking", examined.lacking.clone())
}
