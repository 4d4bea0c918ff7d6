//! A runner, made alike whichever API tells it.

use serde_json::{Value, json};

/// What GraphQL is asked of each runner that is only counted, and what more of one that is shown.
pub const COUNTED: &str = "id status runnerType paused";
/// The same where those that run a job are counted apart.
pub const COUNTED_BY_WORK: &str = "id status runnerType paused jobExecutionStatus";
pub const SHOWN: &str = "id status runnerType paused description tagList contactedAt \
    jobExecutionStatus managers(first: 1) { nodes { version } }";

/// A runner as its subject reads it; none if it is not understood.
pub fn alike(runner: &Value) -> Option<(u64, Value)> {
    let id = super::listing::id(&runner["id"])?;
    let either = |one: &str, other: &str| match &runner[one] {
        Value::Null => runner[other].clone(),
        told => told.clone(),
    };
    let word = |value: Value| value.as_str().map(str::to_ascii_lowercase);
    let status = word(runner["status"].clone())?;
    let kind = word(either("runnerType", "runner_type"))?;
    let busy = word(either("jobExecutionStatus", "job_execution_status"));
    // Older versions say that it is active, or that it runs.
    let busy = busy.map(|word| u8::from(["active", "running"].contains(&&*word)));
    let paused = runner["paused"]
        .as_bool()
        .or(runner["active"].as_bool().map(|active| !active))?;
    let version = runner["managers"]["nodes"][0]["version"]
        .as_str()
        .unwrap_or_default();
    let alike = json!({
        "status": status,
        "runner_type": kind,
        "paused": paused,
        "description": runner["description"].as_str().unwrap_or_default(),
        "version": version,
        "tags": tags(&either("tagList", "tag_list")),
        "busy": busy,
        "last_contact": either("contactedAt", "contacted_at"),
    });
    Some((id, alike))
}

/// The tags of a runner as one text, which is empty where it has none; null where nobody tells.
fn tags(list: &Value) -> Value {
    let Some(list) = list.as_array() else {
        return Value::Null;
    };
    let mut tags: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    tags.sort_unstable();
    tags.join(",").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_without_tags_has_none_and_one_whose_tags_nobody_tells_does_not_say_so() {
        let runner = |tags: Value| {
            let told = json!({"id": 7, "status": "online", "runner_type": "group_type",
                "paused": false, "tagList": tags});
            alike(&told).unwrap().1["tags"].clone()
        };
        assert_eq!(runner(json!(["linux", "docker"])), "docker,linux");
        assert_eq!(runner(json!([])), "");
        assert_eq!(runner(Value::Null), Value::Null);
    }

    #[test]
    fn both_apis_tell_the_same_runner() {
        let graphql = json!({"id": "gid://gitlab/Ci::Runner/7", "status": "ONLINE",
            "runnerType": "GROUP_TYPE", "paused": false, "description": "one",
            "jobExecutionStatus": "ACTIVE"});
        let rest = json!({"id": 7, "status": "online", "runner_type": "group_type",
            "paused": false, "description": "one", "job_execution_status": "active"});
        assert_eq!(alike(&graphql), alike(&rest));
        assert_eq!(alike(&graphql).unwrap().1["busy"], 1);
        assert_eq!(alike(&json!({"id": 7})), None);
    }
}
