//! The polls of the last hours as a picture, with the same in words.

use maud::{Markup, html};

use super::clock::Clock;
use super::history::Poll;
use super::words::{counted, span};

/// The size of the picture, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 140.0;
/// What is left free for the labels.
const TOP: f64 = 22.0;
const BOTTOM: f64 = 22.0;
/// Polls of the same part of the time share a bar.
const BARS: usize = 90;
/// A shorter time is not stretched over the whole picture.
const SHORTEST: u64 = 60;

/// The polls that ended in one part of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bar {
    polls: u64,
    incomplete: u64,
    /// How long the longest took, in seconds.
    longest: f64,
}

/// Draws the polls of a GitLab, the oldest first.
pub fn polls(id: &str, polls: &[Poll], clock: Clock, now: u64) -> Markup {
    let Some(first) = polls.first() else {
        return html! { p { "No poll has ended yet." } };
    };
    let length = now.saturating_sub(first.ended).max(SHORTEST);
    let begin = now.saturating_sub(length);
    let bars = bars(polls, begin, length);
    let longest = bars.iter().map(|bar| bar.longest).fold(0.001, f64::max);
    let (title, text) = (format!("{id}-title"), format!("{id}-text"));
    let width = WIDTH / BARS as f64;
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby=(title) aria-describedby=(text) {
                title id=(title) { "Polls of the last " (span(length as f64)) }
                desc id=(text) { (in_words(polls, length)) }
                line.axis x1="0" x2=(WIDTH) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM) {}
                text x="6" y="15" { "longest: " (span(longest)) }
                text x="6" y=(HEIGHT - 6.0) { (clock.time(begin).of_day()) " UTC" }
                text x=(WIDTH - 6.0) y=(HEIGHT - 6.0) text-anchor="end" { (clock.time(now).of_day()) " UTC" }
                @for (place, bar) in bars.iter().enumerate().filter(|(_, bar)| bar.polls > 0) {
                    (drawn(bar, place as f64 * width, width, longest))
                }
            }
            figcaption.soft { (in_words(polls, length)) }
        }
    }
}

fn drawn(bar: &Bar, left: f64, width: f64, longest: f64) -> Markup {
    let room = HEIGHT - TOP - BOTTOM;
    let height = (bar.longest / longest * room).max(2.0);
    let top = HEIGHT - BOTTOM - height;
    let is_broken = bar.incomplete > 0;
    let class = if is_broken { "broken" } else { "done" };
    let (middle, mark) = (left + width / 2.0, top - 7.0);
    html! {
        rect class=(class) x=(unit(left + 0.5)) y=(unit(top)) width=(unit(width - 1.0)) height=(unit(height)) {}
        // What is broken differs in more than its colour.
        @if is_broken {
            path.mark d=(format!("M{} {}l6 6m0-6l-6 6", unit(middle - 3.0), unit(mark - 1.0))) {}
        }
    }
}

/// A coordinate, as short as it can be.
fn unit(number: f64) -> String {
    format!("{number:.1}")
}

fn bars(polls: &[Poll], begin: u64, length: u64) -> Vec<Bar> {
    let mut bars = vec![Bar::default(); BARS];
    for poll in polls {
        let place = poll.ended.saturating_sub(begin) * BARS as u64 / length.max(1);
        let bar = &mut bars[(place as usize).min(BARS - 1)];
        bar.polls += 1;
        bar.incomplete += u64::from(poll.failure.is_some());
        bar.longest = bar.longest.max(poll.took.as_secs_f64());
    }
    bars
}

/// The same in a sentence.
fn in_words(polls: &[Poll], length: u64) -> String {
    let incomplete = polls.iter().filter(|poll| poll.failure.is_some()).count() as u64;
    let requests = polls.iter().map(|poll| poll.requests).sum();
    let longest = polls.iter().map(|poll| poll.took).max().unwrap_or_default();
    let how = match incomplete {
        0 => "all complete".to_owned(),
        incomplete => format!("{incomplete} not complete, marked with a cross"),
    };
    format!(
        "{} in {}, {how}; the longest took {}; {}.",
        counted(polls.len() as u64, "poll"),
        span(length as f64),
        span(longest.as_secs_f64()),
        counted(requests, "request"),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::GitLabStatus;

    fn poll(ended: u64, took: u64, failure: Option<&str>) -> Poll {
        Poll {
            ended,
            took: Duration::from_secs(took),
            requests: 2,
            failure: failure.map(Into::into),
        }
    }

    #[test]
    fn polls_stand_where_they_ended_and_those_that_failed_are_marked() {
        let polls = [
            poll(1_000, 3, None),
            poll(1_009, 9, Some("status 502")),
            poll(1_900, 1, None),
        ];
        let bars = bars(&polls, 1_000, 900);
        let first = Bar {
            polls: 2,
            incomplete: 1,
            longest: 9.0,
        };
        assert_eq!(bars[0], first);
        assert_eq!(
            (bars[88].polls, bars[89].polls),
            (0, 1),
            "the newest is the last"
        );
        let drawn = super::polls("p", &polls, Clock::of(&GitLabStatus::default()), 1_900);
        let drawn = drawn.into_string();
        assert!(
            drawn.contains("3 polls in 15 min, 1 not complete"),
            "{drawn}"
        );
        assert_eq!(drawn.matches("class=\"mark\"").count(), 1);
    }

    #[test]
    fn before_the_first_poll_that_is_said() {
        let clock = Clock::of(&GitLabStatus::default());
        assert!(
            super::polls("p", &[], clock, 9)
                .into_string()
                .contains("No poll has ended yet")
        );
    }
}
