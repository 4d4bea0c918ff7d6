//! Several replicas that are one bridge: who leads, what each of them shows, and how the engine between them
//! gets on. Where one process is alone there is none of it.

use crate::metrics::subject::{Attribute, Cadence, Grain, Rows, Shows, Subject, counter, gauge};
use crate::metrics::{ClusterStatus, Emit, GitLabStatus, Leadership};

pub(super) static SUBJECT: Subject = Subject {
    name: "bridge",
    of: Grain::Instance,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[],
    metrics: &[
        gauge(
            "gitlab_bridge_leader",
            "",
            "Whether this replica leads: it polls this GitLab, and the others show what it publishes; absent without replicas",
            &[],
            Shows::GitLab(|gitlab, emit| {
                of_lease(gitlab, emit, |lease| {
                    Some(if lease.is_ours { 1.0 } else { 0.0 })
                });
            }),
        ),
        gauge(
            "gitlab_bridge_lease_token",
            "",
            "The newest token of a lease on this GitLab that this replica knows of; each new leader has a higher one",
            &[],
            Shows::GitLab(|gitlab, emit| {
                of_lease(gitlab, emit, |lease| lease.token.map(|token| token as f64));
            }),
        ),
        counter(
            "gitlab_bridge_lease_changes_total",
            "{change}",
            "How often this replica has seen another one begin to lead, itself included, since its start",
            &[],
            Shows::GitLab(|gitlab, emit| {
                of_lease(gitlab, emit, |lease| Some(lease.changes as f64));
            }),
        ),
        gauge(
            "gitlab_bridge_version",
            "",
            "The number of the version of this GitLab's series that this replica shows, and of the newest one in the engine",
            &[OF],
            Shows::GitLab(|gitlab, emit| {
                let Some(lease) = &gitlab.leadership else {
                    return;
                };
                for (of, version) in [("shown", lease.shown), ("published", lease.published)] {
                    if let Some(version) = version {
                        emit(&[(OF.name, of)], version as f64);
                    }
                }
            }),
        ),
        gauge(
            "gitlab_bridge_engine_up",
            "",
            "Whether the engine that replicas share answers this one",
            &[],
            Shows::Bridge(|bridge, emit| {
                of_engine(bridge.cluster.as_ref(), emit, |cluster| {
                    Some(if cluster.engine_up? { 1.0 } else { 0.0 })
                });
            }),
        ),
        gauge(
            "gitlab_bridge_engine_seconds",
            "s",
            "How long the last answer of the engine that replicas share took",
            &[],
            Shows::Bridge(|bridge, emit| {
                of_engine(bridge.cluster.as_ref(), emit, |cluster| {
                    Some(cluster.engine_took?.as_secs_f64())
                });
            }),
        ),
        counter(
            "gitlab_bridge_refused_writes_total",
            "{write}",
            "Writes of this replica that the engine refused since the start, because another replica leads",
            &[WHAT],
            Shows::Bridge(|bridge, emit| {
                let refused = bridge.cluster.iter();
                for (what, count) in refused.flat_map(|cluster| &cluster.refused_writes) {
                    emit(&[(WHAT.name, *what)], *count as f64);
                }
            }),
        ),
    ],
};

fn of_lease(
    gitlab: &GitLabStatus,
    emit: &mut Emit<'_>,
    value: impl Fn(&Leadership) -> Option<f64>,
) {
    if let Some(value) = gitlab.leadership.as_ref().and_then(value) {
        emit(&[], value);
    }
}

fn of_engine(
    cluster: Option<&ClusterStatus>,
    emit: &mut Emit<'_>,
    value: impl Fn(&ClusterStatus) -> Option<f64>,
) {
    if let Some(value) = cluster.and_then(value) {
        emit(&[], value);
    }
}

const OF: Attribute = Attribute {
    name: "of",
    meaning: "`shown`: the version that this replica shows; `published`: the newest one in the engine that it knows of.",
    examples: &["shown", "published"],
};

const WHAT: Attribute = Attribute {
    name: "what",
    meaning: "What was to be written: `publish` (a version of the series), `take` (a request taken from the budget), `renew` and `resign` (the lease) or `drain` (the hints of webhooks, taken out).",
    examples: &["publish", "take", "renew", "resign", "drain"],
};

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{BridgeStatus, Catalogue};

    /// Every series of the metrics of this file, as a line.
    fn shown(bridge: &BridgeStatus) -> Vec<String> {
        let mut lines = Vec::new();
        for row in SUBJECT.metrics {
            let metric = Catalogue::standard().find(row.name).unwrap();
            metric.observe_bridge(bridge, &mut |attributes, value| {
                let labels = attributes.iter().map(|(_, label)| format!(" {label}"));
                let labels: String = labels.collect();
                let name = row.name.trim_start_matches("gitlab_bridge_");
                lines.push(format!("{name}{labels} {value}"));
            });
        }
        lines
    }

    #[test]
    fn one_process_alone_shows_nothing_of_replicas_and_not_zero() {
        let bridge = BridgeStatus {
            gitlabs: vec![GitLabStatus::default()],
            ..BridgeStatus::default()
        };
        assert_eq!(shown(&bridge), Vec::<String>::new());
    }

    #[test]
    fn what_a_replica_does_not_know_yet_is_absent() {
        let bridge = BridgeStatus {
            gitlabs: vec![GitLabStatus {
                leadership: Some(Leadership::default()),
                ..GitLabStatus::default()
            }],
            cluster: Some(ClusterStatus::default()),
            ..BridgeStatus::default()
        };
        assert_eq!(shown(&bridge), ["leader 0", "lease_changes_total 0"]);
    }

    #[test]
    fn each_replica_shows_who_leads_which_version_it_has_and_how_the_engine_gets_on() {
        let lease = |is_ours, shown| Leadership {
            is_ours,
            token: Some(1_795_777_200_123),
            changes: 3,
            shown: Some(shown),
            published: Some(42),
            ..Leadership::default()
        };
        let gitlab = |name: &str, lease| GitLabStatus {
            name: Some(name.into()),
            leadership: Some(lease),
            ..GitLabStatus::default()
        };
        let bridge = BridgeStatus {
            gitlabs: vec![
                gitlab("com", lease(true, 42)),
                gitlab("own", lease(false, 41)),
            ],
            cluster: Some(ClusterStatus {
                engine_up: Some(false),
                engine_took: Some(Duration::from_millis(3)),
                refused_writes: [("budget", 0), ("version", 2)].into(),
                ..ClusterStatus::default()
            }),
            ..BridgeStatus::default()
        };
        let expected = [
            "leader com 1",
            "leader own 0",
            "lease_token com 1795777200123",
            "lease_token own 1795777200123",
            "lease_changes_total com 3",
            "lease_changes_total own 3",
            "version shown com 42",
            "version published com 42",
            "version shown own 41",
            "version published own 42",
            "engine_up 0",
            "engine_seconds 0.003",
            "refused_writes_total budget 0",
            "refused_writes_total version 2",
        ];
        assert_eq!(shown(&bridge), expected);
    }
}
