//! Who a project is, and what the token's user may see of it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use super::text::cut;
use super::time::moment;
use super::{Feature, UnixTime};

/// What tells a project from others, and what decides whether it is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub id: u64,
    /// The full path.
    pub path: Box<str>,
    /// The display name.
    pub name: Box<str>,
    /// `private`, `internal` or `public`; empty if GitLab does not say.
    #[serde(default, deserialize_with = "frequent_text")]
    pub visibility: Cow<'static, str>,
    pub archived: Option<bool>,
    /// Whether it is marked for deletion.
    #[serde(default)]
    pub pending_deletion: Option<bool>,
    pub fork: Option<bool>,
    /// Whether it lies in a user's own namespace.
    pub personal: Option<bool>,
    #[serde(default, deserialize_with = "frequent_branch")]
    pub default_branch: Option<Cow<'static, str>>,
    /// Whether its repository has no commit.
    pub empty: Option<bool>,
    pub last_activity: Option<UnixTime>,
    /// The topics, sorted and joined by commas; none where they are not asked.
    #[serde(default)]
    pub topics: Option<Box<str>>,
    /// Whether the token's user may read the repository.
    pub code: Option<bool>,
    /// What the token's user has of each of [`Feature::ALL`].
    #[serde(deserialize_with = "access_of_each")]
    pub access: [Access; Feature::ALL.len()],
}

impl Identity {
    /// What is asked of every project to know who it is, as paths below `Project`.
    pub const ASKED: &[&str] = &[
        "id",
        "fullPath",
        "name",
        "visibility",
        "archived",
        "markedForDeletionOn",
        "lastActivityAt",
        "isForked",
        "namespace.id",
        "repository.rootRef",
        "repository.empty",
        "mergeRequestsEnabled",
        "mergeRequestsAccessLevel.stringValue",
        "issuesEnabled",
        "issuesAccessLevel.stringValue",
        "jobsEnabled",
        "userPermissions.readMergeRequest",
        "userPermissions.downloadCode",
        "userPermissions.readCommitStatus",
    ];

    /// Reads the id of a `Project` node of a GraphQL answer.
    pub fn id_from_graphql(node: &Json) -> Option<u64> {
        node["id"].as_str()?.rsplit('/').next()?.parse().ok()
    }

    /// Reads the id of a project from its REST body.
    pub fn id_from_rest(body: &Json) -> Option<u64> {
        body["id"].as_u64()
    }

    /// Reads when a `Project` node of a GraphQL answer was last active.
    pub fn activity_from_graphql(node: &Json) -> Option<UnixTime> {
        moment(&node["lastActivityAt"])
    }

    /// Reads when a project was last active from its REST body.
    pub fn activity_from_rest(body: &Json) -> Option<UnixTime> {
        moment(&body["last_activity_at"])
    }

    /// Whether something below that path tells who a project is.
    pub fn is_asked(path: &[&str]) -> bool {
        let first = path.first().copied().unwrap_or_default();
        let mut asked = Self::ASKED.iter().chain(&["topics"]);
        asked.any(|own| own.split('.').next() == Some(first))
    }

    /// Takes over what was known and was not told this time.
    pub fn or_last(&mut self, last: &Identity) {
        fn keep<T: Clone>(ours: &mut Option<T>, last: &Option<T>) {
            *ours = ours.take().or_else(|| last.clone());
        }
        if self.name.is_empty() {
            self.name.clone_from(&last.name);
        }
        if self.visibility.is_empty() {
            self.visibility.clone_from(&last.visibility);
        }
        keep(&mut self.archived, &last.archived);
        // Where it is not told, it looks as if it were not marked.
        if self.pending_deletion != Some(true) {
            self.pending_deletion = last.pending_deletion.or(self.pending_deletion);
        }
        keep(&mut self.fork, &last.fork);
        keep(&mut self.personal, &last.personal);
        keep(&mut self.default_branch, &last.default_branch);
        keep(&mut self.empty, &last.empty);
        keep(&mut self.last_activity, &last.last_activity);
        keep(&mut self.topics, &last.topics);
        keep(&mut self.code, &last.code);
    }

    /// Reads a `Project` node of a GraphQL answer; none without a readable id and a path.
    pub fn from_graphql(node: &Json) -> Option<Identity> {
        let identity = Identity::new(Self::id_from_graphql(node)?, node["fullPath"].as_str()?)?;
        let namespace = node["namespace"]["id"].as_str();
        Some(Identity {
            name: text(&node["name"]).into(),
            visibility: frequent(text(&node["visibility"])),
            archived: node["archived"].as_bool(),
            pending_deletion: node.get("markedForDeletionOn").map(|on| !on.is_null()),
            fork: node["isForked"].as_bool(),
            personal: namespace.map(|gid| !gid.contains("/Group/")),
            default_branch: node["repository"]["rootRef"].as_str().map(frequent),
            empty: node["repository"]["empty"].as_bool(),
            last_activity: Self::activity_from_graphql(node),
            topics: topics(&node["topics"]),
            code: node["userPermissions"]["downloadCode"].as_bool(),
            access: Feature::ALL.map(|feature| feature.access(node)),
            ..identity
        })
    }

    /// Reads a project's REST body; none without an id and a path.
    pub fn from_rest(body: &Json) -> Option<Identity> {
        let identity = Identity::new(
            Self::id_from_rest(body)?,
            body["path_with_namespace"].as_str()?,
        )?;
        // A token that sees only the simple fields is not told whose namespace or fork it is.
        let full = body.get("forks_count").is_some() && body.get("archived").is_some();
        Some(Identity {
            name: text(&body["name"]).into(),
            visibility: frequent(text(&body["visibility"])),
            archived: body["archived"].as_bool(),
            // `…_at` is what GitLab before 13 has.
            pending_deletion: ["marked_for_deletion_on", "marked_for_deletion_at"]
                .iter()
                .find_map(|name| body.get(name).map(|on| !on.is_null())),
            fork: full.then(|| body["forked_from_project"].is_object()),
            personal: body["namespace"]["kind"]
                .as_str()
                .map(|kind| kind == "user"),
            default_branch: body["default_branch"].as_str().map(frequent),
            empty: body["empty_repo"].as_bool(),
            last_activity: Self::activity_from_rest(body),
            topics: topics(&body["topics"]),
            access: Feature::ALL.map(|feature| feature.access_in_rest(body)),
            ..identity
        })
    }

    fn new(id: u64, path: &str) -> Option<Identity> {
        (!path.is_empty()).then(|| Identity {
            id,
            path: path.into(),
            ..Identity::default()
        })
    }

    /// What the token's user has of a feature; everything where there is none to ask about.
    pub fn access(&self, feature: Option<Feature>) -> Access {
        feature.map_or(Access::On, |feature| self.access[feature as usize])
    }

    /// The full path of the group or user it lies in.
    pub fn namespace(&self) -> &str {
        self.path
            .rsplit_once('/')
            .map_or("", |(namespace, _)| namespace)
    }
}

fn topics(told: &Json) -> Option<Box<str>> {
    let mut names: Vec<_> = told.as_array()?.iter().filter_map(Json::as_str).collect();
    names.sort_unstable();
    Some(cut(&names.join(",")).into())
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

/// Words that most projects share take no memory of their own.
fn frequent(text: &str) -> Cow<'static, str> {
    const WORDS: [&str; 8] = [
        "", "private", "internal", "public", "main", "master", "develop", "trunk",
    ];
    let word = WORDS.into_iter().find(|word| *word == text);
    word.map_or_else(|| Cow::Owned(text.to_owned()), Cow::Borrowed)
}

fn frequent_text<'de, D: Deserializer<'de>>(from: D) -> Result<Cow<'static, str>, D::Error> {
    Ok(frequent(&Cow::<str>::deserialize(from)?))
}

fn frequent_branch<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Cow<'static, str>>, D::Error> {
    let branch = Option::<Cow<'de, str>>::deserialize(from)?;
    Ok(branch.map(|branch| frequent(&branch)))
}

/// What a project lets the token's user have of a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
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
    /// All features, in the order of [`Identity::access`].
    pub const ALL: [Feature; 4] = [
        Feature::MergeRequests,
        Feature::Issues,
        Feature::Releases,
        Feature::Pipelines,
    ];

    /// `…Enabled` is about the token's user, the access level about the project, and neither says
    /// that a guest of a private project reads no merge requests: the permission does.
    fn access(self, node: &Json) -> Access {
        if self == Feature::Pipelines {
            return pipelines_over_graphql(node);
        }
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
            Feature::Releases | Feature::Pipelines => {
                (&Json::Null, &Json::Null, &permissions["downloadCode"])
            }
        };
        match (enabled.as_bool(), level.as_str(), permitted.as_bool()) {
            (_, Some(level), _) if switched_off(level) => Access::Off,
            (Some(false), None, _) => Access::Unclear,
            (Some(false), _, _) | (_, _, Some(false)) => Access::Denied,
            _ => Access::On,
        }
    }

    /// REST answers 403 for what is denied, so only the switch matters.
    fn access_in_rest(self, body: &Json) -> Access {
        let (enabled, level) = match self {
            Feature::MergeRequests => ("merge_requests_enabled", "merge_requests_access_level"),
            Feature::Issues => ("issues_enabled", "issues_access_level"),
            Feature::Releases => ("releases_enabled", "releases_access_level"),
            Feature::Pipelines => ("jobs_enabled", "builds_access_level"),
        };
        if self == Feature::Pipelines {
            let on = match (body[level].as_str(), body[enabled].as_bool()) {
                (Some(level), _) => !switched_off(level),
                (None, enabled) => enabled == Some(true),
            };
            return if on { Access::On } else { Access::Denied };
        }
        match (body[level].as_str(), body[enabled].as_bool()) {
            (Some(level), _) if switched_off(level) => Access::Off,
            (None, Some(false)) => Access::Off,
            _ => Access::On,
        }
    }
}

/// Pipelines of a project whose jobs are switched off may be those of another CI: what is told is
/// shown, and nothing told is not zero. `jobsEnabled` is about the token's user, but not about guests,
/// who may read pipelines only if they are public; a user with `readCommitStatus` always may.
fn pipelines_over_graphql(node: &Json) -> Access {
    let jobs = node["jobsEnabled"].as_bool();
    let permitted = node["userPermissions"]["readCommitStatus"].as_bool();
    match (jobs, permitted) {
        (Some(true), Some(true)) => Access::On,
        _ => Access::Denied,
    }
}

/// A state file of an earlier version knows fewer features.
fn access_of_each<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<[Access; Feature::ALL.len()], D::Error> {
    let kept = Vec::<Access>::deserialize(from)?;
    Ok(
        Feature::ALL.map(|feature| match (kept.get(feature as usize), feature) {
            (Some(access), _) => *access,
            (None, Feature::Pipelines) => Access::Denied,
            (None, _) => Access::On,
        }),
    )
}

fn switched_off(level: &str) -> bool {
    level.eq_ignore_ascii_case("disabled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_feature_is_found_at_its_own_place() {
        for (place, feature) in Feature::ALL.into_iter().enumerate() {
            assert_eq!(place, feature as usize);
        }
    }

    #[test]
    fn no_pipelines_are_none_only_where_they_are_known_to_be_ours() {
        let told = |jobs, read| json!({"jobsEnabled": jobs, "userPermissions": {"readCommitStatus": read}});
        for (node, access) in [
            (told(true, true), Access::On),
            (told(true, false), Access::Denied),
            (told(false, true), Access::Denied),
            (json!({"jobsEnabled": true}), Access::Denied),
            (json!({}), Access::Denied),
        ] {
            assert_eq!(Feature::Pipelines.access(&node), access, "{node}");
        }
        for (body, access) in [
            (json!({"builds_access_level": "private"}), Access::On),
            (json!({"builds_access_level": "disabled"}), Access::Denied),
            (json!({"jobs_enabled": true}), Access::On),
            (json!({}), Access::Denied),
        ] {
            assert_eq!(Feature::Pipelines.access_in_rest(&body), access, "{body}");
        }
    }

    #[test]
    fn a_state_of_before_pipelines_knows_nothing_of_them() {
        let kept = serde_json::to_value(Identity::default()).unwrap();
        let mut older = kept.clone();
        older["access"].as_array_mut().unwrap().pop();
        let read = |kept| {
            serde_json::from_value::<Identity>(kept)
                .unwrap()
                .access(Some(Feature::Pipelines))
        };
        assert_eq!([read(kept), read(older)], [Access::On, Access::Denied]);
    }

    #[test]
    fn the_access_level_tells_what_is_off_from_what_is_denied() {
        for (node, access) in [
            (json!({}), Access::On),
            (json!({"mergeRequestsEnabled": false}), Access::Unclear),
            (
                json!({"mergeRequestsEnabled": false, "mergeRequestsAccessLevel": {"stringValue": "PRIVATE"}}),
                Access::Denied,
            ),
            (
                json!({"mergeRequestsEnabled": false, "mergeRequestsAccessLevel": {"stringValue": "DISABLED"}}),
                Access::Off,
            ),
            (
                json!({"mergeRequestsEnabled": true, "userPermissions": {"readMergeRequest": false}}),
                Access::Denied,
            ),
        ] {
            assert_eq!(Feature::MergeRequests.access(&node), access, "{node}");
        }
    }
}
