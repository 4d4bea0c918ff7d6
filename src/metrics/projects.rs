//! Projects: who they are, how many there are, and what GitLab says of them without counting.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    Attribute, Feature, Instrument, Metric, Moves, PROJECT_ID, Question, Rest, Source, Subject,
    UnixTime, Value,
};

pub(super) const SUBJECT: Subject = Subject {
    name: "projects",
    metrics: &[
        Metric {
            name: "gitlab_project_count",
            unit: "{project}",
            help: "Total number of projects",
            instrument: Instrument::Gauge,
            attributes: &[],
            source: Source::Projects,
        },
        Metric {
            name: "gitlab_project_info",
            unit: "",
            help: "What a project is called and where it lies; always 1",
            instrument: Instrument::Gauge,
            attributes: &[
                ARCHIVED,
                DEFAULT_BRANCH,
                NAMESPACE,
                PROJECT_ID,
                PROJECT_NAME,
                PROJECT_PATH,
                VISIBILITY,
            ],
            source: Source::Known {
                value: |_| Some(1),
                attributes: Identity::attributes,
            },
        },
        Metric {
            name: "gitlab_project_stars",
            unit: "{star}",
            help: "Stars of the project",
            instrument: Instrument::Gauge,
            attributes: &[PROJECT_ID],
            source: Source::Asked(&[Value {
                attributes: &[],
                question: counter("starCount", "star_count"),
            }]),
        },
        Metric {
            name: "gitlab_project_forks",
            unit: "{fork}",
            help: "Forks of the project",
            instrument: Instrument::Gauge,
            attributes: &[PROJECT_ID],
            source: Source::Asked(&[Value {
                attributes: &[],
                question: counter("forksCount", "forks_count"),
            }]),
        },
        Metric {
            name: "gitlab_project_last_activity_timestamp_seconds",
            unit: "s",
            help: "When the project was last active, as GitLab notes it at most once an hour",
            instrument: Instrument::Gauge,
            attributes: &[PROJECT_ID],
            source: Source::Known {
                value: |identity| identity.last_activity,
                attributes: |_| Vec::new(),
            },
        },
    ],
};

const fn counter(graphql: &'static str, member: &'static str) -> Question {
    Question {
        graphql,
        rest: Rest::Body(member),
        hidden: &[],
        when_empty: None,
        feature: None,
        moves: Moves::Quietly,
    }
}

const ARCHIVED: Attribute = Attribute {
    name: "archived",
    meaning: "Whether the project is archived.",
    examples: &["true", "false"],
};
const DEFAULT_BRANCH: Attribute = Attribute {
    name: "default_branch",
    meaning: "The default branch; empty where there is none or it may not be seen.",
    examples: &["main"],
};
const NAMESPACE: Attribute = Attribute {
    name: "namespace",
    meaning: "The full path of the group or user the project lies in.",
    examples: &["platform/tools"],
};
const PROJECT_NAME: Attribute = Attribute {
    name: "project_name",
    meaning: "The project's display name.",
    examples: &["GitLab Metrics Bridge"],
};
pub(super) const PROJECT_PATH: Attribute = Attribute {
    name: "project_path",
    meaning: "The project's full path; it changes when the project is renamed or transferred.",
    examples: &["platform/tools/gitlab-metrics-bridge"],
};
const VISIBILITY: Attribute = Attribute {
    name: "visibility",
    meaning: "Who may see the project.",
    examples: &["private", "internal", "public"],
};

/// What tells a project from others, and what decides whether it is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// GitLab's id.
    pub id: u64,
    /// The id as the `project_id` attribute shows it.
    #[serde(skip)]
    pub id_text: String,
    /// The full path.
    pub path: String,
    /// The display name.
    pub name: String,
    /// `private`, `internal` or `public`; empty if GitLab does not say.
    pub visibility: String,
    /// Archived, if known.
    pub archived: Option<bool>,
    /// A fork, if known.
    pub fork: Option<bool>,
    /// In a user's own namespace, if known.
    pub personal: Option<bool>,
    /// The default branch.
    pub default_branch: Option<String>,
    /// A repository without a commit, if known.
    pub empty: Option<bool>,
    /// When it was last active.
    pub last_activity: Option<UnixTime>,
    /// Whether the token's user may read the repository, if known.
    pub code: Option<bool>,
    /// What the token's user has of each of [`Feature::ALL`].
    pub standing: [Standing; Feature::ALL.len()],
}

impl Identity {
    /// What is asked of every project to know who it is, as paths below `Project`.
    pub const ASKED: &[&str] = &[
        "id",
        "fullPath",
        "name",
        "visibility",
        "archived",
        "lastActivityAt",
        "isForked",
        "namespace.id",
        "repository.rootRef",
        "repository.empty",
        "mergeRequestsEnabled",
        "mergeRequestsAccessLevel.stringValue",
        "issuesEnabled",
        "issuesAccessLevel.stringValue",
        "userPermissions.readMergeRequest",
        "userPermissions.downloadCode",
    ];

    /// Reads the id of a `Project` node of a GraphQL answer.
    pub fn id_from_graphql(node: &Json) -> Option<u64> {
        node["id"].as_str()?.rsplit('/').next()?.parse().ok()
    }

    /// Reads when a `Project` node of a GraphQL answer was last active.
    pub fn activity_from_graphql(node: &Json) -> Option<UnixTime> {
        time(&node["lastActivityAt"])
    }

    /// Reads when a project was last active from its REST body.
    pub fn activity_from_rest(body: &Json) -> Option<UnixTime> {
        time(&body["last_activity_at"])
    }

    /// Reads a `Project` node of a GraphQL answer; none without an id and a path.
    pub fn from_graphql(node: &Json) -> Option<Identity> {
        let identity = Identity::new(Self::id_from_graphql(node)?, node["fullPath"].as_str()?);
        let namespace = node["namespace"]["id"].as_str();
        Some(Identity {
            name: text(&node["name"]),
            visibility: text(&node["visibility"]),
            archived: node["archived"].as_bool(),
            fork: node["isForked"].as_bool(),
            personal: namespace.map(|gid| !gid.contains("/Group/")),
            default_branch: node["repository"]["rootRef"].as_str().map(str::to_owned),
            empty: node["repository"]["empty"].as_bool(),
            last_activity: Self::activity_from_graphql(node),
            code: node["userPermissions"]["downloadCode"].as_bool(),
            standing: Feature::ALL.map(|feature| feature.standing(node)),
            ..identity
        })
    }

    /// Reads a project's REST body; none without an id and a path.
    pub fn from_rest(body: &Json) -> Option<Identity> {
        let identity = Identity::new(body["id"].as_u64()?, body["path_with_namespace"].as_str()?);
        // A token that sees only the simple fields is not told whose namespace or fork it is.
        let full = body.get("forks_count").is_some() && body.get("archived").is_some();
        Some(Identity {
            name: text(&body["name"]),
            visibility: text(&body["visibility"]),
            archived: body["archived"].as_bool(),
            fork: full.then(|| body["forked_from_project"].is_object()),
            personal: body["namespace"]["kind"]
                .as_str()
                .map(|kind| kind == "user"),
            default_branch: body["default_branch"].as_str().map(str::to_owned),
            empty: body["empty_repo"].as_bool(),
            last_activity: Self::activity_from_rest(body),
            standing: Feature::ALL.map(|feature| feature.standing_in_rest(body)),
            ..identity
        })
    }

    fn new(id: u64, path: &str) -> Identity {
        Identity {
            id,
            id_text: id.to_string(),
            path: path.to_owned(),
            ..Identity::default()
        }
    }

    /// What the token's user has of a feature; everything where there is none to ask about.
    pub fn standing(&self, feature: Option<Feature>) -> Standing {
        feature.map_or(Standing::On, |feature| self.standing[feature as usize])
    }

    /// The full path of the group or user it lies in.
    pub fn namespace(&self) -> &str {
        self.path
            .rsplit_once('/')
            .map_or("", |(namespace, _)| namespace)
    }

    /// The attributes every series of the project carries.
    pub(super) fn labels(&self, project_path: bool) -> Vec<(&'static str, &str)> {
        let mut labels = vec![(PROJECT_ID.name, self.id_text.as_str())];
        if project_path {
            labels.push((PROJECT_PATH.name, &self.path));
        }
        labels
    }

    fn attributes(&self) -> Vec<(&'static str, &str)> {
        let archived = self
            .archived
            .map(|archived| if archived { "true" } else { "false" });
        vec![
            (ARCHIVED.name, archived.unwrap_or_default()),
            (
                DEFAULT_BRANCH.name,
                self.default_branch.as_deref().unwrap_or_default(),
            ),
            (NAMESPACE.name, self.namespace()),
            (PROJECT_NAME.name, &self.name),
            (PROJECT_PATH.name, &self.path),
            (VISIBILITY.name, &self.visibility),
        ]
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whole seconds: GraphQL and REST write the same moment with and without a fraction.
fn time(value: &Json) -> Option<UnixTime> {
    let timestamp: jiff::Timestamp = value.as_str()?.parse().ok()?;
    u64::try_from(timestamp.as_second()).ok()
}

/// What a project lets the token's user have of a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is there, as far as is known.
    #[default]
    On,
    /// The project has switched it off: it counts nothing.
    Off,
    /// It is there and the user may not read it. GitLab counts 0 then, which says nothing.
    Denied,
    /// Off or denied: this GitLab does not tell which over GraphQL.
    Unclear,
}

impl Feature {
    /// All features, in the order of [`Identity::standing`].
    pub const ALL: [Feature; 3] = [Feature::MergeRequests, Feature::Issues, Feature::Releases];

    /// `…Enabled` is about the token's user, the access level about the project, and neither says
    /// that a guest of a private project reads no merge requests: the permission does.
    fn standing(self, node: &Json) -> Standing {
        let permissions = &node["userPermissions"];
        let (enabled, level, permitted) = match self {
            Feature::MergeRequests => (
                &node["mergeRequestsEnabled"],
                &node["mergeRequestsAccessLevel"]["stringValue"],
                &permissions["readMergeRequest"],
            ),
            Feature::Issues => (
                &node["issuesEnabled"],
                &node["issuesAccessLevel"]["stringValue"],
                &Json::Null,
            ),
            Feature::Releases => (&Json::Null, &Json::Null, &permissions["downloadCode"]),
        };
        match (enabled.as_bool(), level.as_str(), permitted.as_bool()) {
            (_, Some(level), _) if switched_off(level) => Standing::Off,
            (Some(false), None, _) => Standing::Unclear,
            (Some(false), _, _) | (_, _, Some(false)) => Standing::Denied,
            _ => Standing::On,
        }
    }

    /// REST answers 403 for what is denied, so only the switch matters.
    fn standing_in_rest(self, body: &Json) -> Standing {
        let (enabled, level) = match self {
            Feature::MergeRequests => ("merge_requests_enabled", "merge_requests_access_level"),
            Feature::Issues => ("issues_enabled", "issues_access_level"),
            Feature::Releases => ("releases_enabled", "releases_access_level"),
        };
        match (body[level].as_str(), body[enabled].as_bool()) {
            (Some(level), _) if switched_off(level) => Standing::Off,
            (None, Some(false)) => Standing::Off,
            _ => Standing::On,
        }
    }
}

fn switched_off(level: &str) -> bool {
    level.eq_ignore_ascii_case("disabled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_feature_stands_where_it_is_looked_up() {
        for (place, feature) in Feature::ALL.into_iter().enumerate() {
            assert_eq!(place, feature as usize);
        }
    }

    #[test]
    fn the_access_level_tells_what_is_off_from_what_is_denied() {
        for (node, standing) in [
            (json!({}), Standing::On),
            (json!({"mergeRequestsEnabled": false}), Standing::Unclear),
            (
                json!({"mergeRequestsEnabled": false, "mergeRequestsAccessLevel": {"stringValue": "PRIVATE"}}),
                Standing::Denied,
            ),
            (
                json!({"mergeRequestsEnabled": false, "mergeRequestsAccessLevel": {"stringValue": "DISABLED"}}),
                Standing::Off,
            ),
            (
                json!({"mergeRequestsEnabled": true, "userPermissions": {"readMergeRequest": false}}),
                Standing::Denied,
            ),
        ] {
            assert_eq!(Feature::MergeRequests.standing(&node), standing, "{node}");
        }
    }
}
