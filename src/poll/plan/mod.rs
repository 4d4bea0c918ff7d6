//! What is asked of this GitLab: the questions it can answer, as GraphQL documents.

mod capabilities;
mod feed_selections;
mod moments;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use capabilities::{Capabilities, PROBE};
pub use feed_selections::FeedDepth;
use feed_selections::FeedSelections;
use moments::ages;
pub use moments::{dated, timestamp};

use super::fields::Fields;
use crate::metrics::{
    AskedColumns, ChangesWith, EnabledMetrics, Grain, Identity, Selection, UnixTime,
};

/// What this GitLab can be asked, and how its answers are read.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everything that is known of a project.
    pub whole: AskedColumns,
    /// What its activity moves.
    pub activity: AskedColumns,
    /// The subjects that are asked along with a project, each alone, by name.
    subjects: BTreeMap<&'static str, AskedColumns>,
    /// The subjects of projects with a pace of their own, in the order of [`EnabledMetrics::rounds`].
    pub rounds: Vec<AskedColumns>,
    feeds: Vec<FeedSelections>,
    /// The subjects of the GitLab itself with a pace of their own, and all that is asked of a group.
    pub instance_rounds: Vec<AskedColumns>,
    pub group: AskedColumns,
    glance: Selection,
    recent: Selection,
    identity: Selection,
    /// What GitLab's types have, for the documents that are not made of selections.
    pub fields: Fields,
}

/// A part of a request: some projects, and how much is asked of each. Several parts travel in one
/// request as long as GitLab allows so much in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPart {
    /// The projects.
    pub list: List,
    /// How much.
    pub depth: Depth,
    /// How many of them at the most.
    pub first: usize,
    /// Behind which of them.
    pub after: Option<String>,
}

/// A list of projects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum List {
    /// Those the user is a member of.
    Membership,
    /// All that can be seen.
    All,
    /// Those below a group.
    Group(String),
    /// Those with these ids.
    Ids(Vec<u64>),
    /// Those at these full paths.
    Paths(Vec<String>),
}

/// How much is asked of each project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything.
    Whole,
    /// What activity moves.
    Activity,
    /// Whether pipelines ran since, and whether it is where and what it was.
    Glance {
        /// Since when.
        since: UnixTime,
    },
    /// When it was last active; those that were active last come first.
    Recent,
    /// Who it is: for a page that is too heavy otherwise.
    Identity,
    /// One subject that is otherwise asked along with the project, by its name.
    Subject(&'static str),
    /// One subject with a pace of its own, by its place in [`Plan::rounds`].
    Round(usize),
    /// Something of a feed, by its place in the catalogue.
    Feed(FeedDepth, u8),
}

impl Plan {
    /// The plan for what is enabled.
    pub fn new(enabled: &EnabledMetrics, capabilities: &Capabilities) -> Plan {
        let select = |paths: &[&str], light: bool| capabilities.select(paths, light);
        let identity = identity(enabled);
        let mut whole = AskedColumns {
            selection: select(&identity, false),
            ..AskedColumns::default()
        };
        let mut activity = AskedColumns {
            selection: select(&["id", "lastActivityAt"], false),
            ..AskedColumns::default()
        };
        let mut glance = select(&["id", "fullPath", "archived", "lastActivityAt"], false);
        let mut subjects = BTreeMap::new();
        for &place in enabled.columns() {
            let placed = &enabled.catalogue.project_columns()[place];
            let column = placed.column;
            if !capabilities.has(column.graphql) {
                whole.unsupported.push(place);
                continue;
            }
            whole.add(place, column.graphql);
            let alone = subjects.entry(placed.subject.name);
            let alone: &mut AskedColumns = alone.or_insert_with(|| AskedColumns {
                selection: select(&["id"], false),
                ..AskedColumns::default()
            });
            alone.add(place, column.graphql);
            match column.changes_with {
                ChangesWith::Activity => activity.add(place, column.graphql),
                ChangesWith::Pipelines if capabilities.has(PIPELINES) => {
                    glance.add(PIPELINES);
                }
                ChangesWith::Pipelines | ChangesWith::Nothing => {}
            }
        }
        whole.add_tables(enabled, |path| capabilities.has(path));
        let rounds = enabled.rounds(Grain::Project);
        Plan {
            instance_rounds: of_instance_rounds(enabled, capabilities),
            group: AskedColumns::of_group(enabled, |path| capabilities.has_of_group(path)),
            rounds: rounds
                .map(|round| AskedColumns::of_round(round, enabled, |path| capabilities.has(path)))
                .collect(),
            feeds: enabled
                .catalogue
                .feeds(Grain::Project)
                .iter()
                .map(|placed| FeedSelections::new(placed, capabilities))
                .collect(),
            whole,
            activity,
            subjects,
            glance,
            recent: select(&["id", "lastActivityAt"], false),
            identity: select(&identity, true),
            fields: capabilities.fields.clone(),
        }
    }

    /// One request for several parts: the document and its variables. The answer to a part stands
    /// under its [`alias`]. Placeholders of a selection such as `$ago7d` stand for times before `now`.
    pub fn request(&self, parts: &[RequestPart], now: UnixTime) -> (String, Value) {
        let (mut declared, mut fields) = (Vec::new(), Vec::new());
        let mut variables = serde_json::Map::new();
        for (index, part) in parts.iter().enumerate() {
            let mut declare = |name: &str, kind: &str, value: Value| {
                declared.push(format!("${name}{index}: {kind}"));
                variables.insert(format!("{name}{index}"), value);
                format!("${name}{index}")
            };
            let (mut arguments, group) = part.list.arguments(&mut declare);
            if part.depth == Depth::Recent {
                // A group's list has an enum for what the list of all calls by a text.
                let sort = group
                    .as_ref()
                    .map_or("\"latest_activity_desc\"", |_| "ACTIVITY_DESC");
                arguments.push(format!("sort: {sort}"));
            }
            let first = declare("first", "Int!", part.first.into());
            arguments.push(format!("first: {first}"));
            let feed = match part.depth {
                Depth::Feed(depth, _) => Some(depth),
                _ => None,
            };
            if let (Some(after), None) = (&part.after, feed) {
                let after = declare("after", "String", after.as_str().into());
                arguments.push(format!("after: {after}"));
            }
            let mut selection = self.dated_selection(part.depth, now, &mut declare);
            if let Some(since) = feed.and_then(FeedDepth::since) {
                let since = declare("since", "Time!", timestamp(since).into());
                selection = selection.replace("$since", &since);
            }
            if let (Some(after), Some(_)) = (&part.after, feed) {
                let after = declare("after", "String", after.as_str().into());
                selection = selection.replace("$after", &after);
            }
            let arguments = arguments.join(", ");
            // Who asks for single projects knows how many there are.
            let page_info = match feed {
                Some(_) => "",
                None => " pageInfo { hasNextPage endCursor }",
            };
            let page = format!("projects({arguments}) {{ nodes {{ {selection} }}{page_info} }}");
            let alias = alias(index);
            fields.push(match group {
                None => format!("{alias}: {page}"),
                Some(path) => format!("{alias}: group(fullPath: {path}) {{ id {page} }}"),
            });
        }
        (document(&declared, &fields), Value::Object(variables))
    }

    /// What is asked at a depth, with the times in it as variables.
    fn dated_selection(
        &self,
        depth: Depth,
        now: UnixTime,
        declare: &mut impl FnMut(&str, &str, Value) -> String,
    ) -> String {
        let mut selection = self.selection(depth).text();
        if let Depth::Glance { since } = depth
            && selection.contains("$since")
        {
            let since = declare("since", "Time", timestamp(since).into());
            selection = selection.replace("$since", &since);
        }
        for (name, before) in ages(&selection, "$") {
            let at = timestamp(now.saturating_sub(before)).into();
            let variable = declare(&format!("{name}_"), "Time", at);
            for end in [",", ")"] {
                selection =
                    selection.replace(&format!("${name}{end}"), &format!("{variable}{end}"));
            }
        }
        selection
    }

    /// A request for the number of projects on a list that GitLab keeps: the document and its
    /// variables. The answer stands under `list`, or in its `projects` for a group.
    pub fn count_request(list: &List) -> (String, Value) {
        let count = |arguments: &str| format!("projects({arguments}first: 1) {{ count }}");
        let (declared, field, variables) = match list {
            List::Group(path) => {
                let projects = count("includeSubgroups: true, ");
                let field = format!("group(fullPath: $path) {{ {projects} }}");
                ("($path: ID!)", field, json!({ "path": path }))
            }
            List::Membership => ("", count("membership: true, "), json!({})),
            // Whoever is asked for by name is counted already.
            List::All | List::Ids(_) | List::Paths(_) => ("", count(""), json!({})),
        };
        (
            format!("query Count{declared} {{ list: {field} queryComplexity {{ score }} }}"),
            variables,
        )
    }

    /// What GitLab's formula for the complexity of a query makes of a part.
    pub fn score(&self, part: &RequestPart) -> usize {
        /// `pageInfo` with its two members, `nodes`, and the list itself.
        const LIST: usize = 5;
        /// Without `pageInfo`.
        const BARE: usize = 2;
        let (group, extra) = match part.list {
            List::Group(_) => (2, 10),
            _ => (0, 0),
        };
        let sort = usize::from(part.depth == Depth::Recent);
        let list = match part.depth {
            Depth::Feed(..) => BARE,
            _ => LIST,
        };
        let one = self.selection(part.depth).score() + list + extra + sort;
        one + one * part.first / 100 + group
    }

    /// How heavy a part is, in projects of which everything is asked. What takes GitLab's time are the
    /// lists that it counts project by project.
    pub fn weight(&self, part: &RequestPart) -> usize {
        if let Depth::Feed(depth, _) = part.depth {
            // A glance is a look into an index, which any request can carry; what changed or is newest are
            // rows.
            let share = match depth {
                FeedDepth::Glance { .. } => return 0,
                FeedDepth::Changed { .. } => 3,
                FeedDepth::Newest => 2,
                FeedDepth::Paged { .. } | FeedDepth::OfRef => 1,
            };
            return part.first.div_ceil(share);
        }
        let all = self.whole.selection.counted().max(1);
        let own = self.selection(part.depth).counted();
        let own = match part.depth {
            Depth::Round(_) => own.max(1),
            _ => own.min(all),
        };
        (part.first * own).div_ceil(all).max(1)
    }

    /// Of how many projects at the most a part may ask so much, so that it weighs and scores no more
    /// than a request may.
    pub fn page(&self, depth: Depth, most_weight: usize, most_score: usize) -> usize {
        let fits = |first: &usize| {
            let part = RequestPart {
                list: List::Ids(Vec::new()),
                depth,
                first: *first,
                after: None,
            };
            self.weight(&part) <= most_weight && self.score(&part) <= most_score
        };
        [100, 80, 60, 50, 40, 30, 20, 10, 5, 2]
            .into_iter()
            .find(fits)
            .unwrap_or(1)
    }

    /// What is asked of a project about a subject alone; none if nothing is.
    pub fn of_subject(&self, name: &str) -> Option<&AskedColumns> {
        self.subjects.get(name)
    }

    /// Whether a glance sees pipelines.
    pub fn sees_pipelines(&self) -> bool {
        self.glance.text().contains("$since")
    }

    fn selection(&self, depth: Depth) -> &Selection {
        match depth {
            Depth::Whole => &self.whole.selection,
            Depth::Activity => &self.activity.selection,
            Depth::Subject(name) => &self.subjects[name].selection,
            Depth::Glance { .. } => &self.glance,
            Depth::Recent => &self.recent,
            Depth::Identity => &self.identity,
            Depth::Round(round) => &self.rounds[round].selection,
            Depth::Feed(depth, feed) => self.feeds[usize::from(feed)].of(depth),
        }
    }
}

impl List {
    /// How its projects are asked for, and the variable with the path of its group.
    fn arguments(
        &self,
        declare: &mut impl FnMut(&str, &str, Value) -> String,
    ) -> (Vec<String>, Option<String>) {
        let (mut arguments, mut group) = (Vec::new(), None);
        match self {
            List::Membership => arguments.push("membership: true".to_owned()),
            List::All => {}
            List::Group(path) => {
                group = Some(declare("path", "ID!", path.as_str().into()));
                arguments.push("includeSubgroups: true".to_owned());
            }
            List::Ids(ids) => {
                let gids = ids.iter().map(|id| format!("gid://gitlab/Project/{id}"));
                let ids = declare("ids", "[ID!]", gids.collect());
                arguments.push(format!("ids: {ids}"));
            }
            List::Paths(paths) => {
                let paths = declare("paths", "[String!]", paths.as_slice().into());
                arguments.push(format!("fullPaths: {paths}"));
            }
        }
        (arguments, group)
    }
}

/// What the GitLab itself is asked at a pace of its own; runners are walked.
fn of_instance_rounds(enabled: &EnabledMetrics, capabilities: &Capabilities) -> Vec<AskedColumns> {
    let rounds = enabled.rounds(Grain::Instance);
    let rounds = rounds.filter(|round| round.subject.name != "runners");
    let has = |path: &str| capabilities.has_root(path);
    rounds
        .map(|round| AskedColumns::of_round(round, enabled, has))
        .collect()
}

/// What is asked of every project to know who it is.
fn identity(enabled: &EnabledMetrics) -> Vec<&'static str> {
    let topics = enabled.choices.project_labels.topics.then_some("topics");
    Identity::ASKED.iter().copied().chain(topics).collect()
}

/// A whole query: its variables, what it selects, and what GitLab makes of its complexity.
fn document(declared: &[String], fields: &[String]) -> String {
    let (declared, fields) = (declared.join(", "), fields.join(" "));
    format!("query Projects({declared}) {{ {fields} queryComplexity {{ limit score }} }}")
}

/// Under which name the answer to a request's part stands.
pub fn alias(part: usize) -> String {
    format!("part{part}")
}

/// How pipelines that ran are noticed, whatever else is counted of them.
const PIPELINES: &str = "pipelines(updatedAfter: $since, first: 1).count";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Catalogue;
    use crate::metrics::Choices;

    fn everything() -> EnabledMetrics {
        EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default())
    }

    fn document(plan: &Plan) -> String {
        let part = RequestPart {
            list: List::Membership,
            depth: Depth::Whole,
            first: 100,
            after: None,
        };
        plan.request(&[part], 0).0
    }

    #[test]
    fn a_missing_field_costs_its_own_metric_only() {
        let fields: Vec<_> = ["id", "fullPath", "starCount", "statistics"]
            .map(|name| json!({"name": name}))
            .into();
        let capabilities = Capabilities::from_probe(&json!({"project": {"fields": fields}}));
        let plan = Plan::new(&everything(), &capabilities);
        let asked: Vec<_> = plan
            .whole
            .columns
            .iter()
            .map(|(place, _)| {
                Catalogue::standard().project_columns()[*place]
                    .column
                    .graphql
            })
            .collect();
        assert!(
            asked.contains(&"starCount") && asked.contains(&"statistics.commitCount"),
            "{asked:?}"
        );
        assert!(!document(&plan).contains("releases"));
        assert_eq!(
            plan.whole.columns.len() + plan.whole.unsupported.len(),
            everything().columns().len()
        );
    }

    #[test]
    fn a_refused_field_is_not_asked_again() {
        let mut capabilities = Capabilities::default();
        let keys = vec!["statistics".to_owned(), "containerRegistrySize".to_owned()];
        assert!(capabilities.lose(keys.clone()));
        assert!(!capabilities.lose(keys), "known already");
        let plan = Plan::new(&everything(), &capabilities);
        assert!(!document(&plan).contains("containerRegistrySize"));
        assert!(document(&plan).contains("repositorySize"));
    }
}
