//! Which portion of the exposition is asked for: all of it, or what is about GitLab or the bridge alone.

use std::sync::Arc;

use super::fragments::MetricText;
use super::shards::Shard;

/// What of the exposition a scrape gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// What is about GitLab, and what the bridge says of itself.
    All,
    /// What is about GitLab: the same at every replica.
    GitLab,
    /// What the bridge says of itself: each replica something else.
    Bridge,
    /// A shard of what is about GitLab. With the first one comes what the bridge says of itself, unless that is
    /// told apart.
    Shard { shard: Shard, own_apart: bool },
}

impl Portion {
    /// The texts of this portion. Some of them are the bridge's own: what GitLab tells of the bridge's token.
    pub(super) fn texts(self, all: &[Arc<MetricText>]) -> Vec<Arc<MetricText>> {
        let of_portion = |text: &&Arc<MetricText>| match self {
            Portion::All => true,
            Portion::GitLab => !text.is_named(OWN),
            Portion::Bridge => text.is_named(OWN),
            Portion::Shard { own_apart, .. } => !own_apart || !text.is_named(OWN),
        };
        all.iter().filter(of_portion).cloned().collect()
    }

    /// Whether the bridge says in it how it gets on at this moment.
    pub(super) fn has_own(self) -> bool {
        match self {
            Portion::All | Portion::Bridge => true,
            Portion::GitLab => false,
            Portion::Shard { shard, own_apart } => shard.is_first() && !own_apart,
        }
    }
}

/// What the names of all series about the bridge begin with, other than those of its process.
const OWN: &[u8] = b"gitlab_bridge_";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use opentelemetry_sdk::Resource;

    use super::*;
    use crate::export::Prometheus;
    use crate::metrics::{
        BridgeStatus, Catalogue, Choices, EnabledMetrics, Grain, Identity, Owner, Reading, Report,
        Snapshot, View,
    };

    /// A GitLab of one project, which tells when the bridge's token ends.
    fn prometheus() -> Prometheus {
        let shown = EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default());
        let known = |grain| {
            let columns = Catalogue::standard().columns(grain).iter();
            columns.map(|_| Reading::known(7.0, 1)).collect()
        };
        let identity = Identity {
            id: 5,
            ..Identity::default()
        };
        let projects = vec![Arc::new(Owner::new(identity, 1, known(Grain::Project)))];
        let mut snapshot = Snapshot::new(1, projects, Some(1), Report::default(), &shown);
        let instance = Owner::new(Identity::default(), 1, known(Grain::Instance));
        snapshot.instance = Arc::new(instance);
        snapshot.series = shown.series(&snapshot);
        let resource = Resource::builder_empty()
            .with_service_name("bridge")
            .build();
        let prometheus = Prometheus::build(&resource, shown).unwrap();
        prometheus
            .render(&Arc::new(View::from(Arc::new(snapshot))))
            .unwrap();
        prometheus
    }

    fn lines(prometheus: &Prometheus, portion: Portion) -> BTreeSet<String> {
        let status: crate::export::Introspect = Arc::new(|_| BridgeStatus::default());
        let exposition = prometheus.portion(portion, &status, false).unwrap();
        let length = exposition.length;
        let text = String::from_utf8(exposition.pieces.concat()).unwrap();
        assert_eq!(length, text.len() as u64);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_about_gitlab_and_what_is_about_the_bridge_are_all_there_is() {
        let prometheus = prometheus();
        let [all, gitlab, bridge] = [Portion::All, Portion::GitLab, Portion::Bridge]
            .map(|portion| lines(&prometheus, portion));
        assert_eq!(all, gitlab.union(&bridge).cloned().collect());
        assert!(gitlab.is_disjoint(&bridge));
        let own = ["gitlab_bridge_", "process_", "target_info"];
        let is_own = |line: &String| own.iter().any(|own| line.contains(own));
        assert!(bridge.iter().all(is_own) && !gitlab.iter().any(is_own));
        let has = |name| bridge.iter().any(|line| line.starts_with(name));
        assert!(has("gitlab_bridge_token_expiry_timestamp_seconds 7"));
        assert!(has("gitlab_bridge_build_info{") && has("target_info"));
    }
}
