//! How a forecast reads: for a person, and for a program.

use serde_json::{Value, json};

use crate::gitlab::Budget;
use crate::poll::{ALONG, Advice, Assumption, Forecast, Kind, Price};
use crate::prose::{self, agree, counted, grouped};

/// A forecast for one GitLab, and the limits that it is compared with.
pub struct GitLabPlan {
    /// The name of the GitLab, where there are several.
    pub name: Option<String>,
    /// Whether the assumption is what GitLab said.
    pub surveyed: bool,
    pub assumption: Assumption,
    pub forecast: Forecast,
    /// What each subject costs.
    pub prices: Vec<Price>,
    pub limits: Vec<LimitCheck>,
}

/// Whether the requests stay within a limit.
pub struct LimitCheck {
    /// `poll.budget`, or the host that announced the limit.
    pub name: &'static str,
    pub limit: Budget,
    pub fits: bool,
    /// What to set so that they do; none if they do, or if nothing helps.
    pub advice: Option<Advice>,
}

/// Forecasts for a person.
pub fn text(plans: &[GitLabPlan]) -> String {
    let texts: Vec<_> = plans.iter().map(GitLabPlan::text).collect();
    texts.join("\n")
}

/// Forecasts for a program.
pub fn json(plans: &[GitLabPlan]) -> String {
    let all: Value = plans.iter().map(GitLabPlan::json).collect();
    format!("{all:#}\n")
}

impl GitLabPlan {
    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(name) = &self.name {
            text += &format!("{name}: ");
        }
        text += &self.summary();
        text += "\n\n";
        text += &self.table();
        text += "\n";
        text += &self.price_list();
        text += "\n";
        text += &self.assumed();
        text
    }

    fn summary(&self) -> String {
        let (projects, forecast) = (self.assumption.projects(), &self.forecast);
        let mut parts = vec![format!(
            "{}: {} for the first sweep, about {} a minute then",
            counted(grouped(projects as u64), "project"),
            counted(grouped(forecast.first_sweep), "request"),
            rounded(forecast.total() / 60.0),
        )];
        parts.extend(self.against_limits());
        parts.join(";\n  ")
    }

    /// How the requests compare with the limits: which carry them, and what to do about each that does not.
    pub fn against_limits(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let fitting = self.limits.iter().filter(|check| check.fits);
        let fitting: Vec<_> = fitting.map(LimitCheck::named).collect();
        if !fitting.is_empty() {
            parts.push(format!("fits {}", listed(&fitting)));
        }
        let others = self.limits.iter().filter(|check| !check.fits);
        let others =
            others.map(|check| format!("does not fit {}: {}", check.named(), check.remedy()));
        parts.extend(others);
        parts
    }

    fn table(&self) -> String {
        let mut table = format!("{:<20}{:>10}\n", "requests", "an hour");
        let mut row = |name: &str, requests: f64| {
            table += &format!("{name:<20}{:>10}\n", rounded(requests));
        };
        for kind in Kind::ALL {
            if let Some(requests) = self.forecast.an_hour.get(&kind) {
                row(kind.name(), *requests);
            }
        }
        row("all", self.forecast.total());
        row("busiest minute", self.forecast.busiest_minute as f64);
        table
    }

    /// What each subject costs, those that are on first.
    fn price_list(&self) -> String {
        let mut list = format!(
            "{:<28}{:>18}{:>20}\n{:<28}{:>8}{:>10}{:>10}{:>10}\n",
            "price of a subject", "over GraphQL", "over REST", "", "5 min", "hour", "5 min", "hour",
        );
        for price in &self.prices {
            let name = match price.is_on {
                true => price.subject.to_owned(),
                false => format!("{} (off)", price.subject),
            };
            list += &format!("{name:<28}");
            for (an_hour, width) in [(price.over_graphql, 8), (price.over_rest, 10)] {
                let five_minutes = rounded(an_hour / 12.0);
                list += &format!("{five_minutes:>width$}{:>10}", rounded(an_hour));
            }
            list += "\n";
        }
        list += &format!(
            "{ALONG} has what is asked along with each project. jobs and test_reports are read in the same\n\
             requests: both over GraphQL cost as much as one. A share of a request is what it weighs in it.\n"
        );
        list
    }

    fn assumed(&self) -> String {
        let assumption = &self.assumption;
        let selected: usize = assumption.lists.iter().map(|list| list.selected).sum();
        let hidden: usize = assumption.lists.iter().map(|list| list.hidden).sum();
        let active = grouped(assumption.active.round() as u64);
        let source = match self.surveyed {
            true => "GitLab says",
            false => "assumed",
        };
        let mut text = format!(
            "A request that carries several kinds counts for the one that comes first in it.\n\
             {source}: {} {} active in an hour; each of them is taken to run a pipeline",
            counted(&active, "project"),
            agree(&active, "is", "are"),
        );
        text += &format!(
            ", and three in ten deploy;\n{} and {} are assumed",
            counted(grouped(assumption.groups as u64), "group"),
            counted(grouped(assumption.runners as u64), "runner"),
        );
        if selected < assumption.projects() {
            let are = agree(selected, "is", "are");
            text += &format!("; {} {are} selected", grouped(selected as u64));
        }
        if hidden > 0 {
            let hide = agree(hidden, "hides", "hide");
            let hidden = grouped(hidden as u64);
            text += &format!("; {hidden} {hide} values that REST is asked for");
        }
        if !assumption.graphql {
            text += "; GraphQL can't be used, and REST costs more requests";
        }
        text + ".\n"
    }

    fn json(&self) -> Value {
        let (assumption, forecast) = (&self.assumption, &self.forecast);
        let kinds = Kind::ALL.into_iter().map(|kind| {
            let requests = forecast.an_hour.get(&kind).copied().unwrap_or_default();
            (kind.name().to_owned(), json!(requests))
        });
        let kinds: serde_json::Map<_, _> = kinds.collect();
        let sum = |of: fn(&crate::poll::Population) -> usize| {
            assumption.lists.iter().map(of).sum::<usize>()
        };
        let prices = self.prices.iter().map(|price| {
            json!({
                "subject": price.subject,
                "on": price.is_on,
                "an_hour_over_graphql": price.over_graphql,
                "an_hour_over_rest": price.over_rest,
            })
        });
        let limits: Value = self.limits.iter().map(LimitCheck::json).collect();
        json!({
            "instance": self.name,
            "surveyed": self.surveyed,
            "projects": assumption.projects(),
            "selected": sum(|list| list.selected),
            "hidden": sum(|list| list.hidden),
            "active_an_hour": assumption.active,
            "graphql": assumption.graphql,
            "first_sweep": forecast.first_sweep,
            "requests_an_hour": forecast.total(),
            "requests_an_hour_by_kind": kinds,
            "busiest_minute": forecast.busiest_minute,
            "prices": prices.collect::<Value>(),
            "limits": limits,
        })
    }
}

impl LimitCheck {
    /// Whether it is the budget that we keep, and no limit of GitLab.com.
    pub fn is_own(&self) -> bool {
        self.name == "poll.budget"
    }

    /// What to do where it is too small.
    pub fn remedy(&self) -> String {
        let nothing =
            || "neither poll.interval nor poll.sweep helps, select fewer projects".to_owned();
        self.advice.map_or_else(nothing, advise)
    }

    fn named(&self) -> String {
        let (hour, minute) = (self.limit.per_hour, self.limit.per_minute);
        let hour = grouped(u64::from(hour));
        match self.name {
            "poll.budget" => format!("poll.budget ({hour}/h, {}/min)", grouped(minute.into())),
            _ => format!("{hour}/h"),
        }
    }

    fn json(&self) -> Value {
        let seconds = |duration: std::time::Duration| duration.as_secs();
        json!({
            "name": self.name,
            "per_hour": self.limit.per_hour,
            "per_minute": self.limit.per_minute,
            "fits": self.fits,
            "set_interval_seconds": self.advice.and_then(|advice| advice.interval).map(seconds),
            "set_sweep_seconds": self.advice.and_then(|advice| advice.sweep).map(seconds),
        })
    }
}

fn advise(advice: Advice) -> String {
    let set = |name: &str, duration| format!("{name} to {}", prose::duration(duration));
    let interval = advice.interval.map(|to| set("poll.interval", to));
    let sweep = advice.sweep.map(|to| set("poll.sweep", to));
    let both: Vec<_> = interval.into_iter().chain(sweep).collect();
    format!("set {}", both.join(" and "))
}

fn listed(names: &[String]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        names => names.join(", "),
    }
}

/// A number with as many digits as an estimate deserves.
fn rounded(number: f64) -> String {
    match number < 9.95 && number.fract() != 0.0 {
        true => format!("{number:.1}"),
        false => grouped(number.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::poll::{ANNOUNCED, Source};

    fn plan() -> GitLabPlan {
        let an_hour = [
            (Kind::Probe, 1.0),
            (Kind::Recent, 1_260.0),
            (Kind::Sweep, 9.5),
            (Kind::Follow, 4_589.5),
        ];
        let check = |limit, fits, advice| LimitCheck {
            name: "gitlab.com",
            limit,
            fits,
            advice,
        };
        let advice = |interval, sweep| Advice {
            interval: Some(Duration::from_secs(interval)),
            sweep,
        };
        let day = Some(Duration::from_secs(86_400));
        let [small, middle, large] = ANNOUNCED;
        GitLabPlan {
            name: None,
            surveyed: false,
            assumption: Assumption::of(&[Source::All], 12_400, |_| 6_200.0),
            forecast: Forecast {
                first_sweep: 125,
                an_hour: BTreeMap::from(an_hour),
                busiest_minute: 99,
            },
            prices: vec![
                Price {
                    subject: "projects",
                    is_on: true,
                    over_graphql: 130.0,
                    over_rest: 120_000.0,
                },
                Price {
                    subject: "test_reports",
                    is_on: false,
                    over_graphql: 60.0,
                    over_rest: 45.5,
                },
            ],
            limits: vec![
                LimitCheck {
                    name: "poll.budget",
                    limit: Budget {
                        per_hour: 4_500,
                        per_minute: 90,
                    },
                    fits: false,
                    advice: Some(advice(900, day)),
                },
                check(small, false, Some(advice(180, None))),
                check(middle, true, None),
                check(large, true, None),
            ],
        }
    }

    #[test]
    fn a_forecast_is_a_sentence_a_table_and_what_it_rests_on() {
        let expected = "\
12,400 projects: 125 requests for the first sweep, about 98 a minute then;
  fits 15,000/h and 25,000/h;
  does not fit poll.budget (4,500/h, 90/min): set poll.interval to 15m and poll.sweep to 1d;
  does not fit 5,000/h: set poll.interval to 3m

requests               an hour
probe                        1
recent activity          1,260
sweep                      9.5
following                4,590
all                      5,860
busiest minute              99

price of a subject                over GraphQL           over REST
                               5 min      hour     5 min      hour
projects                          11       130    10,000   120,000
test_reports (off)                 5        60       3.8        46
projects has what is asked along with each project. jobs and test_reports are read in the same
requests: both over GraphQL cost as much as one. A share of a request is what it weighs in it.

A request that carries several kinds counts for the one that comes first in it.
assumed: 6,200 projects are active in an hour; each of them is taken to run a pipeline, and three in ten deploy;
1,240 groups and 1,240 runners are assumed.
";
        assert_eq!(text(&[plan()]), expected);
    }

    #[test]
    fn several_gitlabs_are_told_apart() {
        let named = |name: &str| GitLabPlan {
            name: Some(name.to_owned()),
            ..plan()
        };
        let text = text(&[named("home"), named("cloud")]);
        assert!(text.starts_with("home: 12,400 projects: "), "{text}");
        assert!(text.contains("\n\ncloud: 12,400 projects: "), "{text}");
    }

    #[test]
    fn what_stands_out_of_the_ordinary_is_said() {
        let mut plan = plan();
        plan.surveyed = true;
        plan.limits[0].advice = None;
        plan.assumption.graphql = false;
        plan.assumption.lists[0].selected = 12_000;
        plan.assumption.lists[0].hidden = 1_500;
        let text = text(&[plan]);
        for part in [
            "90/min): neither poll.interval nor poll.sweep helps, select fewer projects;",
            "GitLab says: 6,200 projects are active in an hour",
            "; 12,000 are selected; 1,500 hide values that REST is asked for; GraphQL can't be used",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_program_reads_the_same() {
        let json: Value = serde_json::from_str(&json(&[plan()])).unwrap();
        let forecast = &json[0];
        assert_eq!(forecast["projects"], 12_400);
        assert_eq!(forecast["first_sweep"], 125);
        assert_eq!(forecast["requests_an_hour"], 5_860.0);
        assert_eq!(forecast["requests_an_hour_by_kind"]["following"], 4_589.5);
        assert_eq!(forecast["requests_an_hour_by_kind"]["glances"], 0.0);
        assert_eq!(forecast["prices"][1]["subject"], "test_reports");
        assert_eq!(forecast["prices"][1]["an_hour_over_rest"], 45.5);
        assert_eq!(forecast["limits"][0]["set_sweep_seconds"], 86_400);
        assert_eq!(forecast["limits"][1]["set_interval_seconds"], 180);
        assert_eq!(forecast["limits"][2]["fits"], true);
    }
}
