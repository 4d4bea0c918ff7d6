//! Who a project is, and what the token's user may see of it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

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
    /// Whether the token's user may read the repository.
    pub code: Option<bool>,
    /// What the token's user has of each of [`Feature::ALL`].
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
        "userPermissions.readMergeRequest",
        "userPermissions.downloadCode",
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
    pub const ALL: [Feature; 3] = [Feature::MergeRequests, Feature::Issues, Feature::Releases];

    /// `…Enabled` is about the token's user, the access level about the project, and neither says
    /// that a guest of a private project reads no merge requests: the permission does.
    fn access(self, node: &Json) -> Access {
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
        };
        match (body[level].as_str(), body[enabled].as_bool()) {
            (Some(level), _) if switched_off(level) => Access::Off,
            (None, Some(false)) => Access::Off,
            _ => Access::On,
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
    fn a_feature_is_found_at_its_own_place() {
        for (place, feature) in Feature::ALL.into_iter().enumerate() {
            assert_eq!(place, feature as usize);
        }
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
