//! A random sequence of faults, and what must hold all the time.

mod with_redis {
    use std::time::Duration;

    use crate::checks::{self, Budget};
    use crate::faults::Nemesis;
    use crate::group::{self, Group, LEASE};
    use crate::history::{History, Span, now};
    use crate::pushed;
    use crate::support::receiver::Receiver;

    /// What the replicas may ask of GitLab, and what follows from it as the documentation of the budget has it.
    const BUDGET: Budget = Budget {
        per_minute: 240,
        burst: 26.0,
        rate: 3.6,
    };

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn several_replicas_are_one_bridge_whatever_happens_to_them_and_to_the_engine() {
        let receiver = Receiver::start();
        let settings = [
            ("GITLAB_BRIDGE_POLL_BUDGET", "14400/h,240/m".to_owned()),
            ("OTEL_METRICS_EXPORTER", "otlp,prometheus".to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "250".to_owned()),
        ];
        let group = Group::start(3, &settings).await;
        let gitlab = std::sync::Arc::clone(&group.gitlab);
        group.wait_until_ready().await;
        let begin = now();
        let mut nemesis = Nemesis::new(group, seed());
        nemesis.rage(seconds()).await;
        let raged = Span { begin, end: now() };
        let mut history = nemesis.watching.end();
        for replica in 0..3 {
            nemesis.group.stop(replica).await;
        }
        history.excused = nemesis.group.excused;
        history.requests = group::requests(&gitlab);
        history.points = receiver.read(pushed::points);
        report(&history, raged, &nemesis.recoveries);
        assert_eq!(
            checks::broken(&history, BUDGET, LEASE),
            Vec::<String>::new()
        );
        assert_lively(&history, raged);
        for (life, said) in nemesis.group.said {
            let wrong = said
                .iter()
                .find(|line| line.contains("panicked") || line.contains("report this"));
            assert_eq!(wrong, None, "{life:?}");
        }
    }

    /// Versions come at a rate that no group without a leader has, and points too.
    fn assert_lively(history: &History, raged: Span) {
        let minutes = (raged.end - raged.begin).as_secs_f64() / 60.0;
        let versions = checks::versions_in(&history.heads, raged) as f64 / minutes;
        assert!(versions > 10.0, "{versions} versions a minute");
        let tokens = history.holders.iter().map(|holder| holder.token);
        let tokens: std::collections::BTreeSet<u64> = tokens.collect();
        assert!(tokens.len() > 1, "nobody ever took over");
        assert!(history.points.iter().any(|point| point.start.is_some()));
        assert!(history.scrapes.len() > 100, "{}", history.scrapes.len());
    }

    fn report(history: &History, raged: Span, recoveries: &[Duration]) {
        println!(
            "{:?}: {} versions, {} holders, {} scrapes, {} points, {} requests, recovered within {:?} at the most",
            raged.end - raged.begin,
            history.heads.len(),
            history.holders.len(),
            history.scrapes.len(),
            history.points.len(),
            history.requests.len(),
            recoveries.iter().max()
        );
    }

    /// A seed that the output tells; `REPLICAS_SEED` gives the same one again.
    fn seed() -> u64 {
        let seed = std::env::var("REPLICAS_SEED").ok();
        let seed = seed.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        println!("REPLICAS_SEED={seed}");
        seed
    }

    fn seconds() -> Duration {
        let seconds = std::env::var("REPLICAS_SECONDS").ok();
        let seconds = seconds.and_then(|seconds| seconds.parse().ok());
        Duration::from_secs(seconds.unwrap_or(30))
    }
}
