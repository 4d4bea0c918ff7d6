//! A day on which a few projects change: what is seen of it, and what that costs.

use std::time::Duration;

use fastrand::Rng;
use gitlab_metrics_bridge::poll::Rhythm;
use gitlab_metrics_bridge::simulator::World;
use tokio::time::Instant;

use super::Bar;
use super::changes::{Change, Rate};
use super::ledger::{Key, Ledger};
use super::tally::Tally;
use crate::row;
use crate::simulation::truth::slot;
use crate::simulation::{Bridge, HOUR, MINUTE, Setup};

/// How late GitLab's statistics show a push.
const LAG: Duration = Duration::from_secs(7 * 60);
/// How many times the least that would do may be asked.
const MOST: f64 = 1.5;

/// A day to be simulated.
pub struct Day {
    pub projects: usize,
    pub hours: u32,
    pub interval: Duration,
    /// Whether its requests are held beside the least.
    pub measured: bool,
}

impl Day {
    /// The days of the bars.
    pub fn bars(quick: bool) -> Vec<Day> {
        let (projects, hours) = if quick { (2_000, 4) } else { (10_000, 24) };
        let day = |interval, measured| Day {
            projects,
            hours,
            interval,
            measured,
        };
        vec![day(5 * MINUTE, true), day(MINUTE, false)]
    }
}

/// Simulates a day.
pub async fn run(day: Day) -> Bar {
    let rate = Rate {
        cycle: 5 * MINUTE,
        active: day.projects / 100,
        quiet: day.projects / 300,
    };
    let setup = Setup {
        rhythm: Rhythm {
            interval: day.interval,
            ..Setup::default().rhythm
        },
        ..Setup::default()
    };
    let time = day.hours * HOUR;
    let changes = rate.draw(day.projects as u64, time, &mut Rng::with_seed(1));
    let mut world = World::large(day.projects);
    world.statistics_lag(LAG);
    world.latency(Duration::from_millis(200), Duration::from_millis(3));
    let mut bridge = Bridge::start(world, setup.clone());
    bridge
        .seen_within(HOUR, |snapshot| snapshot.project_count.is_some())
        .await;
    let first = bridge.asked().len();

    let mut ledger = Ledger::new(setup.rhythm);
    let mut tally = Tally::default();
    let mut changes = changes.into_iter().peekable();
    let start = Instant::now();
    for hour in 1..=day.hours {
        live(
            &mut bridge,
            &mut ledger,
            &mut changes,
            start,
            start + hour * HOUR,
        )
        .await;
        tally.hour(&bridge.asked());
    }
    // Nothing changes any more, and all that has is to be seen.
    let end = Instant::now() + LAG + setup.rhythm.sweep + 2 * day.interval;
    live(&mut bridge, &mut ledger, &mut changes, start, end).await;
    report(&day, rate, first, &ledger, &tally, &setup)
}

/// Lets things happen until a moment, and looks at every snapshot.
async fn live(
    bridge: &mut Bridge,
    ledger: &mut Ledger,
    changes: &mut std::iter::Peekable<impl Iterator<Item = Change>>,
    start: Instant,
    until: Instant,
) {
    let commits = slot("statistics.commitCount");
    while Instant::now() < until {
        let next = changes.peek().map_or(until, |change| start + change.at);
        if let Some(snapshot) = bridge.next(next.min(until)).await {
            let took = snapshot
                .report
                .as_ref()
                .map_or(Duration::ZERO, |report| report.took);
            ledger.show(&snapshot, Instant::now() - took);
            continue;
        }
        let Some(change) = changes.next_if(|change| start + change.at <= Instant::now()) else {
            continue;
        };
        let before = bridge.snapshot();
        for (key, fact) in bridge.gitlab.edit(|world| change.happen(world)) {
            let lag = match key {
                Key::Value(_, slot) if slot == commits => LAG,
                _ => Duration::ZERO,
            };
            ledger.note(Instant::now() + lag, change.class, key, fact, &before);
        }
    }
}

fn report(
    day: &Day,
    rate: Rate,
    first: usize,
    ledger: &Ledger,
    tally: &Tally,
    setup: &Setup,
) -> Bar {
    let minutes = day.interval.as_secs() / 60;
    let mut bar = Bar::new(format!(
        "{} projects, {} of them active in 5 minutes, for {} hours at an interval of {minutes}m",
        day.projects, rate.active, day.hours
    ));
    let head = row![
        "change", "made", "seen", "late", "median", "longest", "promised"
    ];
    let rows = ledger.made.iter().map(|(class, made)| {
        let mut took = ledger.seen.get(class).cloned().unwrap_or_default();
        took.sort_unstable();
        let shown = |time: Option<&Duration>| time.map_or("-".to_owned(), seconds);
        let late = ledger.late.get(class).map_or(0, Vec::len);
        row![
            class.meaning(),
            made,
            took.len(),
            late,
            shown(took.get(took.len() / 2)),
            shown(took.last()),
            seconds(&class.promised(setup.rhythm)),
        ]
    });
    bar.table(std::iter::once(head).chain(rows));
    bar.table(tally.rows());

    // In each cycle those that changed, a hundred in a request, and in each hour everybody.
    let day_of = f64::from(day.hours) * HOUR.as_secs_f64();
    let cycles = day_of / day.interval.as_secs_f64();
    let changed = rate.active as f64 * day.interval.div_duration_f64(rate.cycle);
    let pages = day.projects as f64 / 100.0;
    let least = (changed / 100.0).ceil() * cycles + pages * f64::from(day.hours);
    let naive = (2.0 * day.projects as f64 + pages) * cycles;
    let ratio = tally.all() as f64 / least;
    bar.table([
        row!["requests", "in all", "to the least"],
        row!["first sweep", first, ""],
        row!["then", tally.all(), format!("{ratio:.2}")],
        row!["the least that would do", least, "1.00"],
        row![
            "a script that asks everyone",
            naive,
            format!("{:.0}", naive / least)
        ],
    ]);
    hold_truth(&mut bar, ledger);
    bar.hold(
        !day.measured || ratio <= MOST,
        format!("{ratio:.2} times the least"),
    );
    bar
}

/// Nothing is late, lost or wrong.
fn hold_truth(bar: &mut Bar, ledger: &Ledger) {
    let late: Vec<&String> = ledger.late.values().flatten().collect();
    let unseen = ledger.unseen();
    let some = |lines: &[String]| lines.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    bar.hold(
        late.is_empty(),
        format!(
            "{} late: {:?}",
            late.len(),
            late.iter().take(5).collect::<Vec<_>>()
        ),
    );
    bar.hold(
        unseen.is_empty(),
        format!("{} lost: {}", unseen.len(), some(&unseen)),
    );
    bar.hold(
        ledger.wrong.is_empty(),
        format!("{} wrong: {}", ledger.wrong.len(), some(&ledger.wrong)),
    );
}

fn seconds(time: &Duration) -> String {
    format!("{}s", time.as_secs())
}
