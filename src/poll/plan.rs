//! What is asked of this GitLab: the questions it can answer, as GraphQL documents.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

use super::fields::Fields;
use crate::metrics::{
    AskedColumns, ChangesWith, EnabledMetrics, Grain, Identity, PlacedFeed, Selection, UnixTime,
    keys,
};

/// Asks who answers and which fields it knows.
pub const PROBE: &str = "query Probe { \
    metadata { version revision enterprise } \
    currentUser { id username } \
    project: __type(name: \"Project\") { fields(includeDeprecated: true) { name args { name } } } \
    group: __type(name: \"Group\") { fields(includeDeprecated: true) { name } } \
    query: __type(name: \"Query\") { fields { name args { name } } } \
    statuses: __type(name: \"PipelineStatusEnum\") { enumValues { name } } \
    CiJob: __type(name: \"CiJob\") { fields(includeDeprecated: true) { name } } \
    CiRunner: __type(name: \"CiRunner\") { fields(includeDeprecated: true) { name } } \
    CiStage: __type(name: \"CiStage\") { fields(includeDeprecated: true) { name } } \
    Deployment: __type(name: \"Deployment\") { fields(includeDeprecated: true) { name } } \
    Environment: __type(name: \"Environment\") { fields(includeDeprecated: true) { name } } \
    Issue: __type(name: \"Issue\") { fields(includeDeprecated: true) { name } } \
    MergeRequest: __type(name: \"MergeRequest\") { fields(includeDeprecated: true) { name } } \
    Pipeline: __type(name: \"Pipeline\") { fields(includeDeprecated: true) { name } } \
    ProjectPermissions: __type(name: \"ProjectPermissions\") { fields(includeDeprecated: true) { name } } \
    ProjectStatistics: __type(name: \"ProjectStatistics\") { fields(includeDeprecated: true) { name } } \
    Release: __type(name: \"Release\") { fields(includeDeprecated: true) { name } } \
    Repository: __type(name: \"Repository\") { fields(includeDeprecated: true) { name } } \
    TestReportSummary: __type(name: \"TestReportSummary\") { fields(includeDeprecated: true) { name } } \
    queryComplexity { limit score } }";

/// What this GitLab can do, as far as it says. What it does not say is tried.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    /// Its version, such as `18.8.1-ee`.
    pub version: Option<String>,
    /// The fields of `Project`.
    project_fields: Option<HashSet<String>>,
    /// The arguments of its fields, as far as any are told.
    project_arguments: HashMap<String, HashSet<String>>,
    /// The arguments of `Query.projects`.
    projects_arguments: Option<HashSet<String>>,
    /// The fields of the types below.
    fields: Fields,
    /// The fields of `Group`.
    group_fields: Option<HashSet<String>>,
    /// The statuses that a pipeline may have.
    pipeline_statuses: Option<HashSet<String>>,
    /// Fields that it refused although it did not say so, as keys below a project.
    lost: BTreeSet<Vec<String>>,
    /// The same of root fields.
    query_fields: Option<HashSet<String>>,
    lost_roots: BTreeSet<Vec<String>>,
    /// What it says a query may score, and by how many percent our own scores fall short of its.
    limit: Option<usize>,
    caution: usize,
}

impl Capabilities {
    /// Reads the answer to [`PROBE`]; whatever is missing from it counts as not said.
    pub fn from_probe(data: &Value) -> Capabilities {
        let names = |list: &Value| -> Option<HashSet<String>> {
            let names = list
                .as_array()?
                .iter()
                .filter_map(|item| item["name"].as_str());
            Some(names.map(str::to_owned).collect()).filter(|names: &HashSet<_>| !names.is_empty())
        };
        let of_project = data["project"]["fields"].as_array();
        let arguments = of_project.into_iter().flatten().filter_map(|field| {
            let name = field["name"].as_str()?.to_owned();
            Some((name, names(&field["args"])?))
        });
        let fields = data["query"]["fields"].as_array();
        let projects =
            fields.and_then(|fields| fields.iter().find(|field| field["name"] == "projects"));
        Capabilities {
            version: data["metadata"]["version"].as_str().map(str::to_owned),
            project_fields: names(&data["project"]["fields"]),
            project_arguments: arguments.collect(),
            query_fields: names(&data["query"]["fields"]),
            group_fields: names(&data["group"]["fields"]),
            pipeline_statuses: names(&data["statuses"]["enumValues"]),
            projects_arguments: projects.and_then(|field| names(&field["args"])),
            fields: Fields::from_probe(data),
            limit: data["queryComplexity"]["limit"]
                .as_u64()
                .and_then(|limit| limit.try_into().ok()),
            ..Capabilities::default()
        }
    }

    /// What a GitLab of today can do, where there is none to ask.
    pub fn current() -> Capabilities {
        Capabilities {
            projects_arguments: Some(HashSet::from(["fullPaths".to_owned()])),
            ..Capabilities::default()
        }
    }

    /// What the parts of one request may score together, as we score them.
    pub fn most_score(&self) -> usize {
        /// What every GitLab allows whom it knows.
        const LIMIT: usize = 250;
        /// `queryComplexity` itself.
        const OWN: usize = 3;
        let limit = self.limit.unwrap_or(LIMIT).saturating_sub(OWN);
        // Versions differ by a few points.
        limit * (98_usize.saturating_sub(self.caution)) / 100
    }

    /// Notes what GitLab says a query may score.
    pub fn note_limit(&mut self, limit: usize) {
        self.limit = Some(limit);
    }

    /// Notes that GitLab scores higher than we do.
    pub fn lower_score(&mut self) {
        self.caution = (self.caution + 10).min(90);
    }

    /// Whether projects can be asked for by several full paths at once (GitLab 17 and later).
    pub fn asks_by_paths(&self) -> bool {
        self.projects_arguments
            .as_ref()
            .is_some_and(|arguments| arguments.contains("fullPaths"))
    }

    /// What of these paths below `Project` can be asked. A field that breaks its project's answer may be
    /// among the permissions: `light` leaves them out, so that the project can still be listed.
    fn select(&self, paths: &[&str], light: bool) -> Selection {
        let mut selection = Selection::default();
        for path in paths {
            if self.has(path) && !(light && path.starts_with("userPermissions")) {
                selection.add(path);
            }
        }
        selection
    }

    /// Whether a GraphQL path below `Project` can be asked.
    pub fn has(&self, path: &str) -> bool {
        let status = path.strip_prefix("pipelines(status: ");
        let status = status.and_then(|rest| rest.split([',', ')']).next());
        let known = self.pipeline_statuses.as_ref();
        if status.is_some_and(|status| known.is_some_and(|known| !known.contains(status))) {
            return false;
        }
        Self::is_told(path, self.project_fields.as_ref(), &self.lost)
            && self.takes(path)
            && self.fields.has("Project", path)
    }

    /// Whether the first field of a path below `Project` takes its arguments.
    fn takes(&self, path: &str) -> bool {
        let Some((name, rest)) = path.split_once('(') else {
            return true;
        };
        // Of a path such as `repository.blobs(…)` nothing is told.
        let Some(known) = self.project_arguments.get(name) else {
            return true;
        };
        let given = rest.split(')').next().unwrap_or_default().split(',');
        let mut names = given.filter_map(|argument| argument.split_once(':'));
        names.all(|(name, _)| known.contains(name.trim()))
    }

    /// Whether a GraphQL path below `Group` can be asked.
    pub fn has_of_group(&self, path: &str) -> bool {
        Self::is_told(path, self.group_fields.as_ref(), &BTreeSet::new())
            && self.fields.has("Group", path)
    }

    /// Whether a GraphQL path of root fields can be asked.
    pub fn has_root(&self, path: &str) -> bool {
        Self::is_told(path, self.query_fields.as_ref(), &self.lost_roots)
            && self.fields.has("Query", path)
    }

    fn is_told(path: &str, known: Option<&HashSet<String>>, lost: &BTreeSet<Vec<String>>) -> bool {
        let name = path.split(['(', '.']).next().unwrap_or(path);
        let known = known.is_none_or(|fields| fields.contains(name));
        let keys = keys(path);
        known && !lost.iter().any(|lost| keys.starts_with(lost))
    }

    /// Whether its version is at least that; one that is not said is taken for new.
    pub fn is_at_least(&self, since: (u32, u32)) -> bool {
        let Some(version) = &self.version else {
            return true;
        };
        let mut parts = version
            .split(|character: char| !character.is_ascii_digit())
            .map(str::parse);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= since,
            _ => true,
        }
    }

    /// Notes that a type lacks a field, whichever document asked for it. False if that was known.
    pub fn lose_of(&mut self, kind: &str, field: &str) -> bool {
        self.fields.lose(kind, field)
    }

    /// Notes that a field takes no such argument. False if that was known.
    pub fn lose_argument(&mut self, field: &str, argument: &str) -> bool {
        self.fields.lose_argument(field, argument)
    }

    /// Notes a field that was refused: keys below a project. False if that was known already, so
    /// that asking again would change nothing.
    pub fn lose_root(&mut self, keys: Vec<String>) -> bool {
        !keys.is_empty() && self.lost_roots.insert(keys)
    }

    /// Notes a field that was refused: keys below a project. False if that was known already, so
    /// that asking again would change nothing.
    pub fn lose(&mut self, keys: Vec<String>) -> bool {
        !keys.is_empty() && self.lost.insert(keys)
    }
}

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

/// How much is asked of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedDepth {
    /// Whether anything changed since.
    Glance { since: UnixTime },
    /// What changed since, as much as one project is likely to have.
    Changed { since: UnixTime },
    /// What changed since, in large pages of one project, behind [`RequestPart::after`].
    Paged { since: UnixTime },
    /// The newest things, whenever they changed.
    Newest,
    /// The newest things of one ref of one project, named by [`RequestPart::after`].
    OfRef,
}

impl FeedDepth {
    /// Since when; none if whenever.
    pub fn since(self) -> Option<UnixTime> {
        match self {
            FeedDepth::Glance { since }
            | FeedDepth::Changed { since }
            | FeedDepth::Paged { since } => Some(since),
            FeedDepth::Newest | FeedDepth::OfRef => None,
        }
    }
}

/// What a feed is asked, as deep as it may be.
#[derive(Clone, Debug, Default)]
struct FeedSelections {
    glance: Selection,
    changed: Selection,
    paged: Selection,
    newest: Selection,
    of_ref: Selection,
}

impl FeedSelections {
    /// Nearly no project has more that changed within minutes, or more refs that are looked for.
    const FEW: usize = 20;

    fn new(placed: &PlacedFeed, capabilities: &Capabilities) -> FeedSelections {
        let select = |connection: &str, first: usize, all: bool| {
            let mut selection = Selection::default();
            selection.add("id");
            let list = with_arguments(connection, &format!("first: {first}"));
            let columns = placed.labels.iter().chain(&placed.values);
            let told = columns
                .map(|column| column.graphql)
                .filter(|path| !path.is_empty());
            let members = placed
                .feed
                .asks
                .iter()
                .copied()
                .chain([placed.feed.key])
                .chain(told);
            let members: Vec<&str> = match all {
                true => members.collect(),
                false => vec![placed.feed.updated],
            };
            for member in members {
                let path = format!("{list}.nodes.{member}");
                if capabilities.has(&path) {
                    selection.add(&path);
                }
            }
            if all {
                selection.add(&format!("{list}.pageInfo.hasNextPage"));
                selection.add(&format!("{list}.pageInfo.endCursor"));
            }
            selection
        };
        let changed = placed.feed.changed;
        let paged = with_arguments(changed, "after: $after");
        let newest = placed.feed.newest;
        FeedSelections {
            glance: select(changed, 1, false),
            changed: select(changed, Self::FEW, true),
            paged: select(&paged, 100, true),
            newest: newest
                .map_or_else(Selection::default, |newest| select(newest, Self::FEW, true)),
            of_ref: newest.map_or_else(Selection::default, |newest| {
                // A branch and a tag may have one name.
                select(&with_arguments(newest, "ref: $after"), 5, true)
            }),
        }
    }

    fn of(&self, depth: FeedDepth) -> &Selection {
        match depth {
            FeedDepth::Glance { .. } => &self.glance,
            FeedDepth::Changed { .. } => &self.changed,
            FeedDepth::Paged { .. } => &self.paged,
            FeedDepth::Newest => &self.newest,
            FeedDepth::OfRef => &self.of_ref,
        }
    }
}

/// A connection with more arguments.
fn with_arguments(connection: &str, more: &str) -> String {
    match connection.strip_suffix(')') {
        Some(some) => format!("{some}, {more})"),
        None => format!("{connection}({more})"),
    }
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
            format!("query Count{declared} {{ list: {field} }}"),
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

/// The placeholders for times before now, without the mark they begin with (`$` in a selection, `{` in
/// a path), and how many seconds before: `ago7d` stands for seven days.
fn ages(text: &str, mark: &str) -> BTreeMap<String, UnixTime> {
    let ages = text
        .match_indices("ago")
        .filter(|(at, _)| text[..*at].ends_with(mark))
        .filter_map(|(at, _)| {
            let name = text[at..].split(|letter: char| !letter.is_ascii_alphanumeric());
            let name = name.into_iter().next()?;
            let (count, unit) =
                name["ago".len()..].split_at_checked(name.len() - "ago".len() - 1)?;
            let unit = match unit {
                "d" => 86_400,
                "h" => 3_600,
                _ => 60,
            };
            Some((name.to_owned(), count.parse::<UnixTime>().ok()? * unit))
        });
    ages.collect()
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

/// A path of REST in which moments are named, such as `{ago1d}`, as it is sent `now`.
pub fn dated(path: &str, now: UnixTime) -> String {
    let mut path = path.to_owned();
    for (name, before) in ages(&path, "{") {
        let at = timestamp(now.saturating_sub(before));
        path = path.replace(&format!("{{{name}}}"), &at);
    }
    path
}

/// A moment as GitLab reads it.
pub fn timestamp(at: UnixTime) -> String {
    let timestamp = i64::try_from(at)
        .ok()
        .and_then(|at| jiff::Timestamp::from_second(at).ok());
    timestamp.unwrap_or(jiff::Timestamp::MAX).to_string()
}

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

    #[test]
    fn versions_compare_as_numbers() {
        let version = |text: &str| Capabilities {
            version: Some(text.to_owned()),
            ..Capabilities::default()
        };
        assert!(version("16.10.1-ee").is_at_least((16, 9)));
        assert!(!version("16.8.0").is_at_least((16, 9)));
        assert!(version("unheard of").is_at_least((16, 9)));
    }
}
