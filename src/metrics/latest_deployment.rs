//! The latest deployment of an environment, whatever became of it, and how far it is behind its branch: what
//! the names of gitlab-ci-pipelines-exporter show.

use std::sync::Arc;

use serde_json::Value as Json;

use super::time::moment;
use super::{Kind, NotUnderstood, UnixTime};

/// The latest deployment of an environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LatestDeployment {
    pub id: u64,
    /// GitLab's word, in small letters.
    pub status: Arc<str>,
    /// The branch or tag, or the number of the merge request.
    pub of: Arc<str>,
    /// As in [`super::RefOf`], with that exporter's hyphen.
    pub kind: &'static str,
    pub sha: Arc<str>,
    pub created: Option<UnixTime>,
    pub job_id: Option<u64>,
    /// How long its job ran, in seconds; none before it has ended.
    pub duration: Option<f64>,
}

/// How far a deployment is behind its branch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behind {
    /// How many commits it lacks; none if that is not known.
    pub commits: Option<u64>,
    /// The newest commit of the branch, in short, and when it was made.
    pub newest: Option<(Arc<str>, UnixTime)>,
}

/// So many characters of a commit's id are shown.
const SHORT: usize = 8;

impl LatestDeployment {
    /// The newest of the deployments of each status that [`super::DEPLOYED_FIELDS`] asks for.
    pub(super) fn from_graphql(environment: &Json) -> Option<LatestDeployment> {
        let statuses = ["success", "failed", "canceled", "running"];
        let each = statuses.into_iter().filter_map(|status| {
            let node = &environment[status];
            let is_tag = node["tag"] == true;
            let at = |name: &str| moment(&node[name]);
            let mut own = LatestDeployment::read(number(&node["id"])?, node, is_tag)?;
            own.status = status.into();
            own.created = at("createdAt");
            own.job_id = number(&node["job"]["id"]);
            own.duration = at("finishedAt").and(duration(&node["job"]));
            Some(own)
        });
        each.max_by_key(|own| own.id)
    }

    /// Reads a body of `projects/:id/deployments`.
    ///
    /// # Errors
    /// If it is no deployment with an id, a status and a commit.
    pub fn from_rest(body: &Json) -> Result<LatestDeployment, NotUnderstood> {
        let job = &body["deployable"];
        let id = body["id"].as_u64();
        let own = id.and_then(|id| LatestDeployment::read(id, body, job["tag"] == true));
        let mut own = own.ok_or(NotUnderstood("a deployment without an id or a commit"))?;
        let status = body["status"].as_str();
        own.status = status.unwrap_or_default().to_ascii_lowercase().into();
        own.created = moment(&body["created_at"]);
        own.job_id = job["id"].as_u64();
        own.duration = moment(&job["finished_at"]).and(duration(job));
        Ok(own)
    }

    /// What it and its branch tell without a question: a tag, and the head of a merge request as it was
    /// deployed, stay where they are.
    pub fn stands_still(&self) -> Option<Behind> {
        let behind = Behind {
            commits: Some(0),
            newest: None,
        };
        (self.kind != "branch").then_some(behind)
    }

    fn read(id: u64, of: &Json, is_tag: bool) -> Option<LatestDeployment> {
        let name = of["ref"].as_str()?;
        let (name, kind) = match name.strip_prefix("refs/merge-requests/") {
            Some(rest) => (rest.split('/').next().unwrap_or(rest), "merge-request"),
            None => (name, if is_tag { "tag" } else { "branch" }),
        };
        Some(LatestDeployment {
            id,
            of: name.into(),
            kind,
            sha: of["sha"].as_str()?.into(),
            ..LatestDeployment::default()
        })
    }

    /// Its commit, in short.
    pub(super) fn short(&self) -> Arc<str> {
        short(&self.sha)
    }
}

impl Behind {
    /// Takes in the newest commit of the branch, as a list. True if it is not the deployed one: then the commits
    /// between them are to be asked for.
    ///
    /// # Errors
    /// If it is no list of commits.
    pub fn begin(&mut self, commits: &Json, deployed: &str) -> Result<bool, NotUnderstood> {
        let Some(newest) = rows(commits)?.first() else {
            return Ok(false); // The branch is gone.
        };
        let is_deployed = newest["id"].as_str() == Some(deployed);
        self.commits = is_deployed.then_some(0);
        self.note_newest(newest)?;
        Ok(!is_deployed)
    }

    /// Takes in a page of the commits that the branch has and the deployment lacks, the newest first. True if there
    /// may be more. If there is none at all, the deployed one is gone, or the branch was set back.
    ///
    /// # Errors
    /// If it is no list of commits.
    pub fn take(&mut self, commits: &Json, page_size: usize) -> Result<bool, NotUnderstood> {
        let rows = rows(commits)?;
        if let (None, Some(newest)) = (self.commits, rows.first()) {
            self.note_newest(newest)?;
        }
        if !rows.is_empty() {
            self.commits = Some(self.commits.unwrap_or_default() + rows.len() as u64);
        }
        Ok(rows.len() >= page_size)
    }

    fn note_newest(&mut self, commit: &Json) -> Result<(), NotUnderstood> {
        let id = commit["id"].as_str();
        let id = id.ok_or(NotUnderstood("a commit without an id"))?;
        let made = moment(&commit["committed_date"]).or_else(|| moment(&commit["created_at"]));
        self.newest = made.map(|made| (short(id), made));
        Ok(())
    }
}

fn rows(commits: &Json) -> Result<&Vec<Json>, NotUnderstood> {
    let rows = commits.as_array();
    rows.ok_or(NotUnderstood("commits that are no list"))
}

fn short(sha: &str) -> Arc<str> {
    sha.get(..SHORT).unwrap_or(sha).into()
}

fn duration(job: &Json) -> Option<f64> {
    Kind::Seconds.read(&job["duration"]).value()
}

/// The number at the end of a global id.
fn number(gid: &Json) -> Option<u64> {
    gid.as_str()?.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_apis_tell_the_same_deployment_and_the_newest_counts() {
        let node = |id: u64, job: u64| {
            json!({
                "id": format!("gid://gitlab/Deployment/{id}"), "ref": "main", "tag": false,
                "sha": "0123456789abcdef", "createdAt": "2026-11-26T10:00:00Z",
                "finishedAt": "2026-11-26T10:05:00Z", "job": {"id": format!("gid://gitlab/Ci::Build/{job}"), "duration": 42},
            })
        };
        let environment = json!({
            "success": node(3, 30), "failed": node(4, 40), "canceled": null,
        });
        let over_rest = json!({
            "id": 4, "status": "failed", "ref": "main", "sha": "0123456789abcdef", "created_at": "2026-11-26T10:00:00.9Z",
            "deployable": {"id": 40, "tag": false, "duration": 42.0, "finished_at": "2026-11-26T10:05:00Z"},
        });
        let latest = LatestDeployment::from_graphql(&environment).unwrap();
        assert_eq!(latest, LatestDeployment::from_rest(&over_rest).unwrap());
        assert_eq!(
            (&*latest.status, latest.kind, &*latest.short()),
            ("failed", "branch", "01234567")
        );
        assert!(LatestDeployment::from_rest(&json!({"id": 4})).is_err());
    }

    #[test]
    fn the_commits_that_are_lacking_are_counted_over_pages_and_silence_is_not_zero() {
        let commit = |id: &str| json!({"id": id, "committed_date": "2026-11-26T10:00:00Z"});
        let mut behind = Behind::default();
        assert!(
            !behind
                .begin(&json!([commit("aaaaaaaaaa")]), "aaaaaaaaaa")
                .unwrap()
        );
        assert_eq!(behind.commits, Some(0));
        let mut behind = Behind::default();
        assert!(behind.begin(&json!([commit("aaaaaaaaaa")]), "d").unwrap());
        assert_eq!(behind.commits, None);
        assert!(
            behind
                .take(&json!([commit("bbbbbbbbbb"), commit("a")]), 2)
                .unwrap()
        );
        assert!(!behind.take(&json!([commit("c")]), 2).unwrap());
        assert_eq!(behind.commits, Some(3));
        assert_eq!(&*behind.newest.unwrap().0, "bbbbbbbb");
        let mut gone = Behind::default();
        assert!(!gone.begin(&json!([]), "d").unwrap());
        assert_eq!(gone, Behind::default());
        let mut set_back = Behind::default();
        assert!(set_back.begin(&json!([commit("a")]), "d").unwrap());
        assert!(!set_back.take(&json!([]), 2).unwrap());
        assert_eq!(set_back.commits, None);
        assert!(Behind::default().take(&json!({}), 2).is_err());
    }
}
